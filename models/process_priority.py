"""The priority of a process beside the others of its machine."""

import os
from contextlib import suppress
from pathlib import Path

_AUTOGROUP = Path("/proc/self/autogroup")


def stand_back(nice: int) -> None:
    """Let the other processes of this machine go first; call it before any thread is started.

    Linux may share the processor among autogroups (sched(7)) before it looks at the nice values
    within one, so that of this process is set back as well. In a container, the share of the
    container decides.

    Args:
        nice: From 0, as all others, to 19; a process that stands further back already stays there.
    """
    nice = max(nice, os.getpriority(os.PRIO_PROCESS, 0))
    if nice <= 0:
        return
    os.setpriority(os.PRIO_PROCESS, 0, nice)
    with suppress(OSError):  # not Linux, or without autogroups
        _AUTOGROUP.write_text(str(nice), "utf-8")
