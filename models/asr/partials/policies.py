"""When a word of an unfinished utterance is committed: three policies behind one interface.

Sources: Liu et al. 2020, arXiv:2005.11185 (local agreement); Papi et al. 2023, arXiv:2305.11408
(AlignAtt, from which the attention-guided policy takes its rule).
"""

from itertools import takewhile
from typing import Literal, Protocol, assert_never

from models.asr.core.hypothesis import Hypothesis
from models.asr.core.policy import DEFAULT_POLICY, PolicyConfig, PolicyName
from models.asr.partials.agreement import (
    LocalAgreement,
    PartialHypothesis,
    extend_partial,
    words_after,
)


class PartialPolicy(Protocol):
    """Turns decodes of one utterance, each from its beginning, into partials."""

    @property
    def wants_partials(self) -> bool:
        """Return whether decodes before the final are of any use."""
        ...

    @property
    def last(self) -> PartialHypothesis:
        """Return the last partial; an empty one at first."""
        ...

    def update(self, hypothesis: Hypothesis) -> PartialHypothesis:
        """Return the next partial; what the last one committed it commits too."""
        ...


class AttentionGuided:
    """Commits the words that end well before the audio does, already at the first update.

    A word's end is where its cross-attention leaves it: what the network still attends to at the
    edge of the audio may change with the next samples, what lies further back rarely does.

    Args:
        guard_ms: Audio that must follow a word.
        last: Partial to go on from, after a take-over.
    """

    wants_partials = True

    def __init__(self, guard_ms: int, last: PartialHypothesis | None = None) -> None:
        self._guard_ms = guard_ms
        self._last = last or PartialHypothesis()

    @property
    def last(self) -> PartialHypothesis:
        """Return the last partial; an empty one at first."""
        return self._last

    def update(self, hypothesis: Hypothesis) -> PartialHypothesis:
        """Return the next partial, given a decode of the utterance from its beginning.

        Needs word times. Its committed words begin with those of the last partial.
        """
        rest = words_after(self._last.committed, hypothesis.words)
        edge_ms = hypothesis.duration_ms - self._guard_ms
        settled = sum(1 for _ in takewhile(lambda word: word.end_ms <= edge_ms, rest))
        self._last = extend_partial(self._last, rest, settled, hypothesis.duration_ms)
        return self._last


class UtteranceOnly:
    """Commits nothing before the final, and needs no decodes until then."""

    wants_partials = False

    def __init__(self, last: PartialHypothesis | None = None) -> None:
        self._last = last or PartialHypothesis()

    @property
    def last(self) -> PartialHypothesis:
        """Return the last partial; of another policy after a take-over, else an empty one."""
        return self._last

    def update(self, hypothesis: Hypothesis) -> PartialHypothesis:
        """Return the last partial, on more audio."""
        self._last = extend_partial(self._last, (), 0, hypothesis.duration_ms)
        return self._last


def make_policy(
    config: PolicyConfig = DEFAULT_POLICY, last: PartialHypothesis | None = None
) -> PartialPolicy:
    """Return a policy for one utterance.

    Args:
        config: Which one.
        last: Partial to go on from, after a take-over.
    """
    match config.name:
        case "local_agreement":
            return LocalAgreement(last)
        case "attention_guided":
            return AttentionGuided(config.guard_ms, last)
        case "utterance_only":
            return UtteranceOnly(last)
        case _:
            assert_never(config.name)


def choose_policy(
    name: PolicyName | Literal["auto"] = "auto",
    guard_ms: int | None = None,
    *,
    calibrated: PolicyConfig = DEFAULT_POLICY,
) -> PolicyConfig:
    """Return what the settings ask for, and what the weights advise where they do not.

    Args:
        name: Of the policy; ``auto`` leaves it to the weights.
        guard_ms: See PolicyConfig; None leaves it to the weights.
        calibrated: The ``policy`` field of the weights' manifest.

    Raises:
        ValueError: ``guard_ms`` is negative.
    """
    return PolicyConfig(
        name=calibrated.name if name == "auto" else name,
        guard_ms=calibrated.guard_ms if guard_ms is None else guard_ms,
    )
