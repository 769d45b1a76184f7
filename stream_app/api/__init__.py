"""The HTTP server of callstream: one application that each part joins with a router."""
