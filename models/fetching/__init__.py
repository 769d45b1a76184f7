"""Published models by name: from where they are fetched, and where they are kept."""
