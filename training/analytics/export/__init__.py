"""A trained adapter as a version that serves: files, hashes, figures, card."""
