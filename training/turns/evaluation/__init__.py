"""How good the end-of-turn models are: measures, tables, pictures, model cards."""
