"""Judgements of the end-of-turn model, and the judge of each channel.

A judge is one variant of one version of the model; its judgement is the probability that a text is
a whole turn. A call keeps the version that it began with: each channel gets a judge with its first
judgement and keeps it, a later channel gets one of the same version, and the checkpoint holds their
names.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from models.languages import serves
from schemas.transcripts import TranscriptFinal, TranscriptPartial
from stream_app.calls.counters import CallCounters
from stream_app.calls.detect_turns.turn_state import ChannelTurns

PROBABILITY_DIGITS = 4
NO_PROBABILITY = -1.0


class TurnJudge(Protocol):
    """One variant of one version of the model."""

    @property
    def name(self) -> str:
        """``model@version/variant``."""
        ...

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages that it knows; empty for all."""
        ...


class JudgeRouter(Protocol):
    """The models at hand; a judge that was handed out stays valid when others are loaded."""

    def judge(self, *, party: str, domain: str, language: str) -> TurnJudge | None:
        """Return the judge of a channel, None if no variant knows the language."""
        ...

    def named(self, name: str) -> TurnJudge | None:
        """Return the judge with a name, None if its version is no longer loaded."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgementRequest:
    """A text to judge: it may be a whole turn.

    Attributes:
        text: Of the open turn so far.
        turn_start_ms: With the channel, the identity of the turn.
        segment_id: Of the last segment in the text.
        at_ms: Audio clock up to which the text reaches.
        captured_at_ns: Wall clock (Unix, ns) at which its last speech was captured.
        is_final: The text consists of finals, and the turn waits for the answer.
    """

    call_id: str
    channel: int
    judge: TurnJudge
    text: str
    turn_start_ms: int
    segment_id: str
    at_ms: int
    captured_at_ns: int
    is_final: bool

    @property
    def slot(self) -> tuple[str, int]:
        """Return what a request shares with the older ones of partials that it replaces."""
        return (self.call_id, self.channel)

    @property
    def identity(self) -> tuple[str, int, bool]:
        """Return what is unique to it among the requests of its call."""
        return (self.segment_id, self.at_ms, self.is_final)

    @property
    def cost(self) -> int:
        """Return 1: requests cost the same."""
        return 1


@dataclass(frozen=True, slots=True)
class Judgement:
    """The probability that the speaker of the request's text has finished, 0 to 1.

    `NO_PROBABILITY` where the model failed.
    """

    request: JudgementRequest
    probability: float

    @property
    def rounded(self) -> float:
        """Return the probability as messages carry it and as turns are decided by it."""
        return round(self.probability, PROBABILITY_DIGITS)


class CallJudges:
    """The judges of the channels of one call.

    Args:
        router: The models at hand; None where silence alone ends turns.
        counters: Where versions that are gone are counted.
        channels: Of the checkpoint; those that name a judge get it again.
    """

    def __init__(
        self,
        router: JudgeRouter | None,
        counters: CallCounters,
        channels: Iterable[ChannelTurns] = (),
    ) -> None:
        self._router = router
        self._judges: dict[int, TurnJudge] = {}
        for channel in channels:
            if router is None or not channel.judge:
                continue
            judge = router.named(channel.judge)
            if judge is None:
                counters.models_replaced += 1
            else:
                self._judges[channel.channel] = judge

    def of(
        self, channel: ChannelTurns, message: TranscriptFinal | TranscriptPartial
    ) -> TurnJudge | None:
        """Return the judge of a message of a channel, None without one."""
        judge = self._judges.get(channel.channel) or self._choose(channel, message)
        return judge if judge is not None and serves(judge.languages, message.language) else None

    def keep(self, channel: ChannelTurns, judge: TurnJudge) -> None:
        """Keep the judge for the rest of the call."""
        self._judges[channel.channel] = judge
        channel.judge = judge.name

    def _choose(
        self, channel: ChannelTurns, message: TranscriptFinal | TranscriptPartial
    ) -> TurnJudge | None:
        if self._router is None:
            return None
        present = self._router.judge(
            party=channel.party, domain=message.domain, language=message.language
        )
        if present is None:
            return None
        versions = {_version(judge.name) for judge in self._judges.values()}
        if not versions or _version(present.name) in versions:
            return present
        variant = variant_of(present.name)
        older = (self._router.named(f"{version}/{variant}") for version in sorted(versions))
        return next((judge for judge in older if judge is not None), present)


def variant_of(name: str) -> str:
    """Return the variant in the name of a judge."""
    return name.rpartition("/")[2]


def models_used(channels: Iterable[ChannelTurns]) -> dict[str, str]:
    """Return the models that judged a call, as its summary names them.

    One for all is ``turns``; else there is one for each party, or channel of unknown party.
    """
    judged = [channel for channel in channels if channel.judge]
    if len({channel.judge for channel in judged}) == 1:
        return {"turns": judged[0].judge}
    parties = [channel.party for channel in judged]
    return {
        f"turns.{c.party if parties.count(c.party) == 1 else c.channel}": c.judge for c in judged
    }


def _version(name: str) -> str:
    return name.rpartition("/")[0]
