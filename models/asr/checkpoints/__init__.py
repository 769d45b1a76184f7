"""Whisper weights of any origin, and their exports on disk."""
