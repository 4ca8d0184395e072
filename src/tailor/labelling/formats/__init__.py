"""Formats of labels of other tools: each reads files into `tailor.labelling.marks` and writes them again.

What a format cannot hold is counted by name when it is written (`base.Losses`), and never dropped silently.
"""
