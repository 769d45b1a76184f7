"""Whatever the speed and the number of calls, the lane is what the state machines make of it."""

import pytest

from tests.e2e.fleet import Fleet
from tests.e2e.scenario import Begin

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(
    ("names", "speed", "copies"),
    [
        pytest.param(("a",), 1.0, 1, id="one call in real time"),
        pytest.param((), 8.0, 1, id="five calls eight times as fast"),
        pytest.param(("a",), None, 1, id="one call at full speed"),
        pytest.param((), None, 4, id="twenty calls at full speed"),
    ],
)
async def test_speed_and_load_change_nothing(
    fleet: Fleet, begin: Begin, names: tuple[str, ...], speed: float | None, copies: int
) -> None:
    await fleet.start("first")

    async with begin(*names, speed=speed, copies=copies) as run:
        await run.assert_unchanged()
