"""Why the baseline fails, and what each lever would win: forecast before any of them is paid for."""
