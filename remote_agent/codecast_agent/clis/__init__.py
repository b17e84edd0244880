"""The CLIs we drive: one file a protocol, one written contract (`contract`)."""
