"""Processes of agents, found from outside by the titles that they give themselves."""

import contextlib

import psutil

TITLE = "callstream agent "


def agents_of(command: psutil.Process) -> dict[int, str]:
    """Return the names of the agents that a running command has started, by process id."""
    agents = {}
    for process in command.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            title = " ".join(process.cmdline()).rstrip()
            if title.startswith(TITLE):
                agents[process.pid] = title.removeprefix(TITLE)
    return agents
