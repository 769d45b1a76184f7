"""What live answers say of models: agreement, corrections, drift."""
