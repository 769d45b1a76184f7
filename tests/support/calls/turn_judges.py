"""End-of-turn models whose answers a test gives."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from schemas.transcripts import TranscriptTopicMessage
from stream_app.calls.detect_turns.judgement import Judgement, JudgementRequest
from stream_app.calls.detect_turns.turns import CallTurns
from stream_app.calls.effects import Effect, Infer


@dataclass(frozen=True)
class SayingJudge:
    """Knows probabilities by the last words of texts.

    Attributes:
        says: Probability by last words; the first that fits.
        otherwise: Of all other texts.
    """

    name: str = "fake@1/general"
    languages: tuple[str, ...] = ("en",)
    says: Mapping[str, float] = field(default_factory=dict)
    otherwise: float = 0.5

    def probability(self, text: str) -> float:
        """Return what this judge says of a text."""
        fitting = (p for words, p in self.says.items() if text.endswith(words))
        return next(fitting, self.otherwise)


@dataclass
class FakeRouter:
    """Models that a test swaps.

    Attributes:
        present: Judge by variant; ``general`` judges what has no variant of its own party.
        older: Judges of versions that are still loaded.
        asked: What was asked for, in order.
    """

    present: dict[str, SayingJudge]
    older: list[SayingJudge] = field(default_factory=list)
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    def judge(self, *, party: str, domain: str, language: str) -> SayingJudge | None:
        """Return the judge of the party's own variant, or the general one."""
        self.asked.append((party, domain, language))
        judge = self.present.get(party) or self.present["general"]
        return judge if language in judge.languages else None

    def named(self, name: str) -> SayingJudge | None:
        """Return a judge that is present or still loaded."""
        loaded = (*self.present.values(), *self.older)
        return next((judge for judge in loaded if judge.name == name), None)


def one(says: Mapping[str, float] | None = None, *, otherwise: float = 0.5) -> FakeRouter:
    """Return a router with one judge for all."""
    return FakeRouter({"general": SayingJudge(says=says or {}, otherwise=otherwise)})


def answer(request: JudgementRequest) -> Judgement:
    """Return what the request's judge says."""
    assert isinstance(request.judge, SayingJudge)
    return Judgement(request, request.judge.probability(request.text))


def drive(
    machine: CallTurns,
    messages: Sequence[TranscriptTopicMessage],
    answered: Callable[[JudgementRequest], Judgement] = answer,
) -> list[Effect]:
    """Return the effects of messages, every question answered at once."""
    effects: list[Effect] = []
    for offset, message in enumerate(messages):
        pending = [*machine.feed(message, offset)]
        while pending:
            effect = pending.pop(0)
            effects.append(effect)
            if isinstance(effect, Infer):
                assert isinstance(effect.request, JudgementRequest)
                pending += machine.resolve(answered(effect.request))
    return effects


def questions(effects: Sequence[Effect], *, final: bool = True) -> list[JudgementRequest]:
    """Return what is asked about finals, or about partials."""
    asked = [e.request for e in effects if isinstance(e, Infer)]
    requests = [request for request in asked if isinstance(request, JudgementRequest)]
    return [request for request in requests if request.is_final == final]
