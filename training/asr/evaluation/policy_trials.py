"""Trials of partial policies: how many committed words the final keeps, and how late they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jiwer
import msgspec

from models.asr.core.hypothesis import Hypothesis, Word, bare_text
from models.asr.core.policy import DEFAULT_POLICY, PolicyConfig
from models.asr.partials.policies import make_policy

if TYPE_CHECKING:
    from collections.abc import Sequence

GUARDS_MS = (0, 100, 200, 300, 400, 500, 600, 800, 1_000)


class PolicyTrial(msgspec.Struct, frozen=True):
    """What one policy committed over all utterances.

    Attributes:
        policy: Of the trial.
        committed: Words committed before the final.
        kept: Of those, words that the final keeps.
        share: Of the finals' words, how many were committed before the final.
        delay_ms: Mean of the audio heard after a word's end when it was committed.
    """

    policy: PolicyConfig
    committed: int
    kept: int
    share: float
    delay_ms: float

    @property
    def kept_share(self) -> float:
        """Return the share of committed words that the final confirms; 1 for none."""
        return self.kept / self.committed if self.committed else 1.0


def try_policies(utterances: Sequence[Sequence[Hypothesis]]) -> tuple[PolicyTrial, ...]:
    """Return the trials of local agreement and of attention-guided with every guard.

    Args:
        utterances: Of each the decodes of its beginnings, the final last.
    """
    configs = [PolicyConfig(name="local_agreement")]
    configs += [PolicyConfig(name="attention_guided", guard_ms=guard) for guard in GUARDS_MS]
    return tuple(_trial(config, utterances) for config in configs)


def choose_guard(trials: Sequence[PolicyTrial]) -> PolicyConfig:
    """Return the fastest policy that keeps at least the share that local agreement keeps.

    One that commits nothing is neither fast nor right; where all are, the default is as good.
    """
    committing = [trial for trial in trials if trial.committed]
    if not committing:
        return DEFAULT_POLICY
    wanted = min(trials[0].kept_share, max(trial.kept_share for trial in committing))
    as_good = [trial for trial in committing if trial.kept_share >= wanted]
    return min(as_good, key=lambda trial: trial.delay_ms).policy


def _trial(config: PolicyConfig, utterances: Sequence[Sequence[Hypothesis]]) -> PolicyTrial:
    committed = kept = words = 0
    delays: list[int] = []
    for *updates, final in utterances:
        policy = make_policy(config)
        for update in updates:
            before = len(policy.last.committed)
            new = policy.update(update).committed[before:]
            delays += [update.duration_ms - word.end_ms for word in new]
        committed += len(policy.last.committed)
        kept += _confirmed(policy.last.committed, final.words)
        words += len(final.words)
    return PolicyTrial(
        policy=config,
        committed=committed,
        kept=kept,
        share=round(committed / max(words, 1), 4),
        delay_ms=round(sum(delays) / max(len(delays), 1), 1),
    )


def _confirmed(committed: Sequence[Word], final: Sequence[Word]) -> int:
    """Return how many committed words the final keeps, by the least edits."""
    one, other = (" ".join(map(bare_text, words)) for words in (committed, final))
    if not one.strip() or not other.strip():
        return 0
    return int(jiwer.process_words([one], [other]).hits)
