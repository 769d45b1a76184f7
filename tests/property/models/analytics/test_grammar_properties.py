"""Grammars of answers: they allow what an analysis is written as, and nothing that is not read."""

import json
import random
import re
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from models.analytics.analysis import Analysis, Choice, Judgement, Rating
from models.analytics.answer_parts import AnswerForm
from models.analytics.answers import decode_answer, encode_answer
from models.analytics.grammar import (
    answer_grammar,
    answer_json_schema,
    longest_answer,
    max_answer_tokens,
)
from models.analytics.guide import FOLDER, AnalysisGuide, load_guide
from models.text.lark import numbers
from schemas.errors import ConfigurationError
from tests.support.analytics.drawn import analyses
from tests.support.analytics.guided import END, TOKENS, Guided, accepts, json_schema_grammar
from tests.support.examples import examples

GUIDE = load_guide("contact-centre")
TURNS = 12
SHOWN = range(TURNS)
FORMS = pytest.mark.parametrize("form", ["codes", "document"])
GRAMMARS = {each: answer_grammar(GUIDE, each, TURNS) for each in ("codes", "document")}
SCHEMAS = {each: answer_json_schema(GUIDE, each, TURNS) for each in ("codes", "document")}

VALIDATORS = {form: jsonschema.Draft202012Validator(each) for form, each in SCHEMAS.items()}


def odd_guide(folder: Path, faults: int, names: str = '\\\\ "é/') -> AnalysisGuide:
    """Return a guide with so many faults, whose names need care in JSON and grammars."""
    text = (FOLDER / "contact-centre.toml").read_text("utf-8")
    head, tail = text.split("[[faults]]", 1)
    tail = tail[tail.index("[[scorecard]]") :]
    entry = "[[faults]]\nname = '{} {}'\ndefinition = 'd'\nrecommendation = 'r'\npoints = 5\n"
    path = folder / "odd.toml"
    listed = "".join(entry.format(names, each) for each in range(faults))
    path.write_text(head + listed + tail, "utf-8")
    return load_guide(path)


def walk(grammar: str, seed: int) -> Guided:
    """Return a text that was drawn token by token among those that a grammar allows."""
    chance, guided = random.Random(seed), Guided(grammar)
    while not guided.is_over:
        allowed = guided.allowed()
        assert allowed
        assert guided.write(chance.choice(allowed))
    return guided


@FORMS
@examples(25)
@given(analysis=analyses(GUIDE, TURNS))
def test_what_an_analysis_is_written_as_is_allowed(form: AnswerForm, analysis: Analysis) -> None:
    text = encode_answer(analysis, GUIDE, form, SHOWN)

    assert accepts(GRAMMARS[form], text)
    assert VALIDATORS[form].is_valid(json.loads(text))
    assert len(text) <= longest_answer(GUIDE, form, TURNS)


@FORMS
@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_allowed_decodes_and_is_compact(form: AnswerForm, seed: int) -> None:
    guided = walk(GRAMMARS[form], seed)

    text = guided.written.decode()
    read = decode_answer(text, GUIDE, form, SHOWN)
    again = encode_answer(read, GUIDE, form, SHOWN)
    assert decode_answer(again, GUIDE, form, SHOWN) == read
    assert text == json.dumps(json.loads(text), separators=(",", ":"))
    assert len(text) <= longest_answer(GUIDE, form, TURNS)
    assert guided.tokens <= longest_answer(GUIDE, form, TURNS)
    assert VALIDATORS[form].is_valid(json.loads(text))


@FORMS
@pytest.mark.parametrize("seed", range(4))
def test_what_a_server_with_the_json_schema_alone_writes_decodes(
    form: AnswerForm, seed: int
) -> None:
    guided = walk(json_schema_grammar(json.dumps(SCHEMAS[form])), seed)

    text = guided.written.decode()
    decode_answer(text, GUIDE, form, SHOWN)
    assert text == json.dumps(json.loads(text), separators=(",", ":"))


def test_codes_never_allow_white_space() -> None:
    for seed in range(4):
        chance, guided = random.Random(seed), Guided(GRAMMARS["codes"])
        while not guided.is_over:
            allowed = guided.allowed()
            assert not any(TOKENS[each].isspace() for each in allowed if each != END)
            guided.write(chance.choice(allowed))


NOTHING = Analysis(
    category=None,
    journey=None,
    action=None,
    outcome=None,
    faults=(),
    scorecard=(Judgement(answer=None),) * len(GUIDE.scorecard),
    csat=None,
    churn=None,
    quality=None,
)


