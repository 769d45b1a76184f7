"""Training of the bundled Whisper from scratch."""
