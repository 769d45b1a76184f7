"""What trainings on text share: words as they are said, encoders, batches, graphs."""
