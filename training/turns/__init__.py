"""Training of the turn detection: data, networks, evaluation."""
