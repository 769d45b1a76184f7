"""Grammars of the answers: what a back-end lets a model write, and nothing else.

They allow no white space and no other order, so that an answer has an end whatever the weights.
Every text that they allow decodes. Servers that take no grammar get a JSON Schema, which cannot
say that a rating follows from its score; what it allows decodes as well.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from models.analytics.analysis import MAX_FAULTS, MAX_SCORE, STEP
from models.analytics.answer_codes import FIELDS, NO_TURN, NOTHING
from models.analytics.answer_document import Evidence
from models.analytics.answer_parts import MAX_TURNS, AnswerForm, names_of
from models.analytics.guide import CODES
from models.text.lark import Grammar, Piece, numbers, sequence, text
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.analytics.guide import AnalysisGuide

MAX_DOCUMENT_TOKENS = 500
_LEAST_BYTES_A_TOKEN = 2  # on average, of names and keys; 2.6 were measured
_SCORES = range(0, MAX_SCORE + 1, STEP)


def answer_grammar(guide: AnalysisGuide, form: AnswerForm, turns: int) -> str:
    """Return the grammar of the answers of a call, in the Lark dialect of LLGuidance.

    Args:
        guide: That the names are of.
        form: Of the answer.
        turns: That the prompt shows; the answer names no later one.
    """
    return _grammar(guide, form, turns)[0]


def max_answer_tokens(guide: AnalysisGuide, form: AnswerForm, turns: int) -> int:
    """Return how many tokens an answer may have, so that none is cut off.

    No token has less than a byte, which is the bound for codes. The names and keys of the
    document's form are longer tokens in every vocabulary of a usual size: of the guide that ships,
    the longest answer has 787 bytes, and took no more than 260 tokens of SmolLM2 when the shortest
    tokens were drawn.

    Raises:
        ConfigurationError: The names of the guide are too long for the document's form.
    """
    longest = longest_answer(guide, form, turns)
    if form == "codes":
        return longest
    if longest > MAX_DOCUMENT_TOKENS * _LEAST_BYTES_A_TOKEN:
        msg = (
            f"analysis guide {guide.versioned_name}: an answer in the document's form has up to "
            f"{longest} bytes, more than {MAX_DOCUMENT_TOKENS} tokens hold: use shorter names, "
            "fewer questions, or codes"
        )
        raise ConfigurationError(msg)
    return MAX_DOCUMENT_TOKENS


def longest_answer(guide: AnalysisGuide, form: AnswerForm, turns: int) -> int:
    """Return the bytes of the longest answer that the grammar allows."""
    return _grammar(guide, form, turns)[1]


@lru_cache(maxsize=256)
def _grammar(guide: AnalysisGuide, form: AnswerForm, turns: int) -> tuple[str, int]:
    assert 0 <= turns <= MAX_TURNS
    grammar = Grammar()
    start = (_codes if form == "codes" else _document)(grammar, guide, turns)
    return grammar.write(start), start.longest


def _codes(grammar: Grammar, guide: AnalysisGuide, turns: int) -> Piece:
    turn = grammar.rule("turn", *_numbers(grammar, turns), text(NO_TURN))
    rated_turn = (*(sequence(each, text("@")) for each in _numbers(grammar, turns)), text(NO_TURN))
    score = _score(grammar)
    nothing = text(NOTHING)
    rating = grammar.rule(
        "rating", nothing, sequence(grammar.rule("rated_turn", *rated_turn), score)
    )

    def choice(name: str, entries: Sequence[object]) -> Piece:
        letter = grammar.pattern(f"{name}_code", f"[a-{CODES[len(entries) - 1]}]", 1)
        return sequence(turn, letter)

    def optional(name: str, entries: Sequence[object]) -> Piece:
        return grammar.rule(name, nothing, choice(name, entries))

    fault = grammar.rule("fault", choice("fault", guide.faults))
    faults = [sequence(*[fault] * number) for number in range(1, MAX_FAULTS + 1)]
    judged = [
        grammar.rule(f"judged_{code}", sequence(text(code.upper()), turn), text(f"{code}-"))
        for code in CODES[: len(guide.scorecard)]
    ]
    values = (
        optional("category", guide.categories),
        optional("journey", guide.journeys),
        optional("action", guide.actions),
        optional("outcome", guide.outcomes),
        grammar.rule("faults", nothing, *faults),
        grammar.rule("scorecard", nothing, grammar.ordered("card", judged, most=len(judged))),
        rating,
        rating,
        grammar.rule("quality", nothing, score),
    )
    pieces: list[Piece] = []
    for key, value in zip(FIELDS, values, strict=True):
        pieces += [text(('","' if pieces else '{"') + key + '":"'), value]
    return sequence(*pieces, text('"}'))


def _document(grammar: Grammar, guide: AnalysisGuide, turns: int) -> Piece:
    null = text("null")
    turn = grammar.rule("turn", *_numbers(grammar, turns), null)
    score = grammar.rule("score", _score(grammar), null)
    coaching = [
        sequence(text(f'{{"fault":{_json(each.name)},"turn":'), turn, text("}"))
        for each in guide.faults
    ]
    coached = grammar.ordered("coached", coaching, most=MAX_FAULTS, separator=",")
    judged = grammar.rule(
        "judged",
        sequence(text('{"answer":"yes","turn":'), turn, text("}")),
        text('{"answer":"no","turn":null}'),
        null,
    )
    categories = (_issue(None), *(_issue(each) for each in guide.categories))
    ratings = (_effectiveness(None, guide), *(_effectiveness(each, guide) for each in _SCORES))

    def name(rule: str, names: Sequence[str]) -> Piece:
        return grammar.rule(rule, *(text(_json(each)) for each in names), null)

    pieces = [
        text('{"primary_category":'),
        grammar.rule("category", *map(text, categories)),
        text(',"action":'),
        name("action", names_of(guide.actions)),
        text(',"outcome":'),
        name("outcome", names_of(guide.outcomes)),
        text('},"journey_type":'),
        name("journey", names_of(guide.journeys)),
        text(',"coaching_recommendations":['),
        grammar.rule("coaching", coached, text("")),
        text('],"scorecard":{'),
    ]
    for place, question in enumerate(guide.scorecard):
        pieces += [text(("," if place else "") + _json(question.name) + ":"), judged]
    pieces += [text('},"csat":'), score, text(',"churn_risk":'), score]
    pieces += [text(',"quality_score":'), grammar.rule("quality", *map(text, ratings))]
    for place, key in enumerate(Evidence.__struct_fields__):
        pieces += [text(("," if place else ',"evidence":{') + f'"{key}":'), turn]
    return sequence(*pieces, text("}}"))


def _issue(category: str | None) -> str:
    """Return a category up to the key behind it: the issue of the summary is the same."""
    return f'{_json(category)},"summary":{{"issue":{_json(category)}'


def _effectiveness(score: int | None, guide: AnalysisGuide) -> str:
    """Return a score of the quality with its rating."""
    rating = None if score is None else guide.effectiveness(score)
    return f'{_json(score)},"effectiveness_rating":{_json(rating)}'


def _numbers(grammar: Grammar, turns: int) -> tuple[Piece, ...]:
    """Return the rule of the numbers of the turns; none where no turn is shown."""
    if not turns:
        return ()
    return (grammar.pattern("number", numbers(turns), len(str(turns))),)


def _score(grammar: Grammar) -> Piece:
    return grammar.pattern("percent", "|".join(map(str, _SCORES)), len(str(MAX_SCORE)))


def _json(value: str | int | None) -> str:
    return msgspec.json.encode(value).decode()


def answer_json_schema(
    guide: AnalysisGuide, form: AnswerForm, turns: int = MAX_TURNS
) -> dict[str, Any]:
    """Return the JSON Schema of the answers of calls whose prompt shows so many turns."""
    properties = (
        _codes_properties(guide, turns) if form == "codes" else _document_properties(guide, turns)
    )
    # LLGuidance would allow white space
    return {**_object(properties), "x-guidance": {"whitespace_flexible": False}}


def _codes_properties(guide: AnalysisGuide, turns: int) -> dict[str, Any]:
    number = f"(?:{numbers(turns)})" if turns else ""
    turn = f"(?:{numbers(turns)}|[+])" if turns else "[+]"
    score = f"(?:{'|'.join(map(str, _SCORES))})"
    rated = f"(?:{number}@|[+]){score}" if turns else f"[+]{score}"

    def choice(entries: Sequence[object]) -> str:
        return f"{turn}[a-{CODES[len(entries) - 1]}]"

    judged = [f"(?:{code.upper()}{turn}|{code}-)" for code in CODES[: len(guide.scorecard)]]
    values = (
        choice(guide.categories),
        choice(guide.journeys),
        choice(guide.actions),
        choice(guide.outcomes),
        f"(?:{choice(guide.faults)}){{1,{MAX_FAULTS}}}",
        "|".join(
            each + "".join(f"{later}?" for later in judged[place:])
            for place, each in enumerate(judged, 1)
        ),
        rated,
        rated,
        score,
    )
    return {
        key: {"type": "string", "pattern": f"^(?:-|{value})$"}
        for key, value in zip(FIELDS, values, strict=True)
    }


def _document_properties(guide: AnalysisGuide, turns: int) -> dict[str, Any]:
    turn: dict[str, Any] = {"enum": [None]}
    if turns:
        turn = {"anyOf": [{"type": "integer", "minimum": 1, "maximum": turns}, {"type": "null"}]}
    score = _one_of(_SCORES)
    category = _one_of(guide.categories)
    judged = _object({"answer": {"enum": ["yes", "no"]}, "turn": turn})
    coached = _object({"fault": {"enum": list(names_of(guide.faults))}, "turn": turn})
    return {
        "primary_category": category,
        "summary": _object(
            {
                "issue": category,
                "action": _one_of(names_of(guide.actions)),
                "outcome": _one_of(names_of(guide.outcomes)),
            }
        ),
        "journey_type": _one_of(names_of(guide.journeys)),
        "coaching_recommendations": {"type": "array", "maxItems": MAX_FAULTS, "items": coached},
        "scorecard": _object(
            {each.name: {"anyOf": [judged, {"type": "null"}]} for each in guide.scorecard}
        ),
        "csat": score,
        "churn_risk": score,
        "quality_score": score,
        "effectiveness_rating": _one_of([each.name for each in guide.bands]),
        "evidence": _object(dict.fromkeys(Evidence.__struct_fields__, turn)),
    }


def _one_of(values: Sequence[str | int]) -> dict[str, Any]:
    return {"enum": [*values, None]}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
