"""Spoken English: numbers and written text as the words that are said."""
