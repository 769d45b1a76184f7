"""``callstream train asr-evaluate``."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from models.console import text_console
from training.asr.evaluation.sets import Evaluation
from training.asr.experiment import BUNDLED_CALL, evaluate_speech
from training.asr.speech.folders import SpeechFolders
from training.commands.options import DATA, SPEECH_WORK, DataOption, WorkOption


def evaluate_asr(
    weights: Annotated[Path, typer.Argument(help="Weights of a training (.pt) with their card.")],
    data: DataOption = DATA,
    work: WorkOption = SPEECH_WORK,
    demo_call: Annotated[
        Path, typer.Option("--demo-call", help="Folder of the demo call.")
    ] = BUNDLED_CALL,
    *,
    write: Annotated[bool, typer.Option("--write", help="Put the figures into the card.")] = False,
) -> None:
    """Measure the weights of a training by themselves: word errors by kind, and silence.

    Without guards, on the reference back-end. What live calls get from any weights, back-end and
    precision is measured by `callstream benchmark quality`, with intervals.
    """
    found = evaluate_speech(weights, SpeechFolders(data, work), demo_call, write=write)
    text_console().print(_table(found))
    typer.echo(f"said to hold no speech: {found.no_speech}")


def _table(found: Evaluation) -> Table:
    table = Table("set", "WER", "utterances", "words", "sub", "del", "ins")
    for name, score in found.word_error_rates.items():
        errors = (score.substitutions, score.deletions, score.insertions)
        counts = (score.utterances, score.words, *errors)
        table.add_row(name, f"{score.word_error_rate:.1%}", *map(str, counts))
    return table
