"""Contact-centre calls composed of written phrasings, whose answers follow from planted facts."""
