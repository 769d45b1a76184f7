"""Training of Whisper: the small bundled one from scratch, any other by fine-tuning."""
