"""What all evaluations share: intervals, calibration, keywords, tables, and what is kept."""