@FORMS
@pytest.mark.parametrize("turns", [0, 1, 9, 10, 25, 101, 998])
def test_no_turn_above_those_shown_is_allowed(form: AnswerForm, turns: int) -> None:
    grammar = answer_grammar(GUIDE, form, turns)
    schema = answer_json_schema(GUIDE, form, turns)

    for number in {1, max(turns, 1), turns + 1, min(10 * turns + 1, 999)}:
        analysis = replace(
            NOTHING,
            category=Choice(name="Cards", turns=(number - 1,)),
            csat=Rating(score=50, turns=(number - 1,)),
        )
        text = encode_answer(analysis, GUIDE, form, range(number))
        assert accepts(grammar, text) == (number <= turns)
        valid = jsonschema.Draft202012Validator(schema).is_valid(json.loads(text))
        assert valid == (number <= turns)


@FORMS
def test_scores_are_steps_of_5_and_have_their_rating(form: AnswerForm) -> None:
    text = encode_answer(replace(NOTHING, quality=Rating(score=85)), GUIDE, form, SHOWN)
    before = {"codes": '"q":"{}"', "document": '"quality_score":{}'}[form]
    assert before.format(85) in text

    found = [
        score
        for score in range(-5, 120)
        if accepts(GRAMMARS[form], text.replace(before.format(85), before.format(score)))
    ]

    # The document's form has the rating "excellent" behind it
    assert found == (list(range(0, 101, 5)) if form == "codes" else [85, 90, 95, 100])


@pytest.mark.parametrize(
    ("faults", "allowed"),
    [
        ("-", True),
        ("1a", True),
        ("1a12h", True),
        ("+b2c+d", True),
        ("1f1g1h", True),
        ("2b1a", True),
        ("1a2a", True),
        ("1a2b3c4d", False),
        ("13a", False),
        ("1i", False),
        ("1", False),
        ("a", False),
        ("", False),
    ],
)
def test_faults_have_a_turn_each_and_are_3_at_most(faults: str, allowed: bool) -> None:
    text = encode_answer(NOTHING, GUIDE, "codes", SHOWN).replace('"f":"-"', f'"f":"{faults}"')
    pattern = SCHEMAS["codes"]["properties"]["f"]["pattern"]

    assert accepts(GRAMMARS["codes"], text) == allowed
    assert bool(re.search(pattern, faults)) == allowed


@FORMS
@pytest.mark.parametrize("faults", [1, 2, 26])
def test_names_may_have_any_characters_and_lists_any_length(
    tmp_path: Path, form: AnswerForm, faults: int
) -> None:
    guide = odd_guide(tmp_path, faults)
    grammar = answer_grammar(guide, form, TURNS)
    found = tuple(Choice(name=each.name, turns=(3,)) for each in guide.faults[-3:])

    text = encode_answer(replace(NOTHING, faults=found), guide, form, SHOWN)

    assert accepts(grammar, text)
    assert decode_answer(text, guide, form, SHOWN).faults == found
    decode_answer(walk(grammar, 1).written.decode(), guide, form, SHOWN)


def test_the_longest_answer_in_codes_is_known() -> None:
    last = (TURNS - 1,)
    longest = Analysis(
        category=Choice(name="Cards", turns=last),
        journey=Choice(name="complaint", turns=last),
        action=Choice(name="done", turns=last),
        outcome=Choice(name="resolved", turns=last),
        faults=tuple(Choice(name=each.name, turns=last) for each in GUIDE.faults[:3]),
        scorecard=(Judgement(answer="yes", turns=last),) * len(GUIDE.scorecard),
        csat=Rating(score=100, turns=last),
        churn=Rating(score=100, turns=last),
        quality=Rating(score=100),
    )

    text = encode_answer(longest, GUIDE, "codes", SHOWN)

    assert len(text) == longest_answer(GUIDE, "codes", TURNS) == 118
    assert max_answer_tokens(GUIDE, "codes", TURNS) == 118


def test_a_guide_whose_names_fill_the_answer_is_one_clear_error(tmp_path: Path) -> None:
    assert max_answer_tokens(GUIDE, "document", 999) == 500
    guide = odd_guide(tmp_path, 3, "x" * 200)

    with pytest.raises(ConfigurationError, match="use shorter names, fewer questions, or codes"):
        max_answer_tokens(guide, "document", TURNS)


@given(last=st.integers(1, 999), number=st.integers(0, 1_100))
def test_numbers_are_those_from_1(last: int, number: int) -> None:
    assert bool(re.fullmatch(numbers(last), str(number))) == (1 <= number <= last)
