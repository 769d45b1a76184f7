"""The examples of the end-of-turn models: from conversations to three splits."""
