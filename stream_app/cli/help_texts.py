"""Help texts that show what they say: typer would take words in brackets for rich's styles."""

from typing import Any

from rich.markup import escape
from typer.core import HAS_RICH


def literal(text: str) -> str:
    """Return a help text that is shown as it is: ``callstream[torch]`` keeps its brackets."""
    return escape(text) if HAS_RICH else text


def show_literally(command: Any) -> Any:
    """Return a command whose help, and that of its options and sub-commands, is shown as it is.

    Args:
        command: Of typer; it is changed, and not to be given twice.
    """
    for name in ("help", "short_help", "epilog"):
        if getattr(command, name, None):
            setattr(command, name, literal(getattr(command, name)))
    for parameter in command.params:
        if getattr(parameter, "help", None):
            parameter.help = literal(parameter.help)
    for further in getattr(command, "commands", {}).values():
        show_literally(further)
    return command
