"""`callstream schemas`: the messages as JSON Schema."""

from pathlib import Path
from typing import Annotated

import typer

from schemas.export import DEFAULT_FOLDER, export_schemas

app = typer.Typer(no_args_is_help=True, help="Export the schemas of the messages.")


@app.callback()
def _schemas() -> None:
    """Export the schemas of the messages."""


@app.command()
def export(
    folder: Annotated[
        Path | None, typer.Argument(help="Where to write them; else beside the messages.")
    ] = None,
) -> None:
    """Write the JSON Schema of every message, one file each."""
    paths = export_schemas(folder or DEFAULT_FOLDER)
    typer.echo(f"{len(paths)} schemas in {paths[0].parent}")
