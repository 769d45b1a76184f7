"""``callstream train asr-adapt``."""

from pathlib import Path
from typing import Annotated

import typer

from training.asr.adaptation.recipe import read_adaptation_recipe
from training.asr.adaptation.run import adapt
from training.asr.speech.folders import SpeechFolders
from training.commands.options import (
    DATA,
    SPEECH_WORK,
    DataOption,
    RecipeArgument,
    ResumeOption,
    SetOption,
    WorkOption,
)


def adapt_asr(
    recipe: RecipeArgument,
    data: DataOption = DATA,
    work: WorkOption = SPEECH_WORK,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for the weights; by default the run's own folder."),
    ] = None,
    changes: SetOption = None,
    *,
    resume: ResumeOption = False,
) -> None:
    """Teach a Whisper to hear short, unpadded telephone audio, by distilling it into itself."""
    settings = read_adaptation_recipe(recipe, changes or [])
    folders = SpeechFolders(data, work)
    adapted = adapt(settings, folders, out or work / settings.name, resume=resume)
    figures = "  ".join(f"{name} {value:.1%}" for name, value in adapted.figures.items())
    typer.echo(f"{adapted.weights}  step {adapted.step}  {figures}")
