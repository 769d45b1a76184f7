"""Training of the small bundled Whisper: synthesis, augmentation, network, loop, export."""
