"""The bundled voice activity model, made from its package."""
