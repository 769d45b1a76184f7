"""Marks of processes: names by which another process of the machine sees whether they run.

It is the client id of our consumers: the brokers show it to whoever asks for a group's members.
"""

import contextlib
import hashlib
import os
import socket
import sys
import uuid
from pathlib import Path

_PREFIX = "callstream"
_PARTS = 4
_STATE, _START_TICKS = 0, 19  # in /proc/PID/stat, counted from behind the name of the program
_DEAD_STATES = ("Z", "X")


def own_mark() -> str:
    """Return the mark of this process: where process ids are counted, its id, its start."""
    pid = os.getpid()
    return f"{_PREFIX}-{_namespace()}-{pid}-{_start_of(pid)}"


def is_alive(mark: str) -> bool | None:
    """Return whether the process of a mark runs; None if it cannot be seen from here."""
    parts = mark.split("-")
    if len(parts) != _PARTS or parts[:2] != [_PREFIX, _namespace()] or not parts[2].isdecimal():
        return None
    start = _start_of(int(parts[2]))
    return bool(start) and start == parts[3]


def _namespace() -> str:
    """Return a name of the process id namespace, which each container has for itself."""
    if sys.platform == "linux":
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
        namespace = f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    else:
        namespace = f"{socket.gethostname()} {uuid.getnode()}"
    return hashlib.sha256(namespace.encode()).hexdigest()[:8]


def _start_of(pid: int) -> str:
    """Return when a process began, since ids are used again; empty if it does not run."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            return "" if fields[_STATE] in _DEAD_STATES else fields[_START_TICKS]
        return ""
    try:
        os.kill(pid, 0)
    except OSError:
        return ""
    return "0"
