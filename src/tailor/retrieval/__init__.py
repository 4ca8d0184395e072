"""Documents, passages and the index."""
