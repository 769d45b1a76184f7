"""``callstream train analytics-fuse``."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from models.console import WorkProgress
from models.store.gguf_file import is_gguf
from training.analytics.adapters.conversion import read_adapter
from training.analytics.adapters.gguf_model import Quantisation, fuse_gguf
from training.analytics.adapters.hugging_face_model import fuse_hugging_face
from training.commands.analytics.convert import mlx_base

Form = Literal["hf", "mlx"]


def fuse_analytics(
    adapter: Annotated[Path, typer.Argument(help="Adapter of PEFT, MLX or GGUF: folder or file.")],
    base: Annotated[Path, typer.Option("--base", help="Its base model: a folder, or a GGUF file.")],
    out: Annotated[Path, typer.Option("--out", help="Folder or GGUF file to write.")],
    to: Annotated[
        Form, typer.Option("--to", help="Form of a folder: of Hugging Face, or of MLX.")
    ] = "hf",
    quantisation: Annotated[
        Quantisation,
        typer.Option("--quantisation", help="Of the matrices of a GGUF file; same keeps theirs."),
    ] = "same",
) -> None:
    """Write a model with an adapter added to its weights: Hugging Face, MLX or GGUF."""
    read = read_adapter(adapter, base)
    with WorkProgress() as progress:
        row = progress.add_task(f"writing {out.name}", total=None)

        def tell(name: str) -> None:
            progress.update(row, description=f"wrote {name}")

        if is_gguf(base):
            fuse_gguf(read, base, out, quantisation, tell)
        elif to == "mlx":
            mlx_base().fuse_mlx(read, base, out)
        else:
            fuse_hugging_face(read, base, out, tell)
    typer.echo(str(out))
