"""The root command: finds further commands by entry points, and turns failures into one line."""

import errno
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import typer
from typer.core import TyperGroup

from schemas.errors import CallstreamError, ConfigurationError
from stream_app.printable import printable

COMMAND_GROUP = "callstream.commands"
FAILURE = 1
USAGE = 2
INTERRUPTED = 130
_EXTRA_OF_MODULE = {
    "torch": "torch",
    "whisper": "torch",
    "tiktoken": "torch",
    "jiwer": "train",
    "matplotlib": "train",
    "num2words": "train",
    "scipy": "train",
    "transformers": "train",
    "peft": "train",
    "onnx": "torch",
    "safetensors": "torch",
    "huggingface_hub": "torch",
    "psutil": "bench",
    "faster_whisper": "peers",
    "whisperlivekit": "peers",
}


def print_failure(message: str) -> None:
    """Print one line on stderr."""
    typer.echo(f"callstream: {' '.join(printable(message).split())}", err=True)


class RootGroup(TyperGroup):
    """Commands of ours and of everyone who registers an entry point."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of our commands, then of the registered ones."""
        own = super().list_commands(ctx)
        return own + sorted(set(_registered()) - set(own))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command; a registered one is imported when it is asked for."""
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        entry_point = _registered().get(cmd_name)
        return None if entry_point is None else _load(entry_point)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; an expected failure ends it with one line on stderr."""
        try:
            return super().invoke(ctx)
        except ConfigurationError as error:
            raise _failed(USAGE, str(error)) from error
        except CallstreamError as error:
            raise _failed(FAILURE, str(error)) from error
        except ModuleNotFoundError as error:
            raise _failed(FAILURE, _missing_module(error)) from error
        except KeyboardInterrupt as error:
            raise typer.Exit(INTERRUPTED) from error
        except OSError as error:
            if error.errno == errno.EPIPE:  # `callstream .. | head`: typer knows what to do
                raise
            raise _failed(FAILURE, str(error)) from error
        except Exception as error:
            if _is_typers(error) or ctx.params.get("traceback"):
                raise
            message = f"{type(error).__name__}: {error} (a bug; --traceback shows where)"
            raise _failed(FAILURE, message) from error


def _registered() -> dict[str, EntryPoint]:
    return {entry_point.name: entry_point for entry_point in entry_points(group=COMMAND_GROUP)}


def _load(entry_point: EntryPoint) -> Any:
    try:
        loaded = entry_point.load()
    except ImportError as error:
        command = _unavailable(entry_point.name, _missing_module(error, entry_point.name))
        loaded = typer.Typer()
        loaded.command(
            entry_point.name,
            help=f"Not installed: needs the extra '{entry_point.name}'.",
            context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
            add_help_option=False,
        )(command)
        return typer.main.get_command(loaded)
    if isinstance(loaded, typer.Typer):
        loaded = typer.main.get_group(loaded)
        loaded.name = entry_point.name  # what `--help` lists
    return loaded


def _unavailable(name: str, reason: str) -> Callable[[], None]:
    def command() -> None:
        raise _failed(FAILURE, f"`callstream {name}` cannot run: {reason}")

    return command


def _missing_module(error: ImportError, command: str = "") -> str:
    name = (error.name or "").partition(".")[0]
    extra = _EXTRA_OF_MODULE.get(name, command)
    if not extra:
        return f"{error}; is callstream installed with all its dependencies?"
    return f"the package {name} is missing; install it with: pip install 'callstream[{extra}]'"


def _failed(code: int, message: str) -> typer.Exit:
    print_failure(message)
    return typer.Exit(code)


def _is_typers(error: Exception) -> bool:
    return isinstance(error, typer.Exit | typer.Abort) or hasattr(error, "exit_code")
