"""Why the baseline fails, and what each lever would win: before anything dear is tried."""
