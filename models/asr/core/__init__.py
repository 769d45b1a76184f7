"""What all parts of the recognizer share: requests, hypotheses, tokens, a network's interface."""
