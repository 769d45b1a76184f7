"""``callstream train asr-export``."""

from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal

from training.asr.bundle.files import BundleSettings, write_bundle
from training.commands.options import DATA, DataOption


def export_asr(
    weights: Annotated[
        str, typer.Argument(help="Name, file or folder of Whisper weights, as for a worker.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for graphs and manifest.")],
    data: DataOption = DATA,
    name: Annotated[str, typer.Option(help="Of the files, and in messages.")] = "callstream-en",
    tokens: Annotated[
        int,
        typer.Option(
            min=0,
            help="Keep so many tokens, those that English calls need by the texts under "
            "DATA/text; 0 keeps all that can be written.",
        ),
    ] = 0,
    pad_ms: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Silence after the audio, which ends the encoder's context. By default as the "
            "manifest beside the weights says, and without one a context of 30 s.",
        ),
    ] = None,
) -> None:
    """Write weights as callstream ships them: int8 graphs, with the whole vocabulary or a part."""
    written = write_bundle(weights, data / "text", out, BundleSettings(name, tokens, pad_ms))
    size = decimal(written.size_bytes)
    typer.echo(f"{written.manifest}  {written.tokens} tokens  {size}")
