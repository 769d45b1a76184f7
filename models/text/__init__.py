"""Text models: word pieces, batches and graphs of encoders; errors of words."""
