"""The table of ``callstream train`` and the commands behind it."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import import_module

import pytest

from training.cli import COMMANDS


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_table_says_of_a_command_what_the_command_says(name: str) -> None:
    target, help_line = COMMANDS[name]
    module, _, function = target.partition(":")

    described = inspect.getdoc(getattr(import_module(module), function))

    assert described is not None
    assert described.splitlines()[0] == help_line


def test_the_list_of_commands_imports_no_library_of_the_training() -> None:
    """``callstream train --help`` is quick, and works where the extra is not installed."""
    done = _run_python(
        "import sys; from typer.testing import CliRunner; from stream_app.cli.app import app\n"
        "result = CliRunner().invoke(app, ['train', '--help'])\n"
        "assert 'turns-export' in result.output, result.output\n"
        "heavy = {'torch', 'transformers', 'peft', 'sklearn', 'matplotlib'} & {*sys.modules}\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)\n"
    )

    assert done.returncode == 0, done.stderr


def test_a_missing_package_is_one_line_that_says_what_to_install() -> None:
    done = _run_python(
        "import sys; sys.modules['matplotlib.figure'] = None\n"
        "from stream_app.cli.app import app; app(['train', 'asr-plot', 'anywhere'])\n"
    )

    assert done.returncode == 1
    assert "pip install 'callstream[train]'" in done.stderr
    assert done.stderr.count("\n") == 1


def _run_python(program: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=False)
