"""Commands about the answers that agents give of calls."""
