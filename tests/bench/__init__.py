"""Measurements against plain ssh on the same link: `make bench`. Ratios of one run, never bars of a test."""
