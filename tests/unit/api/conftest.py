"""Fixture of the tests of the HTTP server: an application without a socket."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.support.api import connected


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application with default settings and one model."""
    async with connected() as client:
        yield client
