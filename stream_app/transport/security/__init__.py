"""How Kafka clients prove who they are: certificates, passwords, tickets and tokens."""
