"""A served system after the verdict: what it is asked, whether that has changed, and whether it answers as certified."""
