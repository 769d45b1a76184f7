"""Benchmarks: each one command, writing JSON and a picture, the machine and commit recorded."""
