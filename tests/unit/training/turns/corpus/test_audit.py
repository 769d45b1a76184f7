from __future__ import annotations

import pytest

from training.text.near_duplicates import most_similar
from training.turns.corpus.audit import audit_set, measure_baselines, resembles_train
from training.turns.corpus.examples import Example

_LONG = "i would like to know the price of the large blue one today"


def _example(
    text: str, *, is_complete: bool = True, conversation: str = "c", mark: str = ""
) -> Example:
    return Example(text, text + mark, is_complete, "sgd", conversation)


def test_repeats_of_the_train_split_are_counted() -> None:
    train = [_example(_LONG, conversation="a"), _example("good morning", conversation="b")]
    later = [
        _example("good morning", conversation="b"),
        _example("well " + _LONG + " please sir if you can", conversation="d"),
        _example(
            "a wholly different matter of some length that nobody ever raised", conversation="e"
        ),
        _example(_LONG + "s", conversation="f"),
    ]

    audit = audit_set({"train": train, "validation": later[2:3], "test": later})

    assert audit.test.conversations == 1
    assert audit.test.same_text == 0.25
    assert audit.test.shared_run == pytest.approx(2 / 3, abs=1e-4)
    assert audit.test.near_duplicates == 0.5
    assert (audit.validation.same_text, audit.validation.near_duplicates) == (0.0, 0.0)
    assert resembles_train(train, later) == [True, True, False, True]


def test_texts_with_two_labels_are_counted() -> None:
    examples = [_example("i see"), _example("i see", is_complete=False), _example("fine")]

    audit = audit_set({"train": examples, "validation": [], "test": examples})

    assert audit.two_labels == {"train": 1, "validation": 0, "test": 1}


def test_a_rule_that_predicts_the_label_is_found() -> None:
    """The last written character gives it away here, the last word does too, the rest does not."""
    train = [
        _example(f"w{n} {'done' if n % 2 else 'the'}", is_complete=bool(n % 2), mark="." * (n % 2))
        for n in range(100)
    ]

    baselines = measure_baselines(train, train[:20])

    assert baselines.last_written_character == 1.0
    assert baselines.last_word == 1.0
    assert baselines.majority == 0.5
    assert baselines.source == 0.5


def test_length_alone_is_measured_by_a_fitted_rule() -> None:
    train = [_example(" ".join(["w"] * n), is_complete=n > 5) for n in range(1, 11)] * 5

    assert measure_baselines(train, train).length == 1.0


def test_an_unknown_pair_of_words_falls_back_to_the_last_one() -> None:
    train = [_example("go on", is_complete=False), _example("so on", is_complete=False)]
    train += [_example("very good"), _example("so good"), _example("all good")]

    baselines = measure_baselines(train, [_example("carry on", is_complete=False)])

    assert baselines.last_two_words == 1.0
    assert baselines.majority == 0.0


def test_the_similarity_of_near_duplicates_is_found_and_of_others_not() -> None:
    others = [f"please send invoice number {n} to my new address in town" for n in range(50)]

    same, near, far = most_similar(
        [others[7], others[7] + " now", "completely other words"], others
    )

    assert same == 1.0
    assert 0.85 < near < 1.0
    assert far == 0.0
    assert most_similar(["a"], ["a"]) == [1.0]
    assert most_similar([], others) == []
