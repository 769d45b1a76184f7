"""What the end-of-turn models learn from: dialogues in, examples in three splits out."""
