"""What a figure depends on besides the code: the machine, the versions, the commit."""

import os
import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")
PACKAGES = ("torch", "openai-whisper", "onnxruntime", "faust-streaming", "aiokafka", "numpy")


def describe_machine(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Return the machine, versions and commit of this run.

    Args:
        packages: Whose versions are named.
    """
    return {
        "cpu": _cpu_name(),
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
        "commit": _commit(),
        "load_average": _load_average(),
        **{name: _version(name) for name in packages},
    }


def _cpu_name() -> str:
    if CPU_INFO.is_file():
        for line in CPU_INFO.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _load_average() -> str:
    """Return how many processes wanted a core during the last minute: the figures' company."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def _commit() -> str:
    """Return the commit, marked where the working tree differs from it."""
    command = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    try:
        done = subprocess.run(  # noqa: S603 -- a fixed command
            command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
