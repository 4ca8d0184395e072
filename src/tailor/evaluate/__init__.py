"""Answers on a split, and their scores."""
