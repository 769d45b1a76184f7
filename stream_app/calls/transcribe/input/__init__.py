"""The input of one call: chunks put in order, gaps and facts, and which of it is still needed."""
