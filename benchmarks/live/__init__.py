"""Live calls through Kafka: capacity, latency, footprint, checkpoints."""
