"""From the sources of a recipe to prepared calls: splits, checks, forms, report."""
