"""Whisper's spectrograms, tokenizers, losses and vocabulary, for both kinds of training."""
