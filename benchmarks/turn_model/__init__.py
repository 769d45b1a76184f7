"""What one run of the end-of-turn model costs."""
