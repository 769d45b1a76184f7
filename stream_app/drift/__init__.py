"""Reports on live answers: agreement with a challenger, corrections, drift."""
