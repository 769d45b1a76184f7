"""What the agents `analyze` and `analyze_live` ask of a call, and what the answers become."""
