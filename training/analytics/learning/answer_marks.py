"""Which tokens of an answer are a choice, and of which task; the grammar decides the others."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from llguidance import LLMatcher

from models.analytics.answer_codes import FIELDS
from models.analytics.answers import AnswerError
from training.analytics.measures.findings import names_turns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from llguidance import LLTokenizer

    from training.analytics.corpus.examples import Example

_EVIDENCE = "evidence"  # key of the documents' form
# Attributes of an analysis that a value of an answer holds, by its key in either form.
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "i": ("category",),
    "j": ("journey",),
    "a": ("action",),
    "o": ("outcome",),
    "f": ("faults",),
    "s": ("scorecard",),
    "c": ("csat",),
    "r": ("churn",),
    "q": ("quality",),
    "primary_category": ("category",),
    "journey_type": ("journey",),
    "summary": ("category", "action", "outcome"),
    "coaching_recommendations": ("faults",),
    "scorecard": ("scorecard",),
    "csat": ("csat",),
    "churn_risk": ("churn",),
    "quality_score": ("quality",),
    "effectiveness_rating": ("quality",),
    _EVIDENCE: ("category", "journey", "action", "outcome", "csat", "churn"),
}
TURN = "_turn"
# Of the codes: before the letter of a fact or a score, behind the letter of a question
_TURN_NUMBERS = re.compile(r"[0-9]+(?=[a-z])|(?<=[A-Z])(?:[0-9]+|\+)|[0-9]+@|\+(?=[a-z0-9])")


def is_learnt(key: str, example: Example) -> bool:
    """Return whether it is known of a call what an answer's value with this key is."""
    value = key.removesuffix(TURN)
    is_turn = value != key or value == _EVIDENCE
    if is_turn and not names_turns(example.analysis):
        return False
    return not value or set(ATTRIBUTES[value]) <= set(example.tasks)


def choices(answer: str, tokens: Sequence[int], tokenizer: LLTokenizer, grammar: str) -> list[bool]:
    """Return of each token of an answer whether the grammar leaves a choice there.

    A token is none where the text before it forces every byte of it.

    Args:
        answer: As `encode_answer` writes it.
        tokens: Of the answer.
        tokenizer: Of the base, for grammars.
        grammar: Of the answers that this call may have.

    Raises:
        AnswerError: The grammar does not allow the answer.
    """
    matcher = LLMatcher(tokenizer, LLMatcher.grammar_from_lark(grammar))
    marks = []
    for token in tokens:
        text = tokenizer.decode_bytes([token])
        marks.append(not matcher.compute_ff_bytes().startswith(text))
        if not matcher.consume_token(token):
            raise AnswerError(f"the grammar does not allow the answer {answer[:200]!r}")
    if not matcher.is_accepting():
        raise AnswerError(f"by the grammar the answer {answer[:200]!r} is not whole")
    return marks


def keys_of_tokens(answer: str, ends: Sequence[int]) -> list[str]:
    """Return the key of the value that each token belongs to; empty before the first.

    A value goes to where the next key begins, so that its end belongs to it. In codes, the number
    of a turn has a key of its own: that of the value and `TURN`.

    Args:
        answer: A JSON object.
        ends: Place in the answer where each token ends.
    """
    places = list(_values(answer))
    is_codes = answer.startswith(f'{{"{FIELDS[0]}"')
    numbers = [each.span() for each in _TURN_NUMBERS.finditer(answer)] if is_codes else []
    keys = []
    for end in ends:
        begun = [key for key, start in places if start < end]
        is_turn = any(start < end <= stop for start, stop in numbers)
        keys.append((begun[-1] + TURN if is_turn else begun[-1]) if begun else "")
    return keys


def _values(answer: str) -> Iterator[tuple[str, int]]:
    """Yield each key of an object and the place where its value begins."""
    decoder = json.JSONDecoder()
    place = 1
    while answer[place] == '"':
        key, place = decoder.raw_decode(answer, place)
        yield key, place + 1
        _, place = decoder.raw_decode(answer, place + 1)
        if answer[place] == ",":
            place += 1
