"""An adapter learns to answer: rows, cached states, the loop, the report."""
