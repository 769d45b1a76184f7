"""The demo: a recorded call through the whole live path on one machine, measured from outside."""
