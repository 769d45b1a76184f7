"""Failures of a command: one line on stderr, and the exit code that says whose fault it is."""

import typer

from stream_app.logs.printable import printable

FAILURE = 1
USAGE = 2
INTERRUPTED = 130


def print_failure(message: str) -> None:
    """Print one line on stderr."""
    typer.echo(f"callstream: {' '.join(printable(message).split())}", err=True)


def failed(code: int, message: str) -> typer.Exit:
    """Return the end of a command whose reason is printed."""
    print_failure(message)
    return typer.Exit(code)
