"""Measurements against plain ssh on the same link (`make bench`): ratios of one run."""
