"""Delay against word errors of the policies, on the same decodes of the same audio.

Each utterance grows by steps; every step is decoded once, from its beginning, and every policy sees
the same hypotheses. Time is that of the audio: what a machine adds is another benchmark's matter.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import msgspec

from benchmarks.core.error_rates import error_rate, errors_of
from benchmarks.core.held_out_sets import HeldOut
from benchmarks.core.reference import TrueWord
from benchmarks.core.spread import percentiles
from benchmarks.core.word_matching import match_words
from models.asr.core.hypothesis import Hypothesis, Word
from models.asr.core.policy import PolicyConfig
from models.asr.core.requests import GREEDY, SpeechEngine, SpeechRequest
from models.asr.partials.policies import make_policy
from models.audio.samples import SAMPLE_RATE_HZ
from models.text.word_errors import WordErrors

STEP_MS = 250
PAUSE_MS = 400  # of silence that ends a segment, as the settings have it
INTERVALS_MS = (250, 500, 1_000)
GUARDS_MS = (100, 200, 400, 600, 800, 1_200)
DEFAULT_INTERVAL_MS = 500


@dataclass(frozen=True, slots=True)
class GrowingUtterance:
    """An utterance and its hypotheses as it grows.

    Attributes:
        partials: One for each `STEP_MS` of audio.
        final: Of the whole of it.
    """

    true_words: tuple[TrueWord, ...]
    partials: tuple[Hypothesis, ...]
    final: Hypothesis


class PolicyCase(msgspec.Struct, frozen=True):
    """A policy and how often it is asked."""

    config: PolicyConfig
    interval_ms: int

    @property
    def label(self) -> str:
        """How tables and pictures name it."""
        return self.config.name.replace("_", " ")


def policy_cases() -> list[PolicyCase]:
    """Return the points of every policy's curve."""
    agreement = [PolicyCase(PolicyConfig(name="local_agreement"), ms) for ms in INTERVALS_MS]
    guided = [
        PolicyCase(PolicyConfig(name="attention_guided", guard_ms=ms), DEFAULT_INTERVAL_MS)
        for ms in GUARDS_MS
    ]
    return [
        *agreement,
        *guided,
        PolicyCase(PolicyConfig(name="utterance_only"), DEFAULT_INTERVAL_MS),
    ]


def shorten(utterance: HeldOut, longest_ms: int) -> list[HeldOut]:
    """Return an utterance in pieces that the weights decode well, parted between words.

    The live path parts them where the energy is least; here the longest pause in the second half
    decides.
    """
    words = utterance.true_words
    if not longest_ms or len(utterance.samples) * 1000 // SAMPLE_RATE_HZ <= longest_ms:
        return [utterance]
    gaps = [
        (after.start_ms - before.end_ms, (before.end_ms + after.start_ms) // 2, number)
        for number, (before, after) in enumerate(pairwise(words), start=1)
        if longest_ms // 2 <= (before.end_ms + after.start_ms) // 2 <= longest_ms
    ]
    if not gaps:
        return [utterance]
    _, cut_ms, count = max(gaps)
    cut = cut_ms * SAMPLE_RATE_HZ // 1000
    head = HeldOut(utterance.samples[:cut], utterance.words[:count], words[:count])
    moved = tuple(TrueWord(w.text, w.start_ms - cut_ms, w.end_ms - cut_ms) for w in words[count:])
    rest = HeldOut(utterance.samples[cut:], utterance.words[count:], moved)
    return [head, *shorten(rest, longest_ms)]


def grow(utterance: HeldOut, engine: SpeechEngine) -> GrowingUtterance:
    """Return the hypotheses of an utterance as it grows: exact ones, so that they repeat.

    Its beginnings are decoded as partials are, the whole as finals are.
    """
    step = STEP_MS * SAMPLE_RATE_HZ // 1000
    lengths = range(step, len(utterance.samples), step)
    requests = [SpeechRequest(utterance.samples[:length], GREEDY) for length in lengths]
    whole = SpeechRequest(utterance.samples)
    *partials, final = engine.transcribe_batch([*requests, whole])
    return GrowingUtterance(utterance.true_words, tuple(partials), final)


def policy_figures(case: PolicyCase, utterances: Iterable[GrowingUtterance]) -> dict[str, Any]:
    """Return the delays and word errors of a policy over some utterances.

    ``word_error_rate`` is that of what a reader saw committed, the final's rest added at the end;
    ``early_share`` is the share of the right words that were committed before the final.
    """
    delays: list[float] = []
    errors: list[WordErrors] = []
    early = 0
    for utterance in utterances:
        committed = commit_times(case, utterance)
        texts = [word.text for word, _ in committed]
        true_words = [word.text for word in utterance.true_words]
        errors.append(errors_of(true_words, " ".join(texts)))
        end_ms = utterance.final.duration_ms
        for at_ms, true_end_ms in matched_ends(committed, utterance.true_words):
            delays.append(float(at_ms - true_end_ms))
            early += at_ms < end_ms
    return {
        "policy": case.config.name,
        "guard_ms": case.config.guard_ms if case.config.name == "attention_guided" else None,
        "interval_ms": case.interval_ms,
        "commit_delay_ms": percentiles(delays),
        "word_error_rate": error_rate(errors),
        "early_share": round(early / len(delays), 4) if delays else None,
    }


def commit_times(case: PolicyCase, utterance: GrowingUtterance) -> list[tuple[Word, int]]:
    """Return each word that is committed, and the audio time of it, the rest with the final."""
    policy = make_policy(case.config)
    committed: list[tuple[Word, int]] = []
    if policy.wants_partials:
        for hypothesis in utterance.partials[case.interval_ms // STEP_MS - 1 :: _stride(case)]:
            partial = policy.update(hypothesis)
            fresh = partial.committed[len(committed) :]
            committed += [(word, hypothesis.duration_ms) for word in fresh]
    final_ms = utterance.final.duration_ms + PAUSE_MS
    rest = rest_of(utterance.final.words, [word for word, _ in committed])
    return committed + [(word, final_ms) for word in rest]


def rest_of(final: Sequence[Word], committed: Sequence[Word]) -> list[Word]:
    """Return the words of the final that begin after the last committed one ends."""
    if not committed:
        return list(final)
    edge_ms = committed[-1].end_ms
    return [word for word in final if (word.start_ms + word.end_ms) // 2 > edge_ms]


def matched_ends(
    committed: Sequence[tuple[Word, int]], true_words: Sequence[TrueWord]
) -> list[tuple[int, int]]:
    """Return the time of commitment and the true end of every word that came out right."""
    taken: set[int] = set()
    pairs = []
    for word, at_ms in committed:
        for number in match_words([word], true_words, taken):
            taken.add(number)
            pairs.append((at_ms, true_words[number].end_ms))
    return pairs


def _stride(case: PolicyCase) -> int:
    return max(1, case.interval_ms // STEP_MS)
