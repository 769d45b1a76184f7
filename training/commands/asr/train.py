"""``callstream train asr``."""

from pathlib import Path
from typing import Annotated

import typer

from training.asr.experiment import train_speech
from training.asr.recipe import read_speech_recipe
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


def train_asr(
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
    """Train the small Whisper from scratch, or fine-tune another where the recipe names a base."""
    settings = read_speech_recipe(recipe, changes or [])
    trained = train_speech(settings, SpeechFolders(data, work), out, resume=resume)
    typer.echo(f"{trained.weights}  step {trained.step}  {trained.remark}")
