"""Models that analyse calls, and their versions."""
