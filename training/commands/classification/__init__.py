"""``callstream train classification`` and its sisters."""
