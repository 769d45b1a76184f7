"""What becomes of an analyst's answers to examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.analytics.answers import encode_answer
from models.analytics.backends.protocol import Generated
from models.analytics.guide import load_guide
from models.analytics.manifest import FORMAT, AnalyticsManifest
from models.analytics.serving.analyst import Analyst
from schemas.failed import Failed
from tests.support.analytics.analysed_calls import analysis, choice, example, rating
from training.analytics.evaluation.asking import AnalystAnswerer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.analytics.backends.protocol import Request

GUIDE = load_guide("contact-centre")
TARGET = analysis(category=choice("Cards", 1), quality=rating(70))
MANIFEST = AnalyticsManifest(
    name="tuned", format=FORMAT, file="guide.toml", sha256="0" * 64, base="b", guide_file="g"
)


class WordBackend:
    """Counts words as tokens, and gives the answers that it was made with."""

    def __init__(self, *answers: Generated | Failed) -> None:
        self.asked: list[Request] = []
        self._answers = answers

    def generate(self, requests: Sequence[Request]) -> list[Generated | Failed]:
        """Return the answers."""
        self.asked += requests
        return list(self._answers)

    def count_tokens(self, text: str) -> int:
        """Return the number of words."""
        return len(text.split())

    def close(self) -> None:
        """Nothing is held."""


def generated(text: str, prompt_s: float = 0.5) -> Generated:
    return Generated(
        text=text, tokens=(), prompt_tokens=30, answer_tokens=20, prompt_s=prompt_s, answer_s=0.25
    )


def answerer(backend: WordBackend) -> AnalystAnswerer:
    return AnalystAnswerer(Analyst("tuned@1", GUIDE, MANIFEST, backend))


def test_answers_failures_and_texts_that_are_none_are_outcomes() -> None:
    text = encode_answer(TARGET, GUIDE, "codes", (0, 1, 2, 3))
    backend = WordBackend(generated(text), Failed("out of memory", retryable=True), generated("{"))
    calls = [example(TARGET, name=str(number)) for number in range(3)]

    right, failed, invalid = answerer(backend).answer(calls)

    assert right.answered.given == TARGET
    assert (right.prompt_tokens, right.answer_tokens) == (30, 20)
    assert failed.has_failed
    assert failed.answered.reason == "out of memory"
    assert not invalid.is_valid
    assert "not of the form" in invalid.answered.reason


def test_the_model_is_asked_at_the_temperature_and_not_told_the_target() -> None:
    backend = WordBackend(generated("{"))

    answerer(backend).answer([example(TARGET)], temperature=0.7, seed=4)
    (request,) = backend.asked

    assert "Customer: my bill is wrong |2" in request.prompt.user
    assert (request.temperature, request.seed) == (0.7, 4)
    assert "Cards" not in request.prompt.user


def test_an_unknown_time_of_the_prompt_counts_nothing() -> None:
    text = encode_answer(TARGET, GUIDE, "codes", (0, 1, 2, 3))

    (found,) = answerer(WordBackend(generated(text, prompt_s=-1.0))).answer([example(TARGET)])

    assert (found.prompt_s, found.answer_s) == (0.0, 0.25)
