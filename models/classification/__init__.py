"""What a call is about: label sets, and the models that give their labels."""
