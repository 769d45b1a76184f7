"""The bundled demo call as one whose turns and pauses are known, from its reference."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.core.reference import TrueUtterance, read_true_call
from benchmarks.turn_timing.calls.text import word_pauses
from benchmarks.turn_timing.calls.truth import RATE_HZ, TimedCall, TruePause, TrueTurn
from schemas.errors import AudioFormatError

DEMO_SET = "demo_call"
MERGED_MS = 2_000  # a party that goes on this soon, with no other in between, continues its turn


def read_demo_call(recording: Path) -> TimedCall:
    """Return the demo call.

    What a party says next, with nobody answering in between, belongs to the same turn; its
    pauses are those between sentences, since its speakers never hesitate.

    Raises:
        AudioFormatError: The recording is not one of 8 kHz.
        ConfigurationError: There is no reference beside it.
    """
    audio, rate_hz = soundfile.read(recording, dtype="float32", always_2d=True)
    if rate_hz != RATE_HZ:
        raise AudioFormatError(f"{recording} has {rate_hz} Hz instead of {RATE_HZ}")
    call = read_true_call(recording)
    turns = [turn for channel in call.channels for turn in _turns(list(call.utterances), channel)]
    return TimedCall(
        name=DEMO_SET,
        parties=("agent", "customer"),
        turns=tuple(sorted(turns, key=lambda turn: turn.start_ms)),
        duration_ms=call.duration_ms,
        audio=np.asarray(audio, np.float32),
    )


def _turns(utterances: list[TrueUtterance], channel: int) -> list[TrueTurn]:
    own = sorted((u for u in utterances if u.channel == channel), key=lambda u: u.start_ms)
    others = [u for u in utterances if u.channel != channel]
    groups = [[own[0]]]
    for before, after in pairwise(own):
        is_answered = any(
            before.end_ms <= other.start_ms and other.end_ms <= after.start_ms for other in others
        )
        if after.start_ms - before.end_ms <= MERGED_MS and not is_answered:
            groups[-1].append(after)
        else:
            groups.append([after])
    return [_turn(channel, group) for group in groups]


def _turn(channel: int, group: list[TrueUtterance]) -> TrueTurn:
    words = tuple(word for utterance in group for word in utterance.words)
    pauses = tuple(
        TruePause(pause.start_ms, pause.end_ms, "between_sentences") for pause in word_pauses(words)
    )
    return TrueTurn(channel, words, pauses)
