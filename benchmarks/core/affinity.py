"""Keep what is measured on one core, and what measures it off that core."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

CAN_PIN = hasattr(os, "sched_setaffinity")
_TASKS = "/proc/{pid}/task"


def usable_cores() -> tuple[int, ...]:
    """Return the cores that this process may run on."""
    if CAN_PIN:
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


@contextmanager
def pinned_to(cores: Iterable[int]) -> Iterator[None]:
    """Keep this thread, and those that it starts, on some cores; does nothing where none can."""
    if not CAN_PIN:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(cores))
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def pin_process(pid: int, cores: Iterable[int]) -> bool:
    """Keep every thread of a process on some cores; return whether that can be done here."""
    tasks = Path(_TASKS.format(pid=pid))
    if not (CAN_PIN and tasks.is_dir()):
        return False
    wanted = set(cores)
    for task in tasks.iterdir():
        with suppress(ProcessLookupError):  # the thread has ended meanwhile
            os.sched_setaffinity(int(task.name), wanted)
    return True
