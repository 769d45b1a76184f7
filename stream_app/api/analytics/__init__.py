"""The part of the HTTP server that analyses conversations."""
