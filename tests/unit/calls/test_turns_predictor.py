from schemas.transcripts import TranscriptPartial
from schemas.turns import TurnEndPredicted
from stream_app.calls.effects import Emit
from stream_app.calls.endpointing import TurnConfig
from stream_app.calls.turns import CallTurns
from tests.unit.calls.turn_lanes import AGENT, CALL_ID, Said, lane, partial
from tests.unit.calls.turn_runs import run


def test_partials_reach_it_and_nothing_else() -> None:
    messages = lane([Said(AGENT, 0, 2_000, "hello there")], extra=[partial(AGENT, 0, 900, "hello")])
    machine = CallTurns(CALL_ID, TurnConfig(), predictor=EchoPredictor())

    effects = [e for offset, m in enumerate(messages) for e in machine.feed(m, offset)]

    volatile = [e.message for e in effects if isinstance(e, Emit) and e.is_volatile]
    durable = [e.message for e in effects if isinstance(e, Emit) and not e.is_volatile]
    assert [type(message) for message in volatile] == [TurnEndPredicted]
    assert durable == run(messages)


def test_partials_outside_a_turn_foretell_nothing() -> None:
    machine = CallTurns(CALL_ID, TurnConfig(), predictor=EchoPredictor())

    assert run([partial(AGENT, 0, 900, "hello")], machine) == []


class EchoPredictor:
    """Foretells the end of every turn."""

    def predict(self, turn_id: str, partial: TranscriptPartial) -> TurnEndPredicted:
        """Return even odds."""
        return TurnEndPredicted(
            event_id=f"{turn_id}/predicted/{partial.revision}",
            call_id=partial.call_id,
            captured_at_ns=partial.captured_at_ns,
            turn_id=turn_id,
            channel=partial.channel,
            party=partial.party,
            at_ms=partial.end_ms,
            probability=0.5,
        )
