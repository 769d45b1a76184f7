"""What runs an agent: events in, effects out, results back."""
