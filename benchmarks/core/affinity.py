"""Keep what is measured on one core, and what measures it off that core."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from threadpoolctl import threadpool_limits

CAN_PIN = hasattr(os, "sched_setaffinity")
_TASKS = "/proc/{pid}/task"


def usable_cores() -> tuple[int, ...]:
    """Return the cores that this process may run on."""
    if CAN_PIN:
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


@contextmanager
def pinned_to(cores: Iterable[int]) -> Iterator[None]:
    """Keep this thread, those that it starts, and NumPy's products on some cores.

    NumPy's threads are older than the pin and stay where they were: they wait for work by spinning
    on other cores, which counts as CPU time of this process, as much again as a decode. So there
    are no more of them than cores. Where no thread can be pinned, that is all it does.
    """
    wanted = set(cores)
    with threadpool_limits(len(wanted), user_api="blas"):
        if not CAN_PIN:
            yield
            return
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, wanted)
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
