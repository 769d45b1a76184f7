"""What holds for all tests of the call analytics."""

from collections.abc import Iterator

import pytest

from models.analytics.network import conversion


@pytest.fixture(scope="session", autouse=True)
def conversions_in_this_process() -> Iterator[None]:
    """Convert tiny models without a process for each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conversion, "_convert_apart", conversion.convert)
        yield
