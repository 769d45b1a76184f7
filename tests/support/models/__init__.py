"""Small models and sounds for tests."""
