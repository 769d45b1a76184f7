"""Messages and value types of callstream; imports nothing else of the project."""
