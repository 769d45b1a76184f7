"""Fixture: a command sets up the logs of its process, which is that of the tests here."""

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def logs_of_the_process() -> Iterator[None]:
    """Leave the logs as tests of other modules find them."""
    yield
    structlog.reset_defaults()
