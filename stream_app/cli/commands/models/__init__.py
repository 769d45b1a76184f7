"""`callstream models`: bundled and fetched models, and the versions of own ones."""
