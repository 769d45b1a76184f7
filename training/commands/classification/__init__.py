"""``callstream train classification-prepare`` and its sisters."""
