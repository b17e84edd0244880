"""The chat bots: the real libraries against strict servers of our own."""
