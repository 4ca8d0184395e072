"""Generative models and embedders."""
