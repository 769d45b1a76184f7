"""Everything around Faust and Kafka, written once for all agents."""
