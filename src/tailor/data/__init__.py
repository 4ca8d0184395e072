"""Examples: reading, splitting, auditing."""
