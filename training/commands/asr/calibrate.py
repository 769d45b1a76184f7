"""``callstream train asr-calibrate``."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from training.asr.experiment import calibrate_speech
from training.asr.speech.folders import SpeechFolders
from training.commands.options import DATA, SPEECH_WORK, DataOption, WorkOption


def calibrate_asr(
    weights: Annotated[
        Path, typer.Argument(help="Exported weights with their card: a .pt, or the card itself.")
    ],
    data: DataOption = DATA,
    work: WorkOption = SPEECH_WORK,
    *,
    write: Annotated[bool, typer.Option("--write", help="Put the results into the card.")] = False,
) -> None:
    """Fit confidences, whether anybody speaks, word times and the policy's guard.

    Nothing of it was heard in training: the curves are fitted on held-out real speech, that of
    speech on sound without words as well, and their errors taken on other real speech; word times
    and the guard come from the unheard voices.
    """
    found = calibrate_speech(weights, SpeechFolders(data, work), write=write)
    typer.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
