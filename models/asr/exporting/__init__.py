"""Weights written in another library's files, once and on demand.

These modules build graphs and yet belong to the live path: a worker that is given other weights
than the bundled ones exports them when it starts.
"""
