"""Workers, calls and watches of a running system."""
