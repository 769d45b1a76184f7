"""The text that rich draws on a terminal."""

import io

from rich.console import Console


def drawn(*items: object, width: int = 80, height: int = 24, colour: bool = False) -> str:
    """Return the text of items printed one after another, with escape sequences if coloured."""
    console = Console(
        file=io.StringIO(),
        width=width,
        height=height,
        force_terminal=colour,
        color_system="truecolor" if colour else None,
        legacy_windows=False,
        _environ={},
    )
    for item in items:
        console.print(item)
    output = console.file
    assert isinstance(output, io.StringIO)
    return output.getvalue()
