"""Calls that tests make up, and what drives state machines with them."""
