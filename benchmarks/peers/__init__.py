"""Other ways to follow live speech, with the same weights."""
