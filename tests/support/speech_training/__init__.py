"""Small data for the trainings of speech."""
