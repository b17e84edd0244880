"""Parts that go wrong, to see what the runner makes of them."""
