"""What an answer's grammar accepts, and the confidence of each token."""

from math import log

import pytest

from models.analytics.backends.grammar import AnswerGrammar, SampledToken
from schemas.errors import ConfigurationError
from tests.support.analytics.asked import GRAMMAR


@pytest.fixture(scope="module")
def grammar() -> AnswerGrammar:
    return AnswerGrammar(GRAMMAR)


def token(text: str, share: float, **others: float) -> SampledToken:
    """Return a token of that probability, with its alternatives."""
    alternatives = {text: share, **others}
    return SampledToken(
        text.encode(),
        log(share),
        tuple((each.encode(), log(value)) for each, value in alternatives.items()),
    )


@pytest.mark.parametrize(
    ("text", "is_answer"),
    [
        ('{"i":["c",3],"q":65}', True),
        ('{"i":null,"q":100}', True),
        ('{"i":null,"q":67}', False),
        ('{"i":null,"q":100} ', False),
        ('{"i":null,"q":10', False),
        ('{"i": null,"q":10}', False),
        ("", False),
    ],
)
def test_an_answer_is_accepted_from_its_begin_to_its_end(
    grammar: AnswerGrammar, text: str, is_answer: bool
) -> None:
    assert grammar.accepts(text) is is_answer


def test_confidence_is_the_share_of_what_the_grammar_allows(grammar: AnswerGrammar) -> None:
    """Forbidden alternatives take nothing; a longer or shorter token that agrees adds to it."""
    tokens = [
        token('{"i":["', 0.2, **{'{"i":nu': 0.2, "Sure": 0.5, '{"': 0.1}),
        token("c", 0.2, a=0.1, b=0.1, x=0.5, d=1e-9),
        token('",3],"q":', 0.01, **{" ": 0.9}),
        token("6", 0.3, **{"65": 0.3, "66": 0.2, "7": 0.2, "9": 1e-9}),
        token("5", 0.5, **{"0": 0.5}),
        token("}", 0.1, **{",": 0.9}),
    ]

    found = grammar.confidences(tokens)

    assert "".join(text for text, _ in found) == '{"i":["c",3],"q":65}'
    assert [share for _, share in found] == pytest.approx([0.6, 0.5, 1.0, 0.75, 0.5, 1.0])


def test_what_is_allowed_and_not_told_counts_as_the_least_likely_told(
    grammar: AnswerGrammar,
) -> None:
    """Eight letters are allowed, of which the model tells one: it is not certain of that one."""
    tokens = [token('{"i":["', 1.0), token("c", 0.01, x=0.9), token('",3],"q":65}', 1.0)]

    assert grammar.confidences(tokens)[1][1] == pytest.approx(1 / 8)


def test_a_back_end_that_tells_no_alternatives_gives_no_confidence(grammar: AnswerGrammar) -> None:
    assert grammar.confidences([SampledToken(b'{"i":null,"q":100}', 0.0, ())]) == ()


def test_a_character_of_several_tokens_is_told_with_its_last() -> None:
    name = "é".encode()
    tokens = [SampledToken(name[:1], 0.0, ((b"a", -1.0),)), SampledToken(name[1:], 0.0, ())]

    found = AnswerGrammar('%llguidance {}\nstart: "é" | "a"').confidences(tokens)

    assert [text for text, _ in found] == ["", "é"]


def test_what_is_no_grammar_is_told_in_one_line() -> None:
    with pytest.raises(ConfigurationError, match="unknown name") as told:
        AnswerGrammar("start: nothing_of_that_name")

    assert "\n" not in str(told.value)
