"""Requests to stop, as signals."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from training.core.interruption import stop_requests


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_a_request(number: signal.Signals) -> None:
    """And the handler of before is back at once, so that a second signal ends the process."""
    before = signal.getsignal(number)
    with stop_requests() as is_stopped:
        assert not is_stopped()
        os.kill(os.getpid(), number)

        assert is_stopped()
        assert signal.getsignal(number) is before


def test_the_handlers_of_before_are_back_after_the_context() -> None:
    before = signal.getsignal(signal.SIGTERM)

    with stop_requests():
        assert signal.getsignal(signal.SIGTERM) is not before

    assert signal.getsignal(signal.SIGTERM) is before


def test_other_threads_watch_no_signals() -> None:
    def watched() -> bool:
        with stop_requests() as is_stopped:
            return is_stopped()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(watched).result() is False
