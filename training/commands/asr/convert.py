"""``callstream train asr-convert``."""

from pathlib import Path
from typing import Annotated

import typer

from training.asr.finetuning.recipe import Output, WeightsFormat
from training.asr.finetuning.results import convert_weights


def convert_asr(
    source: Annotated[
        str, typer.Argument(help="Name, .pt file, Hugging Face or CTranslate2 folder.")
    ],
    target: Annotated[Path, typer.Argument(help="What to write, without the suffix of a file.")],
    kind: Annotated[WeightsFormat, typer.Option("--format", help="Format of the target.")],
    *,
    half: Annotated[bool, typer.Option("--fp16", help="Write fp16 instead of fp32.")] = False,
) -> None:
    """Turn Whisper weights of any form into a Hugging Face folder or a file of openai-whisper."""
    settings = Output(format=kind, precision="fp16" if half else "fp32")
    typer.echo(str(convert_weights(source, settings, target)))
