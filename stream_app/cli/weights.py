"""`callstream weights`: what is bundled, and whether it is intact."""

import typer

app = typer.Typer(no_args_is_help=True, help="List and verify the bundled weights.")


@app.command("list")
def list_weights() -> None:
    """Show the bundled weights."""
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from models.registry import verify_all  # noqa: PLC0415

    table = Table("weights", "format", "file", "sha256")
    for manifest in verify_all():
        table.add_row(manifest.name, manifest.format, manifest.file, manifest.sha256[:12])
    Console().print(table)


@app.command()
def verify() -> None:
    """Check the sha256 of every bundled file."""
    from models.registry import verify_all  # noqa: PLC0415

    for manifest in verify_all():
        typer.echo(f"{manifest.name}: intact")
