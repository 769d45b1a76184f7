"""The safety floor: what raises, what silences it, and phrases over two passages."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.classification.label_set import LabelSet, load_label_set
from models.classification.rules import (
    MAX_JOINED,
    NEAR_WORDS,
    abstention,
    cut_passages,
    raised_labels,
)
from models.text.spoken_form import spoken_form
from tests.support.classification.tiny_classifier import LABEL_SET


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> LabelSet:
    path = tmp_path_factory.mktemp("tiny") / "tiny.toml"
    path.write_text(LABEL_SET)
    return load_label_set(path)


def rules_of(label_set: LabelSet, *texts: str) -> list[str]:
    return [each.rule for each in raised_labels(label_set, list(map(spoken_form, texts))).values()]


@pytest.mark.parametrize(
    ("text", "is_raised"),
    [
        ("In the film he has a knife", False),
        ("He has a knife in the film", False),
        (f"he has a knife {'well ' * NEAR_WORDS}in the film", False),
        (f"he has a knife {'well ' * (NEAR_WORDS + 1)}in the film", True),
        (f"in the film {'well ' * (NEAR_WORDS + 1)}he has a knife", True),
        ("he was in the film but he has a knife", True),
        ("in the film he has a knife but now i tell you he has a knife", True),
    ],
)
def test_words_silence_a_phrase_near_them_up_to_a_but(
    text: str, is_raised: bool, tiny: LabelSet
) -> None:
    assert bool(rules_of(tiny, text)) is is_raised


def test_words_that_hold_a_phrase_silence_no_other() -> None:
    helpline = load_label_set("helpline")

    assert not rules_of(helpline, "I don't want to kill myself")
    assert rules_of(helpline, "I don't want to kill myself I want to kill myself")


@pytest.mark.parametrize(
    "text",
    [
        "My son is unconscious, I don't know if he is breathing",
        "She is bleeding heavily and I don't know if she is alive",
        "He is beating her, I am whispering on the phone",
        "I tried to kill myself in the kitchen",
        "I didn't kill myself years ago but I want to die now",
        "He has a knife. I am calling during the exam.",
        "he is in the house, i can no longer hide",
        "she is not bleeding, she is unconscious",
        "I never thought of it before and I want to kill myself",
        "he doesn't have a gun, he has a knife",
        "he cant breathe",
        "hes at the door",
        "i dont want to live",
        "suici\u00addal",
        "I want to k\u200bill myself",
        "I don\u055at want to live",
    ],
)
def test_an_emergency_is_raised_whatever_everyday_words_stand_by(text: str) -> None:
    assert rules_of(load_label_set("helpline"), text)


@pytest.mark.parametrize(
    "text",
    [
        "what should I do if she is bleeding",
        "I cut myself in the kitchen",
        "he locked me out of my account",
        "he has chained the dog",
        "he has a knife to peel potatoes",
        "this exam will kill me",
        "someone snatched the phone",
        "she was raped years ago",
        "he was beating us, they were in danger",
    ],
)
def test_everyday_talk_is_not_raised(text: str) -> None:
    assert not rules_of(load_label_set("helpline"), text)


@pytest.mark.parametrize(
    "text",
    ["I want to die, stop laughing at me", "the car is on fire at the gas station", "ill kill you"],
)
def test_an_emergency_of_a_customer_is_raised(text: str) -> None:
    assert rules_of(load_label_set("contact-centre"), text)


@pytest.mark.parametrize(
    ("call", "cut"),
    [
        ("c:listen he has / c:a knife", [(0, 1)]),
        ("c:listen he has / a:mm yes go / c:a knife", [(0, 2)]),
        ("c:listen he has / a: / c:a knife", [(0, 2)]),
        ("c:he / c:has / c:a / c:knife", [(0, 1, 2, 3)]),
        ("c:he has / a:mm / c:a knife he has / c:a knife", [(0, 2, 3)]),
        ("c:he has / a:he / c:a knife / a:has a knife", [(0, 2), (1, 3)]),
        ("c:he has / a:what do you mean / c:a knife", []),
        ("c:he has / a:a knife", []),
        ("c:he has a knife / c:you know", []),
        ("c:he has a knife he / c:he has", []),
        ("c:in the film he has / c:a knife", []),
        ("c:in the film / c:he has / c:a knife", [(1, 2)]),
    ],
)
def test_passages_of_one_party_over_which_a_phrase_goes_are_one(
    call: str, cut: list[tuple[int, ...]], tiny: LabelSet
) -> None:
    parties, texts = zip(*(each.split(":") for each in call.split(" / ")), strict=True)

    assert cut_passages(tiny, texts, parties) == cut


def test_passages_that_are_one_have_a_limit(tiny: LabelSet) -> None:
    texts = ["a knife he has"] * 2_000

    found = cut_passages(tiny, texts, ["customer"] * len(texts))

    assert all(sum(len(texts[index]) + 1 for index in each) <= MAX_JOINED for each in found)
    assert all(a[-1] < b[0] for a, b in pairwise(found))
    assert found[0][0] == 0


@given(
    words=st.lists(st.sampled_from(["he has a", "knife", "now", "i need", "well"]), max_size=14),
    cuts=st.sets(st.integers(1, 25)),
)
def test_wherever_a_text_is_cut_it_is_raised_as_when_it_is_whole(
    words: list[str], cuts: set[int], tiny: LabelSet
) -> None:
    said = " ".join(words).split()
    ends = [0, *sorted(cut for cut in cuts if cut < len(said)), len(said)]
    pieces = [" ".join(said[first:end]) for first, end in pairwise(ends)]
    groups = cut_passages(tiny, pieces, ["unknown"] * len(pieces))

    joined = [" ".join(pieces[index] for index in group) for group in groups]

    assert bool(rules_of(tiny, *pieces, *joined)) is bool(rules_of(tiny, " ".join(said)))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("\u6211\u60f3\u81ea\u6740\u56e0\u4e3a\u6211", ""),
        ("\u0e1e\u0e48\u0e2d\u0e15\u0e35\u0e09\u0e31\u0e19", ""),
        ("\u6211\u60f3", "too_short"),
        ("yes okay", "too_short"),
        ("yes okay good", ""),
    ],
)
def test_words_are_counted_also_where_no_blanks_part_them(
    text: str, reason: str, tiny: LabelSet
) -> None:
    assert abstention(tiny, [spoken_form(text)]) == reason
