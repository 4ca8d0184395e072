"""Kinds of task: what is asked for, and what an answer is worth; a file for each."""
