"""Tailor measures whether to prompt, retrieve, fine-tune or combine them, on your own data."""
