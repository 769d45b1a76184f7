"""What crosstalk costs a call in words and turns, and what its removal costs double talk."""
