"""`callstream benchmark`: figures of this machine."""

from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Measure callstream on this machine.")


@app.callback()
def _benchmark() -> None:
    """Keep `footprint` a sub-command while it is the only one."""


@app.command()
def footprint(
    calls: Annotated[str, typer.Option(help="Numbers of calls at once, one run each.")] = "1,20",
    recording: Annotated[Path | None, typer.Option(help="Call to replay; else the demo's.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for JSON and PNG.")] = Path("runs/footprint"),
) -> None:
    """Measure CPU and memory of live calls at real-time speed."""
    from rich.console import Console  # noqa: PLC0415

    from benchmarks.footprint import measure  # noqa: PLC0415

    try:
        counts = [int(part) for part in calls.split(",")]
    except ValueError as error:
        raise typer.BadParameter(f"'{calls}' is no list of numbers") from error
    bundled = files("stream_app") / "assets" / "demo_call" / "call.wav"
    with as_file(bundled) as path:
        report = measure(recording or path, counts, out)
    Console().print_json(data=report)
