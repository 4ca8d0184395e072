"""Other ways to generate text from the same weights, each timed in a process of its own: ``python -m benchmarks.rivals NAME``."""
