"""What every benchmark writes: one JSON file and one picture."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import orjson

from schemas.errors import ConfigurationError
from training.measuring.machine import describe_machine

VERSION = 1


def save_report(name: str, figures: Mapping[str, Any], out: Path) -> dict[str, Any]:
    """Write ``<out>/<name>.json`` and return its content.

    Args:
        name: Of the benchmark.
        figures: What was measured and with which options; nan becomes null.
        out: Folder, made if need be.

    Raises:
        ConfigurationError: The folder cannot be made.
    """
    report = {
        "schema": f"benchmark_{name}.v{VERSION}",
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": describe_machine(),
        **msgspec.to_builtins(figures),
    }
    prepare_folder(out)
    content = orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS)
    (out / f"{name}.json").write_bytes(content + b"\n")
    written: dict[str, Any] = orjson.loads(content)
    return written


def base_name(path: object) -> str:
    """Return the last part of a path, so that reports name no folders of this machine."""
    return Path(str(path)).name


def prepare_folder(out: Path) -> None:
    """Make the folder of a report.

    Raises:
        ConfigurationError: It cannot be made.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{out} cannot be a folder for reports: {error}") from error
