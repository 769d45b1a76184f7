"""What a channel has of another one: found, and taken out before anything hears it."""
