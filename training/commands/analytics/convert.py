"""``callstream train analytics-convert``."""

from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from models.store.gguf_file import is_gguf
from schemas.errors import ConfigurationError
from training.analytics.adapters.conversion import form_of, read_adapter, write_adapter
from training.analytics.adapters.gguf_adapter import Precision

Form = Literal["peft", "mlx", "gguf", "hf"]


def convert_analytics(
    source: Annotated[
        Path, typer.Argument(help="Adapter of PEFT, MLX or GGUF, or a base model: folder or file.")
    ],
    to: Annotated[
        Form, typer.Option("--to", help="Form to write; a base becomes mlx, a GGUF base also hf.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder or file to write.")],
    base: Annotated[
        Path | None, typer.Option("--base", help="The adapter's base model, of any form.")
    ] = None,
    precision: Annotated[
        Precision, typer.Option("--precision", help="Of the matrices of a GGUF adapter.")
    ] = "f32",
    bits: Annotated[
        int, typer.Option("--bits", help="Of a weight of a base for MLX; 0 keeps its precision.")
    ] = 0,
) -> None:
    """Convert an adapter between PEFT, MLX and GGUF, or a base model to MLX."""
    if form_of(source) is None:
        _convert_base(source, to, out, bits)
    elif to == "hf":
        raise ConfigurationError(f"{source} is an adapter: it becomes peft, mlx or gguf")
    else:
        write_adapter(read_adapter(source, base), out, to, base, precision)
    typer.echo(str(out))


def _convert_base(source: Path, to: Form, out: Path, bits: int) -> None:
    if to == "mlx":
        mlx_base().convert_base(source, out, bits)
    elif to == "hf" and is_gguf(source):
        import_module("training.analytics.adapters.gguf_base").write_hugging_face(source, out)
    else:
        raise ConfigurationError(
            f"{source} is no adapter; a base model becomes mlx, and a GGUF file also hf"
        )


def mlx_base() -> Any:
    """Return the module of MLX's models, which only those need who have the extra."""
    return import_module("training.analytics.adapters.mlx_base")
