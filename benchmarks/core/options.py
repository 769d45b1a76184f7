"""Options that several benchmarks share, and how their values are read."""

from pathlib import Path
from typing import Annotated

import typer

from schemas.errors import ConfigurationError

WeightsFolder = Annotated[
    Path, typer.Option("--weights", help="Folder that keeps weights made for benchmarks.")
]
RecordingOption = Annotated[
    Path, typer.Option(help="Call to make copies of, its reference beside it.")
]
BootstrapOption = Annotated[
    str, typer.Option(help="A broker, host:port; without it the embedded one is started.")
]
DataOption = Annotated[
    Path | None,
    typer.Option("--data", help="Folder of public data: real speech instead of the demo call's."),
]
ModelOption = Annotated[
    str, typer.Option("--model", help="Name or path of weights; empty is what the settings say.")
]
ProcessesOption = Annotated[int, typer.Option(min=1, help="Processes that recognise.")]
WEIGHTS = Path("runs/benchmark-weights")


def names(text: str) -> tuple[str, ...]:
    """Return the parts of a comma-separated list.

    Raises:
        ConfigurationError: There are none.
    """
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    if not found:
        raise ConfigurationError("an empty list was given")
    return found


def numbers(text: str) -> list[int]:
    """Return the numbers of a comma-separated list.

    Raises:
        ConfigurationError: Not numbers above 0.
    """
    try:
        found = [int(part) for part in names(text)]
    except ValueError as error:
        raise ConfigurationError(f"'{text}' is no list of numbers") from error
    if min(found) < 1:
        raise ConfigurationError(f"'{text}': numbers start at 1")
    return found
