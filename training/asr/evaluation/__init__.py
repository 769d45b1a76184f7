"""Evaluation of weights: word error rates, and the calibration in their manifest."""
