"""A call keeps the version of the model that it began with, through swaps and takeovers."""

from schemas.codec import from_state
from schemas.operations import Checkpoint
from schemas.turns import CallTurnsComplete
from stream_app.calls.detect_turns.call_state import CallState
from stream_app.calls.detect_turns.endpointing import TurnConfig
from stream_app.calls.detect_turns.turns import CallTurns
from stream_app.calls.effects import Commit, Effect, Emit
from tests.support.calls.turn_judges import FakeRouter, SayingJudge, drive, questions
from tests.support.calls.turn_lanes import AGENT, CALL_ID, CUSTOMER, Said, lane

CALL = lane(
    [
        Said(AGENT, 0, 1_000, "hello"),
        Said(AGENT, 4_000, 5_000, "how are you"),
        Said(CUSTOMER, 7_000, 8_000, "fine thanks"),
    ]
)
MIDDLE = next(n for n, m in enumerate(CALL) if getattr(m, "at_ms", 0) > 3_000)


def models(version: int) -> dict[str, SayingJudge]:
    return {v: SayingJudge(f"fake@{version}/{v}") for v in ("general", "agent", "customer")}


def swapped(router: FakeRouter, version: int) -> None:
    router.older.extend(router.present.values())
    router.present = models(version)


def asked(effects: list[Effect]) -> list[str]:
    return [request.judge.name for request in questions(effects)]


def stored(effects: list[Effect]) -> Checkpoint:
    kept = [e.checkpoint for e in effects if isinstance(e, Commit) and e.checkpoint]
    return kept[-1]


def summary(effects: list[Effect]) -> dict[str, str]:
    messages = [effect.message for effect in effects if isinstance(effect, Emit)]
    (complete,) = (m for m in messages if isinstance(m, CallTurnsComplete))
    return complete.summary.models


def test_a_swap_in_mid_call_changes_nothing_for_the_call() -> None:
    """Nor for a channel that speaks for the first time after it."""
    router = FakeRouter(models(1))
    call = CallTurns(CALL_ID, TurnConfig(), router=router)
    first = drive(call, CALL[:MIDDLE])
    swapped(router, 2)

    rest = drive(call, CALL[MIDDLE:])

    assert asked([*first, *rest]) == ["fake@1/agent", "fake@1/agent", "fake@1/customer"]
    assert summary(rest) == {"turns.agent": "fake@1/agent", "turns.customer": "fake@1/customer"}


def test_a_call_that_begins_after_a_swap_has_the_new_version() -> None:
    router = FakeRouter(models(1))
    swapped(router, 2)

    effects = drive(CallTurns(CALL_ID, TurnConfig(), router=router), CALL)

    assert set(asked(effects)) == {"fake@2/agent", "fake@2/customer"}


def test_a_restored_call_goes_on_with_its_version() -> None:
    router = FakeRouter(models(1))
    first = drive(CallTurns(CALL_ID, TurnConfig(), router=router), CALL[:MIDDLE])
    swapped(router, 2)

    call = CallTurns.restore(stored(first), TurnConfig(), router=router)
    rest = drive(call, CALL[MIDDLE:])

    assert asked(rest) == ["fake@1/agent", "fake@1/customer"]
    assert call.counters.models_replaced == 0


def test_a_version_that_is_gone_is_replaced_by_the_present_one_and_counted() -> None:
    router = FakeRouter(models(1))
    first = drive(CallTurns(CALL_ID, TurnConfig(), router=router), CALL[:MIDDLE])

    call = CallTurns.restore(stored(first), TurnConfig(), router=FakeRouter(models(2)))
    rest = drive(call, CALL[MIDDLE:])

    assert call.counters.models_replaced == 1
    assert asked(rest) == ["fake@2/agent", "fake@2/customer"]
    assert summary(rest)["turns.agent"] == "fake@2/agent"


def test_a_version_without_the_variant_is_not_asked_for_it() -> None:
    """The new model has one more than the old."""
    router = FakeRouter({"general": SayingJudge("fake@1/general")})
    call = CallTurns(CALL_ID, TurnConfig(), router=router)
    first = drive(call, CALL[:MIDDLE])
    swapped(router, 2)

    assert asked([*first, *drive(call, CALL[MIDDLE:])])[-1] == "fake@2/customer"


def test_a_worker_without_a_model_takes_over_a_call_that_had_one() -> None:
    router = FakeRouter(models(1))
    first = drive(CallTurns(CALL_ID, TurnConfig(), router=router), CALL[:MIDDLE])

    call = CallTurns.restore(stored(first), TurnConfig())
    rest = drive(call, CALL[MIDDLE:])

    assert asked(rest) == []
    assert call.is_closed


def test_a_checkpoint_names_the_judges_and_holds_what_was_judged() -> None:
    """A checkpoint in mid-turn is all that a takeover has."""
    router = FakeRouter({"general": SayingJudge(otherwise=0.1)})
    index = next(n for n, m in enumerate(CALL) if getattr(m, "at_ms", 0) > 1_400)

    effects = drive(CallTurns(CALL_ID, TurnConfig(), router=router), CALL[:index])

    (channel,) = from_state(stored(effects).state, CallState).channels
    assert channel.turn is not None
    assert (channel.judge, channel.turn.probability) == ("fake@1/general", 0.1)
