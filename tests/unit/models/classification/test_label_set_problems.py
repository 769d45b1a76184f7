"""What is wrong with a label set is said when it is read, before any call is answered by it."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.classification.label_set import TAKEN_NAMES, load_label_set
from schemas.errors import ConfigurationError
from stream_app.api.classifier.bodies import FlatAnswer
from tests.support.classification.tiny_classifier import LABEL_SET

RANKED = 'name = "priority"\ntitle = "Priority"\nis_ranked = true\n'
SUB = 'name = "sub"\ntitle = "Sub"\nparent = "main"\n'
GRANDCHILD = """
[[tasks]]
name = "hour"
title = "Hour"
parent = "sub"
labels = [
    { name = "Early", parent = "Day", definition = "x" },
    { name = "Late", parent = "Hour", definition = "x" },
    { name = "Any", parent = "Phone", definition = "x" },
]
"""
SECOND_CHILD = GRANDCHILD.replace('parent = "sub"', 'parent = "main"').replace(
    'parent = "Day"', 'parent = "Time"'
)
MANY_TASKS = "".join(
    f'\n[[tasks]]\nname = "t{n}"\ntitle = "T"\nlabels = [\n'
    f'    {{ name = "a{n}", definition = "x" }}, {{ name = "b{n}", definition = "x" }},\n]\n'
    for n in range(16)
)


def problem_of(text: str, folder: Path) -> str:
    (folder / "own.toml").write_text(text)
    with pytest.raises(ConfigurationError) as error:
        load_label_set(folder / "own.toml")
    return str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (RANKED, f'{RANKED}mode = "multi"\n', "'priority' is ranked"),
        (SUB, SUB.replace("main", "sub"), "'sub' has a parent itself"),
        ("min_words = 3", "min_words = 3\nmin_confidence = 60.0", "<= 1"),
        ("min_words = 3", "min_words = 3\nmin_confidence = nan", ">= 0"),
        ("confidence = 0.9", "confidence = 75", "<= 1"),
        ('mode = "multi"', 'mode = "multi"\nthreshold = nan', ">= 0"),
        ('mode = "multi"', 'mode = "multi"\nthresholds = { Polite = 3.0 }', "<= 1"),
        ('name = "flags"', 'name = "label_set"', "can be called 'label_set'"),
        ('name = "flags"', 'name = "mood/tone"', "can be called 'mood/tone'"),
        ('name = "Polite"', f'name = "{"x" * 300}"', "<= 256"),
        ('name = "Polite"', 'name = ""', ">= 1"),
        ('name = "tiny"', 'name = "../tiny"', "can be called '../tiny'"),
        ('"wrong number"', '"*"', "the abstention 'wrong_number' has a phrase without words"),
        ('"in the film"', '"..."', "the floor 'in_danger' has a phrase without words"),
        ('task = "priority"\nlabel = "High"\nphrases', 'task = "sub"\nlabel = "Day"\nphrases',
         "no ranked task decided alone"),
        ("version = 2", f"version = {'9' * 5_000}", "is not valid"),
        ("version = 2", f"version = {'[' * 3_000}", "is not valid"),
        ("[[alerts]]\nkind", f"{GRANDCHILD}\n[[alerts]]\nkind", "'sub' has a parent itself"),
        ("[[alerts]]\nkind", f"{SECOND_CHILD}\n[[alerts]]\nkind", "the parent of several"),
        ("[[alerts]]\nkind", f"{MANY_TASKS}\n[[alerts]]\nkind", "it has 20 tasks, not 1 to 16"),
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_named(old: str, new: str, problem: str, tmp_path: Path) -> None:
    assert old in LABEL_SET

    assert problem in problem_of(LABEL_SET.replace(old, new, 1), tmp_path)


def test_a_multi_task_has_no_more_labels_than_a_message_holds(tmp_path: Path) -> None:
    labels = ", ".join(f'{{ name = "l{n}", definition = "x" }}' for n in range(257))
    old = '    { name = "Polite", definition = "Says thank you" },\n'

    text = LABEL_SET.replace(old, f"    {labels},\n")

    assert "'flags' has more than 256 labels" in problem_of(text, tmp_path)


def test_a_path_that_no_system_has_is_one_error() -> None:
    with pytest.raises(ConfigurationError, match="is not valid"):
        load_label_set("own\0.toml")


def test_no_task_takes_the_name_of_a_field_of_the_flat_answer() -> None:
    assert set(FlatAnswer.model_fields) == TAKEN_NAMES
