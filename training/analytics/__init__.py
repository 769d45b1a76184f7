"""Training of the call analytics: data, two back-ends, evaluation, export."""
