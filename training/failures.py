"""How a training command fails: one line, and an exit code."""

import typer

from schemas.errors import ConfigurationError

FAILURE, USAGE = 1, 2


def failed(error: Exception) -> typer.Exit:
    """Return what to raise after saying what is wrong; 2 if it is wrong in what was asked for."""
    typer.echo(f"error: {error}", err=True)
    return typer.Exit(USAGE if isinstance(error, ConfigurationError) else FAILURE)
