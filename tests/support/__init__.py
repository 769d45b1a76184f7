"""What several kinds of test use."""
