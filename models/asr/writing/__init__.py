"""Words as spoken to words as written."""
