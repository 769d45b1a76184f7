"""Whether the brokers let us in, and if not, why."""
