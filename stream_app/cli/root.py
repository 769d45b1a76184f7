"""The root command: finds registered commands, and turns every failure into one line."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, NoReturn

import typer

from schemas.errors import CallstreamError, ConfigurationError, MissingExtraError
from stream_app.cli.failures import FAILURE, INTERRUPTED, USAGE, failed
from stream_app.cli.loading import LazyCommand, LazyGroup, command_of, missing_module, unavailable

COMMAND_GROUP = "callstream.commands"


class RootGroup(LazyGroup):
    """Commands of ours and of everyone who registers an entry point."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of our commands, then of the registered ones."""
        own = super().list_commands(ctx)
        return own + sorted(set(_registered()) - set(own))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command; the table of a registered one is imported when it is asked for."""
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        entry_point = _registered().get(cmd_name)
        return None if entry_point is None else _load(entry_point)

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """Return the context of the root's own options."""
        with _failures_as_one_line():
            return super().make_context(info_name, args, parent=parent, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        with _failures_as_one_line(has_traceback=bool(ctx.params.get("traceback"))):
            return super().invoke(ctx)


@contextmanager
def _failures_as_one_line(*, has_traceback: bool = False) -> Iterator[None]:
    """End the process with one line on stderr where what is done inside fails.

    Args:
        has_traceback: An unexpected failure is raised as it is.
    """
    try:
        yield
    except ConfigurationError as error:
        raise failed(USAGE, str(error)) from error
    except CallstreamError as error:
        raise failed(FAILURE, str(error)) from error
    except ModuleNotFoundError as error:
        raise failed(FAILURE, missing_module(error)) from error
    except KeyboardInterrupt as error:
        raise typer.Exit(INTERRUPTED) from error
    except OSError as error:
        if error.errno == errno.EPIPE:  # `callstream .. | head`: typer knows what to do
            raise
        raise failed(FAILURE, str(error)) from error
    except Exception as error:
        if _is_wrong_usage(error):
            raise _wrong_usage(error) from error
        if _is_typers(error) or has_traceback:
            raise
        message = f"{type(error).__name__}: {error} (a bug; --traceback shows where)"
        raise failed(FAILURE, message) from error


def _registered() -> dict[str, EntryPoint]:
    return {entry_point.name: entry_point for entry_point in entry_points(group=COMMAND_GROUP)}


def _load(entry_point: EntryPoint) -> Any:
    """Return the command of an entry point: its module is a table, or else it names the command."""
    name = entry_point.name
    try:
        module = import_module(entry_point.module)
        return command_of(name, module if hasattr(module, "COMMANDS") else entry_point.load())
    except ImportError as error:
        missing = unavailable(name, error)
    return LazyCommand(name, f"Not installed: needs the extra '{name}'.", partial(_refuse, missing))


def _refuse(missing: MissingExtraError) -> NoReturn:
    raise missing


def _is_wrong_usage(error: Exception) -> bool:
    """Return whether typer found the arguments wrong; no arguments at all get the help instead."""
    is_help = type(error).__name__ == "NoArgsIsHelpError"
    return getattr(error, "exit_code", 0) == USAGE and hasattr(error, "ctx") and not is_help


def _wrong_usage(error: Any) -> typer.Exit:
    path = "" if error.ctx is None else error.ctx.command_path
    command = " ".join(("callstream", *path.split()[1:]))
    return failed(USAGE, f"{error.format_message().rstrip('.')}; see {command} --help")


def _is_typers(error: Exception) -> bool:
    return isinstance(error, typer.Exit | typer.Abort) or hasattr(error, "exit_code")
