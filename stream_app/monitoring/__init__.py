"""Metrics and health of an agent, and the HTTP server that answers with them."""
