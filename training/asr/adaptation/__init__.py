"""Adaptation of a Whisper to short, unpadded telephone audio by distilling it into itself."""
