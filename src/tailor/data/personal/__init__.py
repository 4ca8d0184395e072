"""What looks like personal data or a secret in texts: plain patterns, with checks where a number carries one."""
