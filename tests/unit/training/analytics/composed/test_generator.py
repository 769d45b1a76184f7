"""Generated calls: what is planted is said, where the answer says so, in phrasings of one split."""

from __future__ import annotations

import gzip
import itertools
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from models.analytics.guide import churn_band
from training.analytics.composed.content import content_of
from training.analytics.composed.dialogues import dialogues_of, read_dialogues
from training.analytics.composed.facts import fault_mark
from training.analytics.composed.generator import compose, generate, the_guide
from training.core.errors import MissingDataError
from training.core.splits import SPLITS, Split

if TYPE_CHECKING:
    from training.analytics.composed.content import Content
    from training.analytics.composed.dialogues import PlantableDialogue
    from training.analytics.composed.generator import Composed
    from training.analytics.composed.stage import Planted

_CALLS = 120
_MOST_OF_A_BAND = 0.4


def _calls(split: Split) -> list[Composed]:
    return [compose(split, index, f"test/{index}") for index in range(_CALLS)]


def _parts(exchanges: tuple[str, ...]) -> set[str]:
    return {each.split(" // ")[0] for each in exchanges}


def _written_for(mark: str, content: Content) -> set[str] | None:
    """Return the phrasings that a fact may be said in; None for one of the problem itself."""
    conduct, handling, customer = content.conduct, content.handling, content.customer
    again = itertools.chain.from_iterable(content.agent.again.values())
    lists: dict[str, tuple[str, ...]] = {
        "fault: no greeting": content.agent.bare_openings,
        "fault: interrupts": conduct.cut_ins,
        "fault: no empathy": conduct.passes_over,
        "fault: rude": conduct.rude,
        "fault: jargon": conduct.jargon,
        "fault: unexplained hold": conduct.bare_holds,
        "fault: asks twice": tuple(again),
        "fault: empty promise": handling.closing["empty_promises"],
        "question: greeting": content.agent.openings,
        "question: restates": content.agent.restates,
        "question: anything else": handling.closing["anything_else"],
        "question: farewell": handling.closing["farewells"],
        "tone": (
            *itertools.chain.from_iterable(customer.closing.values()),
            *itertools.chain.from_iterable(customer.abandons.values()),
        ),
        "churn: loyal": customer.churn["loyal"],
        "churn: dissatisfied": customer.churn["dissatisfied"],
        "churn: comparing": customer.churn["comparing"],
        "churn: threatens": customer.churn["threatens"],
        "churn: stays": customer.churn["stays"],
    }
    return _parts(lists[mark]) if mark in lists else None


def _follows_trouble(call: Composed, part: Planted, content: Content) -> bool:
    """Whether the agent goes on with something else after the customer told of trouble."""
    before = call.planted[: call.planted.index(part)]
    is_told = any(each.phrasing in content.conduct.troubles for each in before)
    return fault_mark("no empathy") in part.marks and is_told


@pytest.mark.parametrize("split", SPLITS)
def test_every_turn_of_evidence_has_a_phrasing_of_its_fact(split: Split) -> None:
    content = content_of(split)
    seen: Counter[str] = Counter()
    for call in _calls(split):
        for part in call.planted:
            assert part.text in call.turns[part.turn].text
            for mark in part.marks:
                written = _written_for(mark, content)
                is_written = written is None or part.phrasing in written
                seen[mark] += written is not None and is_written
                assert is_written or _follows_trouble(call, part, content), (mark, part)
        by_parts = [
            frozenset().union(*(p.marks for p in call.planted if p.turn == index))
            for index in range(len(call.turns))
        ]
        assert [turn.marks for turn in call.turns] == by_parts

    assert {fault_mark(each.name) for each in the_guide().faults} <= seen.keys()


@pytest.mark.parametrize("split", SPLITS)
def test_every_fact_of_an_answer_has_a_turn(split: Split) -> None:
    """Only a "no" of the scorecard and the absence of a cue have none."""
    for example in generate(split, _CALLS, 5, 0.0):
        analysis = example.analysis
        found = [analysis.category, analysis.journey, analysis.action, analysis.outcome]
        found += analysis.faults
        assert all(each is None or each.turns for each in found), example.id
        assert analysis.csat is None or analysis.csat.turns
        for judgement in analysis.scorecard:
            assert bool(judgement.turns) == (judgement.answer == "yes"), example.id
        assert analysis.churn is not None
        assert analysis.churn.turns or churn_band(analysis.churn.score) == "low"


def test_agents_pass_over_trouble_in_words_and_by_going_on() -> None:
    """What is not said has no phrasing that could be learnt by heart."""
    content = content_of("train")
    mark = fault_mark("no empathy")
    passed = [
        part.phrasing in content.conduct.passes_over
        for call in (compose("train", index, f"over/{index}") for index in range(600))
        for part in call.planted
        if mark in part.marks
    ]

    assert 0.5 < sum(passed) / len(passed) < 0.95


def test_who_shows_a_fact_is_who_the_guide_says() -> None:
    for example in generate("train", _CALLS, 6, 0.0):
        analysis = example.analysis
        agent = {turn for fault in analysis.faults for turn in fault.turns}
        agent |= {turn for each in analysis.scorecard for turn in each.turns}
        assert {example.turns[turn].party for turn in agent} <= {"agent"}, example.id
        assert analysis.category is not None
        assert {example.turns[turn].party for turn in analysis.category.turns} == {"customer"}


