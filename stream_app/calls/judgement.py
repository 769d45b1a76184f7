"""Return what detect_turns asks of the end-of-turn model, and which model a call asks.

A call keeps the model that it began with: each channel takes a judge with its first judgement and
keeps it, a later channel takes one of the same version, and the checkpoint holds their names.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from models.languages import primary_subtag
from schemas.transcripts import TranscriptFinal, TranscriptPartial
from stream_app.calls.counters import InputCounters
from stream_app.calls.turn_state import ChannelTurns

PROBABILITY_DIGITS = 4
NO_PROBABILITY = -1.0


class TurnJudge(Protocol):
    """A version of the model, and which of its variants."""

    @property
    def name(self) -> str:
        """``model@version/variant``."""
        ...

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages that it knows; none means any."""
        ...


class JudgeRouter(Protocol):
    """The models at hand; a judge that was handed out stays good, whatever comes later."""

    def judge(self, *, party: str, domain: str, language: str) -> TurnJudge | None:
        """Return who judges a channel of a call, None if nobody knows the language."""
        ...

    def named(self, name: str) -> TurnJudge | None:
        """Return the judge of a name, None if its version is not at hand any more."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgementRequest:
    """A text that may be a whole turn.

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
        """Return what a newer request of a partial, or a final, replaces an older one by."""
        return (self.call_id, self.channel)

    @property
    def identity(self) -> tuple[str, int, bool]:
        """Return what tells it from every other one of its call."""
        return (self.segment_id, self.at_ms, self.is_final)

    @property
    def audio_ms(self) -> int:
        """Return 0: there is no audio in a text."""
        return 0


@dataclass(frozen=True, slots=True)
class Judgement:
    """The probability that the speaker of the request's text has finished, 0 to 1.

    `NO_PROBABILITY` where the model could not say.
    """

    request: JudgementRequest
    probability: float

    @property
    def rounded(self) -> float:
        """Return the probability as messages carry it and as turns are decided by it."""
        return round(self.probability, PROBABILITY_DIGITS)


class CallJudges:
    """Who judges the channels of one call.

    Args:
        router: The models at hand; None where silence alone ends turns.
        counters: Where versions that are gone are counted.
        channels: Of the checkpoint; those that name a judge take it up again.
    """

    def __init__(
        self,
        router: JudgeRouter | None,
        counters: InputCounters,
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
        """Return who judges a message of a channel, None if nobody can."""
        judge = self._judges.get(channel.channel) or self._choose(channel, message)
        return judge if judge is not None and _knows(judge, message.language) else None

    def keep(self, channel: ChannelTurns, judge: TurnJudge) -> None:
        """Let a judge have the channel for the rest of the call."""
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


def _knows(judge: TurnJudge, language: str) -> bool:
    known = {primary_subtag(each) for each in judge.languages}
    return not known or not language or primary_subtag(language) in known


def _version(name: str) -> str:
    return name.rpartition("/")[0]
