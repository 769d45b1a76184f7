"""Agents that say how a party feels, by the words of a list: of a finalized call, or of each turn.

Everything but the model is the product's, and so is the way they are defined.
"""

from collections.abc import Sequence

from schemas.base import Message
from schemas.operations import Alert
from schemas.turns import FinalizedCall, TurnEnded
from stream_app.agents.answering import AnsweringOptions, answering_agent
from stream_app.agents.definition import AgentDefinition
from stream_app.agents.limits import Limits
from stream_app.agents.retry_policy import RetryPolicy
from stream_app.calls.answering import Answering
from stream_app.calls.identifiers import event_id
from stream_app.calls.inference import Failed
from stream_app.settings import Settings
from tests.support.waiting import simulate_inference

OF_CALLS = f"{__name__}:define_of_calls"
OF_TURNS = f"{__name__}:define_of_turns"
AGENT = "sentiment"
LIVE_AGENT = "sentiment_live"
VERSION = "words-1"
REQUEST_S = 0.02  # so that requests are in flight when a worker dies
GOOD = frozenset({"thanks", "great", "perfect", "helpful"})
BAD = frozenset({"angry", "broken", "terrible", "useless"})
UNREADABLE = "xyzzy"  # the model cannot run a text with it
OVERLOADED = "patience"  # the first request with it fails, and may succeed later
OPTIONS = AnsweringOptions(limits=Limits(max_inputs=64), retries=RetryPolicy(5, 0.05, 0.2))


class SentimentModel:
    """Counts good and bad words; a back-end that is away for a moment when it is first asked."""

    def __init__(self) -> None:
        self._has_failed = False

    def run(self, texts: Sequence[str]) -> list[int | Failed]:
        """Return good words less bad ones, for each text."""
        return [self._score(text.split()) for text in texts]

    def _score(self, words: Sequence[str]) -> int | Failed:
        simulate_inference(REQUEST_S)
        if UNREADABLE in words:
            return Failed("unreadable")
        if OVERLOADED in words and not self._has_failed:
            self._has_failed = True
            return Failed("overloaded", retryable=True)
        return sum((word in GOOD) - (word in BAD) for word in words)


def define_of_calls(_: Settings) -> AgentDefinition:
    """Return the agent that answers finalized calls."""
    answering: Answering[FinalizedCall, str, int] = Answering(
        agent=AGENT, subject=FinalizedCall, request=_text_of_call, messages=_answer
    )
    return answering_agent(answering, SentimentModel().run, OPTIONS)


def define_of_turns(_: Settings) -> AgentDefinition:
    """Return the agent that answers each turn, by all that was said up to it."""
    answering: Answering[TurnEnded, str, int] = Answering(
        agent=LIVE_AGENT,
        subject=TurnEnded,
        request=_text_so_far,
        messages=_answer,
        has_history=True,
    )
    return answering_agent(answering, SentimentModel().run, OPTIONS)


def answer_id(subject: FinalizedCall | TurnEnded) -> str:
    """Return the id of the answer to a subject."""
    return event_id(subject.event_id, AGENT, VERSION)


def _text_of_call(call: FinalizedCall, _: Sequence[FinalizedCall]) -> str | None:
    if call.context.attributes.get("analytics") == "false":
        return None
    return " ".join(turn.text for turn in call.turns)


def _text_so_far(turn: TurnEnded, earlier: Sequence[TurnEnded]) -> str:
    return " ".join([*(each.text for each in earlier), turn.text])


def _answer(subject: FinalizedCall | TurnEnded, score: int) -> list[Message]:
    return [
        Alert(
            event_id=answer_id(subject),
            call_id=subject.call_id,
            captured_at_ns=subject.captured_at_ns,
            kind="sentiment",
            severity="info",
            source=AGENT,
            details={"score": str(score)},
        )
    ]