def test_the_quality_is_what_the_answer_itself_leaves() -> None:
    guide = the_guide()
    points = {fault.name: fault.points for fault in guide.faults}
    for example in generate("test", _CALLS, 7, 0.0):
        analysis = example.analysis
        lost = sum(points[fault.name] for fault in analysis.faults)
        for question, judgement in zip(guide.scorecard, analysis.scorecard, strict=True):
            lost += question.points if judgement.answer == "no" else 0
        assert analysis.quality is not None
        assert analysis.quality.score == max(0, 100 - lost)


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("count", [20, 301])
def test_no_churn_band_has_more_than_two_fifths(split: Split, count: int) -> None:
    scores = [example.analysis.churn for example in generate(split, count, 3, 0.0)]
    bands = Counter(churn_band(score.score) for score in scores if score)

    assert sum(bands.values()) == count
    assert max(bands.values()) <= _MOST_OF_A_BAND * count


def test_the_same_seed_gives_the_same_calls_and_another_seed_others() -> None:
    first = list(generate("train", 30, 1, 0.5))

    assert list(generate("train", 30, 1, 0.5)) == first
    assert [each.turns for each in generate("train", 30, 2, 0.5)] != [x.turns for x in first]


def test_more_calls_begin_with_the_same_ones() -> None:
    assert list(generate("test", 40, 1, 0.3))[:20] == list(generate("test", 20, 1, 0.3))


def test_noise_changes_words_of_a_share_of_the_calls_and_no_answer() -> None:
    clean = list(generate("train", _CALLS, 1, 0.0))
    noisy = list(generate("train", _CALLS, 1, 0.5))

    heard = [each for each in noisy if each.provenance["heard"] == "yes"]
    assert len(heard) / _CALLS == pytest.approx(0.5, abs=0.15)
    assert [each.analysis for each in noisy] == [each.analysis for each in clean]
    for before, after in zip(clean, noisy, strict=True):
        is_heard = after.provenance["heard"] == "yes"
        assert (after.turns != before.turns) == is_heard
        assert [turn.party for turn in after.turns] == [turn.party for turn in before.turns]
        assert all(turn.text for turn in after.turns)


def test_nothing_of_a_template_is_left_in_a_call() -> None:
    for split in SPLITS:
        for call in _calls(split):
            text = " ".join(turn.text for turn in call.turns)
            assert not set("<>{}|") & set(text), text
            assert "  " not in text


def test_a_call_that_is_given_up_ends_with_the_customer() -> None:
    given_up = [call for call in _calls("train") if call.facts.outcome == "abandoned"]

    assert given_up
    assert {call.turns[-1].party for call in given_up} == {"customer"}
    assert {call.facts.action for call in given_up} == {None}


_DIALOGUE = [
    ("USER", "I want a table in Napa.", ["INFORM_INTENT"], ["ReserveRestaurant"]),
    ("SYSTEM", "At what time shall it be?", ["REQUEST"], []),
    ("USER", "At seven in the evening please.", ["INFORM"], ["ReserveRestaurant"]),
    ("SYSTEM", "Please confirm a table at seven in Napa.", ["CONFIRM"], []),
    ("USER", "That is what I want indeed.", ["AFFIRM"], ["ReserveRestaurant"]),
    ("SYSTEM", "It has been booked for you.", ["NOTIFY_SUCCESS"], []),
    ("USER", "Thanks so much.", ["THANK_YOU"], []),
    ("SYSTEM", "Anything else?", ["REQ_MORE"], []),
]


def _written(folder: Path, count: int) -> tuple[PlantableDialogue, ...]:
    rows = [
        {
            "dialogue_id": f"{number}",
            "turns": [
                {"speaker": speaker, "utterance": text, "acts": acts, "intents": intents}
                for speaker, text, acts, intents in _DIALOGUE
            ],
        }
        for number in range(count)
    ]
    for part in ("train", "dev"):
        lines = b"\n".join(msgspec.json.encode(row) for row in rows)
        (folder / f"{part}.jsonl.gz").write_bytes(gzip.compress(lines))
    return read_dialogues(folder)


def test_a_dialogue_is_taken_to_the_turn_that_settles_it(tmp_path: Path) -> None:
    dialogue = _written(tmp_path, 1)[0]

    assert [turn.utterance for turn in dialogue.turns] == [each[1] for each in _DIALOGUE[:6]]
    assert (dialogue.asked_at, dialogue.confirmed_at, dialogue.settled_at) == (0, 3, 5)
    assert dialogue.category == "Food and Dining"


def test_calls_around_dialogues_say_all_of_them_and_what_is_planted(tmp_path: Path) -> None:
    dialogues = _written(tmp_path, 40)
    examples = [each for each in generate("train", 300, 1, 0.0, dialogues) if each.source == "sgd"]

    assert len(examples) > 20
    for example in examples:
        said = " ".join(turn.text for turn in example.turns)
        analysis = example.analysis
        assert analysis.category is not None
        assert "I want a table in Napa." in example.turns[analysis.category.turns[0]].text
        if analysis.action:
            assert all(text in said for _, text, _, _ in _DIALOGUE[:6]), example.id
            assert "It has been booked" in example.turns[analysis.action.turns[0]].text
            restates = analysis.scorecard[2]
            assert "Please confirm" in example.turns[restates.turns[0]].text
        assert "Thanks so much." not in said


def test_a_dialogue_is_in_one_split_only(tmp_path: Path) -> None:
    dialogues = _written(tmp_path, 60)
    groups = {
        split: {
            each.group for each in generate(split, 200, 1, 0.0, dialogues) if each.source == "sgd"
        }
        for split in SPLITS
    }

    assert sum(len(dialogues_of(dialogues, split)) for split in SPLITS) == len(dialogues)
    assert all(groups.values())
    assert not groups["train"] & groups["validation"]
    assert not groups["train"] & groups["test"]
    assert not groups["validation"] & groups["test"]


def test_a_missing_set_of_dialogues_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="sgd"):
        read_dialogues(tmp_path)
