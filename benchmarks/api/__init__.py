"""Delay of a classification through the HTTP server."""
