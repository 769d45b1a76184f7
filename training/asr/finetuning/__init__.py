"""Fine-tuning of Whisper checkpoints, all their parameters or adapters of low rank."""
