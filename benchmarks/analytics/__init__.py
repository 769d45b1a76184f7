"""What a call costs a language model on one core."""
