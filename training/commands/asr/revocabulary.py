"""``callstream train asr-revocabulary``."""

from pathlib import Path
from typing import Annotated

import typer

from training.asr.scratch.revocabulary import change_vocabulary
from training.asr.scratch.run import training_vocabulary
from training.asr.speech.folders import SpeechFolders
from training.commands.options import DATA, SPEECH_WORK, WorkOption


def revocabulary_asr(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint to read.")],
    changed: Annotated[Path, typer.Argument(help="Checkpoint to write.")],
    size: Annotated[int, typer.Option("--size", help="Tokens to keep or add.")],
    work: WorkOption = SPEECH_WORK,
) -> None:
    """Give a checkpoint a vocabulary of another size, built from the run's training texts."""
    vocabulary = training_vocabulary(SpeechFolders(DATA, work), size=size)
    change_vocabulary(checkpoint, changed, vocabulary)
    typer.echo(str(changed))
