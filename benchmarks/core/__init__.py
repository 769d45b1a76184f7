"""What every benchmark shares: the machine, reports, plots, statistics."""
