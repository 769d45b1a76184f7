"""Synthetic, non-graphic helpline calls, composed of written phrasings."""
