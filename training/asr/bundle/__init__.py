"""Weights as callstream ships them: int8 graphs over the vocabulary that calls need."""
