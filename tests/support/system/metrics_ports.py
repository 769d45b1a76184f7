"""Ports for the metrics of agents in tests."""

import random
import socket
from contextlib import closing

from stream_app.monitoring.host_health import ports_of_rounds

HOST = "127.0.0.1"
BELOW_GIVEN_OUT = range(10_000, 30_000)  # by the kernel to whoever asks for any: other tests do


def free_first_port() -> int:
    """Return a first port behind which nobody listens, in any round."""
    for first in random.Random().sample(BELOW_GIVEN_OUT, 200):
        if not any(_is_taken(port) for ports in ports_of_rounds(first) for port in ports):
            return first
    raise AssertionError("no neighbouring ports are free")


def _is_taken(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex((HOST, port)) == 0
