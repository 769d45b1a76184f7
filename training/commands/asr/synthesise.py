"""``callstream train asr-synthesise``."""

import typer

from training.asr.experiment import prepare_speech
from training.asr.scratch.recipe import read_recipe
from training.asr.speech.folders import SpeechFolders
from training.commands.options import (
    DATA,
    SPEECH_WORK,
    DataOption,
    RecipeArgument,
    SetOption,
    WorkOption,
)


def synthesise_asr(
    recipe: RecipeArgument,
    data: DataOption = DATA,
    work: WorkOption = SPEECH_WORK,
    changes: SetOption = None,
) -> None:
    """Make the training speech of a recipe and the evaluation set of unheard voices."""
    folders = SpeechFolders(data, work)
    made = prepare_speech(read_recipe(recipe, changes or []), folders)
    typer.echo(f"{made} utterances in {folders.synthetic}")
