"""Memory of an agent: partitions, their calls, checkpoints, and work under way."""
