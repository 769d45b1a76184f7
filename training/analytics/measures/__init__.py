"""What counts as right in an analysis, and what needs no language model."""
