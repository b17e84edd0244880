"""Stand-ins for the platforms: they enforce the published limits and fail on purpose."""
