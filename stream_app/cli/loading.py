"""Commands that are imported when they run: a table names them, with the help of one line.

A group of commands is a module with two constants and nothing that is heavy to import::

    HELP = "Train the bundled models, and models of your own."
    COMMANDS = {"asr": ("training.asr.commands:train_asr", "Train the small Whisper.")}

A target is ``module:function`` of a command, ``module:app`` of a `typer.Typer`, or ``module`` of a
further table.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup

from models.extras.requirement import how_to_install
from schemas.errors import MissingExtraError
from stream_app.cli.help_texts import literal, show_literally

CommandTable = Mapping[str, tuple[str, str]]  # target and help, by name

_EXTRA_OF_MODULE = {
    "torch": "torch",
    "whisper": "torch",
    "tiktoken": "torch",
    "jiwer": "train",
    "matplotlib": "train",
    "scipy": "train",
    "sklearn": "train",
    "pyarrow": "train",
    "transformers": "train",
    "peft": "train",
    "psutil": "bench",
    "threadpoolctl": "bench",
    "faster_whisper": "peers",
    "whisperlivekit": "peers",
}


class LazyCommand(TyperCommand):
    """A command of which only name and help are known until it is used.

    Args:
        name: As the user writes it.
        short_help: One line.
        load: Returns the command itself.
    """

    def __init__(self, name: str, short_help: str, load: Callable[[], Any]) -> None:
        super().__init__(name, help=literal(short_help))
        self._load = load

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """Return the context in which the command itself runs."""
        return self._load().make_context(info_name, args, parent=parent, **extra)


class LazyGroup(TyperGroup):
    """Commands of a table, imported one by one as they are used.

    Args:
        table: Of the group; by default that of the class.

    Attributes:
        table: Of a group that is a class.
    """

    table: ClassVar[CommandTable] = {}

    def __init__(self, *, table: CommandTable | None = None, **attributes: Any) -> None:
        super().__init__(**attributes)
        self._table = self.table if table is None else table

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the commands, those of the table first, in its order."""
        others = [name for name in super().list_commands(ctx) if name not in self._table]
        return [*self._table, *others]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command, which is not imported yet if the table has it."""
        if cmd_name not in self._table:
            return super().get_command(ctx, cmd_name)
        target, short_help = self._table[cmd_name]
        return LazyCommand(cmd_name, short_help, lambda: load_command(cmd_name, target))


def load_command(name: str, target: str) -> Any:
    """Return the command behind a target of a table.

    Args:
        name: Of the command.
        target: See the module.

    Raises:
        MissingExtraError: A package that it needs is not installed.
    """
    module_name, _, attribute = target.partition(":")
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        raise unavailable(name, error) from error
    return command_of(name, getattr(module, attribute) if attribute else module)


def command_of(name: str, loaded: Any) -> Any:
    """Return a command from a function, a `typer.Typer` or the module of a table."""
    if isinstance(loaded, ModuleType):
        help_line, table = literal(loaded.HELP), loaded.COMMANDS
        return LazyGroup(name=name, help=help_line, table=table, no_args_is_help=True)
    if isinstance(loaded, typer.Typer):
        group = typer.main.get_group(loaded)
        group.name = name
        return show_literally(group)
    application = typer.Typer(add_completion=False)
    application.command(name)(loaded)
    return show_literally(typer.main.get_command(application))


def unavailable(name: str, error: ImportError) -> MissingExtraError:
    """Return what is wrong with a command that cannot be imported."""
    return MissingExtraError(f"`callstream {name}` cannot run: {missing_module(error, name)}")


def missing_module(error: ImportError, command: str = "") -> str:
    """Return which package is missing, and what to install.

    Args:
        error: That the import raised.
        command: Whose extra it is where the package alone does not say.
    """
    name = (error.name or "").partition(".")[0]
    extra = _EXTRA_OF_MODULE.get(name, command)
    if not extra:
        return f"{error}; is callstream installed with all its dependencies?"
    return f"the package {name} is missing; install it with: {how_to_install(extra)}"
