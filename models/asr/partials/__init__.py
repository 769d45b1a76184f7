"""When a word of an unfinished utterance is committed."""
