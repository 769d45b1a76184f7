"""Evaluation of the end-of-turn models: measures, tables, plots, model cards."""
