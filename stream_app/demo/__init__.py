"""The whole live path on one machine, with a recorded call and everything measured from outside."""
