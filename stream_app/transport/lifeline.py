"""The tie between a process and its parent: it ends when the parent ends, for whatever reason.

Runs as a program too: ``python lifeline.py PARENT_PID COMMAND ARGS..`` becomes the command, bound
to the parent. It imports the standard library only, so that it starts in milliseconds.
"""

import ctypes
import os
import signal
import sys
import threading
import time

PR_SET_PDEATHSIG = 1
POLL_S = 1.0


def die_with_parent(parent_pid: int) -> None:
    """Arrange that this process is killed when ``parent_pid``, its parent, is gone.

    On Linux the kernel does it. Elsewhere a thread looks every second.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    else:
        threading.Thread(target=_watch, args=(parent_pid,), daemon=True).start()
    if os.getppid() != parent_pid:  # it went before we asked
        os.kill(os.getpid(), signal.SIGKILL)


def _watch(parent_pid: int) -> None:
    while os.getppid() == parent_pid:
        time.sleep(POLL_S)
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Become the command that the arguments name."""
    if sys.platform == "linux":
        die_with_parent(int(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - the command is ours


if __name__ == "__main__":
    main()
