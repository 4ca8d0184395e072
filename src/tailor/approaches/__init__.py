"""Ways to turn one System into another."""
