"""Models that classify calls, made by the tests."""
