"""Classification in tests: a small label set, rows, trained models."""
