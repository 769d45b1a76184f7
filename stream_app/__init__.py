"""The live path: Faust, Kafka, sockets and the command line live here and nowhere else."""
