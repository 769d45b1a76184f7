"""Weights on disk: manifests, files and their hashes."""
