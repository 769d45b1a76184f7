"""The contract of producers and readers as a page, made from the code that keeps it."""
