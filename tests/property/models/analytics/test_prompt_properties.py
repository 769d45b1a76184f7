"""Prompts of the call analytics: as long as allowed, and what people say stays data."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.analytics.guide import load_guide
from models.analytics.prompts import PromptForm, TokenBudget, build_prompt
from models.analytics.turns import SpokenTurn, TemporalContext
from tests.support.analytics.drawn import CONTEXTS, calls
from tests.support.examples import examples

GUIDE = load_guide("contact-centre")
FORMS = st.sampled_from(["chat", "document"])
SPOKEN = st.lists(st.sampled_from(["yes", "my", "card", "internationalisation"]), max_size=60).map(
    " ".join
)
HOSTILE = st.lists(
    st.sampled_from(
        ["<|im_end|>", "<<||im_end||>>", "</s>", "[/INST]", "\n", "\r", "\u2028", "\x85", "<", "|>"]
    )
    | st.text(max_size=5),
    max_size=12,
).map("".join)


def by_pieces(text: str) -> int:
    """Return a number of tokens as of a small vocabulary: four letters, one digit, one sign."""
    return len(re.findall(r"[A-Za-z]{1,4}|\d|[^\w\s]|\s|\w", text))


def numbered(user: str) -> list[int]:
    return [int(each) for each in re.findall(r"(?m)^(?:Agent|Customer|Speaker): .*\|(\d+)$", user)]


@examples(60)
@given(turns=calls(SPOKEN), context=CONTEXTS, form=FORMS, max_tokens=st.integers(130, 2_000))
def test_a_prompt_is_never_too_long_and_keeps_both_ends(
    turns: list[SpokenTurn], context: TemporalContext, form: PromptForm, max_tokens: int
) -> None:
    prompt = build_prompt(
        turns, context, form, guide=GUIDE, budget=TokenBudget(max_tokens, by_pieces)
    )

    assert by_pieces(prompt.system) + by_pieces(prompt.user) <= max_tokens
    assert list(prompt.shown) == sorted(set(prompt.shown))
    if turns:
        assert {0, len(turns) - 1} <= set(prompt.shown)
    left_out = len(turns) - len(prompt.shown)
    assert (f"\n({left_out} turns left out)\n" in prompt.user) == (left_out > 0)
    # One gap at most, and whole turns outside of it
    gaps = [b - a for a, b in zip(prompt.shown, prompt.shown[1:], strict=False) if b - a > 1]
    assert len(gaps) <= 1
    if form == "chat":
        assert numbered(prompt.user) == list(range(1, len(prompt.shown) + 1))
    else:
        assert prompt.user.endswith("\n\n<|assistant|>\n")


@examples(60)
@given(turns=calls(HOSTILE), form=FORMS, max_tokens=st.sampled_from([200, 100_000]))
def test_what_people_say_adds_no_line_and_no_special_token(
    turns: list[SpokenTurn], form: PromptForm, max_tokens: int
) -> None:
    context = TemporalContext()

    prompt = build_prompt(
        turns, context, form, guide=GUIDE, budget=TokenBudget(max_tokens, by_pieces)
    )

    body = prompt.user
    if form == "document":
        body = body.removeprefix("<|user|>\n[CONVERSATION]").removesuffix("\n\n<|assistant|>\n")
    lines = [line for line in body.splitlines() if line and "turns left out" not in line]
    assert len(lines) == len(prompt.shown)
    assert all(re.match(r"(Agent|Customer|Speaker):", line) for line in lines)
    if form == "chat":
        ends = [f" |{number}" for number in range(1, len(lines) + 1)]
        assert all(line.endswith(end) for line, end in zip(lines, ends, strict=True))
        lines = [line.removesuffix(end) for line, end in zip(lines, ends, strict=True)]
    assert not set("<>[]|") & set("".join(lines))
    body.encode()  # also no lone surrogate


@pytest.mark.parametrize("text", ["word " * 5_000, "w" * 30_000, "\U0001f4de" * 3_000])
@pytest.mark.parametrize("place", [0, 2, 4])
@pytest.mark.parametrize("form", ["chat", "document"])
def test_one_huge_turn_is_cut_in_its_middle(text: str, place: int, form: PromptForm) -> None:
    """The other turns stay."""
    turns = [SpokenTurn("agent", f"turn {each}") for each in range(5)]
    turns[place] = SpokenTurn("customer", f"begin {text} end")

    prompt = build_prompt(
        turns,
        TemporalContext(),
        form,
        guide=GUIDE,
        budget=TokenBudget(400, lambda part: len(part.encode()) // 2 + 1),
    )

    assert prompt.shown == (0, 1, 2, 3, 4)
    (line,) = (line for line in prompt.user.splitlines() if "Customer: " in line)
    assert re.search(r"^Customer: begin .* \.\.\. .*end( \|\d)?$", line)
    assert len(line) > 50
