"""``callstream train analytics`` and its sisters."""
