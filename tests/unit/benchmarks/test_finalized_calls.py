"""Finalized calls are scored by their own text, and only whole ones count as complete."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest

from benchmarks.finalized_calls.measurement import FinalizedOptions, chosen_sets, score
from benchmarks.finalized_calls.replayed import Outcome, outcome_of
from benchmarks.live.call_meter import Received
from benchmarks.whole_calls.parties import LINE_RATE_HZ, PartyAudio, TimeLine
from schemas.base import CallContext, Message
from schemas.errors import ConfigurationError
from schemas.transcripts import CallSummary, CallTranscribed
from tests.support.calls.bank_callers import write_bank_callers
from tests.support.calls.call_messages import CALL, PARTIES, at_ns, final, finalized

TURNS = ((0, 5_000, "good bye"), (1, 2_000, "hi"), (0, 0, "Hello."))


def transcribed(*lane_seqs: int) -> CallTranscribed:
    summary = CallSummary(
        parties=PARTIES,
        duration_ms=9_000,
        end_reason="completed",
        context=CallContext(),
        lane_seqs=lane_seqs,
    )
    return CallTranscribed(
        event_id=f"{CALL}/transcribed",
        call_id=CALL,
        captured_at_ns=at_ns(9_000),
        at_ms=9_000,
        summary=summary,
    )


def received(*messages: Message) -> Sequence[Received]:
    return [Received(message, 0, 0) for message in messages]


def test_the_text_of_a_call_is_that_of_the_party_in_the_order_of_its_turns() -> None:
    messages = received(final(0, 0, "Hello.", lane_seq=0), transcribed(1, 0), finalized(TURNS))

    assert outcome_of(messages) == Outcome("Hello. good bye", is_complete=True)


def test_a_call_is_not_complete_if_a_final_is_missing() -> None:
    messages = received(final(0, 0, "Hello.", lane_seq=0), transcribed(2, 0), finalized(TURNS))

    assert outcome_of(messages) == Outcome("Hello. good bye", is_complete=False)


def test_a_call_that_was_too_long_for_one_message_is_not_complete() -> None:
    abridged = msgspec.structs.replace(finalized(TURNS), is_abridged=True)

    assert not outcome_of(received(transcribed(0, 0), abridged)).is_complete


def test_a_call_that_is_not_finalized_has_no_text() -> None:
    messages = received(final(0, 0, "Hello.", lane_seq=0), transcribed(1, 0))

    assert outcome_of(messages) == Outcome("", is_complete=False)


def test_errors_are_counted_party_by_party_and_a_missing_call_loses_its_words() -> None:
    silence = np.zeros(1, np.float32)
    parties = [PartyAudio(name, silence, None) for name in ("one", "two")]
    said = {"one": "twenty five dollars", "two": "no thank you"}
    outcomes = {"one": Outcome("$25.", is_complete=True), "two": Outcome("", is_complete=False)}

    found = score("harper_valley", parties, said, outcomes)

    errors = {party["name"]: (party["errors"], party["words"]) for party in found["parties"]}
    assert errors["one"][0] == 0
    assert errors["two"] == (3, 3)
    assert found["word_error_rate"].words == errors["one"][1] + 3


def options(data: Path, *, time_line: TimeLine = "rebuilt", limit: int = 9) -> FinalizedOptions:
    return FinalizedOptions(
        sets=("harper_valley",),
        time_line=time_line,
        limit=limit,
        data=data,
        demo_call=data / "call.wav",
    )


@pytest.mark.parametrize("time_line", ["rebuilt", "as-recorded"])
def test_silence_that_was_cut_out_is_put_back_unless_it_is_not_to_be(
    tmp_path: Path, time_line: TimeLine
) -> None:
    callers = write_bank_callers(tmp_path / "speech" / "harper_valley")

    parties = chosen_sets(options(tmp_path, time_line=time_line))["harper_valley"]

    lengths_ms = [len(party.samples) * 1000 // LINE_RATE_HZ for party in parties]
    wanted_ms = [c.call_ms if time_line == "rebuilt" else c.recorded_ms for c in callers]
    assert lengths_ms == pytest.approx(wanted_ms, abs=300)
    assert [party.text for party in parties] == [caller.text for caller in callers]


def test_no_more_parties_are_read_than_are_wanted(tmp_path: Path) -> None:
    write_bank_callers(tmp_path / "speech" / "harper_valley")

    assert len(chosen_sets(options(tmp_path, limit=1))["harper_valley"]) == 1


def test_a_set_that_there_is_not_is_refused(tmp_path: Path) -> None:
    unknown = msgspec.structs.replace(options(tmp_path), sets=("switchboard",))

    with pytest.raises(ConfigurationError, match="switchboard"):
        chosen_sets(unknown)
