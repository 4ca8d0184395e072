"""Advice before any measurement: which way of answering to expect, and why."""
