"""Parts that several tests drive the state machines with."""
