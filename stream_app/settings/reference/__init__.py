"""The settings as a table: what there is, what each means, and what is in effect."""
