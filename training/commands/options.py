"""Options that several training commands have in common."""

from pathlib import Path
from typing import Annotated

import typer

from training.core.recipes import wrong_name

RecipeArgument = Annotated[Path, typer.Argument(help="Recipe, a TOML file.")]
DataOption = Annotated[Path, typer.Option("--data", help="Folder with text/, speech/, augment/.")]
WorkOption = Annotated[Path, typer.Option("--work", help="Folder for shards and checkpoints.")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="Change a recipe's setting: table.key=value.")
]
ResumeOption = Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint.")]

DATA = Path("data")
SPEECH_WORK = Path("runs/asr")
TURNS_WORK = Path("runs/turns")
CLASSIFICATION_WORK = Path("runs/classification")
ANALYTICS_WORK = Path("runs/analytics")


def file_name(name: str) -> str:
    """Return a name that files get, empty for the default.

    Raises:
        typer.BadParameter: No file can have it.
    """
    for complaint in wrong_name(name, "name") if name else ():
        raise typer.BadParameter(complaint)
    return name
