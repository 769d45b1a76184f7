"""The page `docs/settings.md`, made from the settings.

python -m stream_app.settings.reference.page > docs/settings.md
"""

import sys
from collections.abc import Iterator

from stream_app.settings.reference.entries import SettingEntry, entries, parts, summary_of
from stream_app.settings.root import Settings

HEAD = """# Settings

Made from the code by `python -m stream_app.settings.reference.page > docs/settings.md`; a test
compares.

Every setting is a variable of the environment; there is no settings file. A command reads them
once, when it starts, and hands them to its agents. Names, and words such as `SSL`, are taken in
capitals or small letters. A variable that is empty counts as one that is not set.
A variable that begins with `CALLSTREAM_` and is no setting, or whose value does not fit, ends the
command with exit code 2 and one line that names it. `callstream settings` shows what is in effect
and where it comes from (`--json` for programs); passwords are hidden there.

The units are part of the names: `_s` is seconds, `_ms` milliseconds.
"""


def page() -> str:
    """Return the text of the page."""
    lines = [HEAD]
    every = [*entries(Settings.model_construct(), {})]
    for part, kind in parts().items():
        lines += [f"## `{part}`\n", f"{summary_of(kind)}\n"]
        lines += [*_table([entry for entry in every if entry.part == part]), ""]
    return "\n".join(lines)


def _table(rows: list[SettingEntry]) -> Iterator[str]:
    yield "| variable | default | values | meaning |"
    yield "|---|---|---|---|"
    for row in rows:
        default = f"`{row.default}`" if row.default else "empty"
        cells = (f"`{row.variable}`", default, row.values, row.meaning)
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    sys.stdout.write(page())
