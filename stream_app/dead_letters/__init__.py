"""Dead letters on their topic: found, shown, and sent again."""
