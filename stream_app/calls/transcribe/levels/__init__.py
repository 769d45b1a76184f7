"""How loud each channel is and whether its audio is healthy."""
