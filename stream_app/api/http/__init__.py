"""What every path of the HTTP server shares: errors, JSON, limits, the API key, metrics."""
