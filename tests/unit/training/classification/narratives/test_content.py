"""What is said around a topic: what is written further is for the training split alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from training.classification.narratives import content
from training.classification.narratives.content import content_of, whole_content
from training.classification.narratives.topics import CONTENT
from training.core.errors import MissingDataError


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder of further content, which is read instead of the real one."""
    for path in CONTENT.glob("*.toml"):
        shutil.copy(path, tmp_path)
    (tmp_path / "further").mkdir()
    monkeypatch.setattr(content, "CONTENT", tmp_path)
    for cached in (content_of, whole_content):
        monkeypatch.setattr(content, cached.__name__, cached.__wrapped__)
    return tmp_path / "further"


def test_further_phrasings_are_for_training_alone(written: Path) -> None:
    before = {split: content.content_of(split) for split in ("train", "validation", "test")}
    (written / "elsewhere.toml").write_text('[denials]\nNutrition = [["Fever?", "None at all."]]\n')
    (written / "speech.toml").write_text('thanks = ["I walk home lighter."]\n')

    train = content.content_of("train")

    old = before["train"].elsewhere.denials["Nutrition"]
    assert train.elsewhere.denials["Nutrition"] == (*old, ("Fever?", "None at all."))
    assert train.speech.thanks == (*before["train"].speech.thanks, "I walk home lighter.")
    assert train.actions == before["train"].actions
    assert content.content_of("validation") == before["validation"]
    assert content.content_of("test") == before["test"]
    assert "I walk home lighter." in content.whole_content().speech.thanks


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("speech", 'thank = ["I walk home lighter."]', "names what there is not: thank"),
        ("speeches", 'thanks = ["I walk home lighter."]', "names what there is not: speeches"),
        ("speech", 'thanks = "I walk home lighter."', "is not of the form"),
        ("speech", "thanks = [1]", "are not valid"),
        ("speech", "thanks = [", "speech.toml are not valid"),
    ],
)
def test_further_phrasings_that_belong_nowhere_are_refused(
    written: Path, name: str, text: str, fault: str
) -> None:
    (written / f"{name}.toml").write_text(text)

    with pytest.raises(MissingDataError, match=fault):
        content.content_of("train")


def test_most_of_what_is_said_around_a_topic_is_for_training() -> None:
    train, test = (content_of(split) for split in ("train", "test"))

    for name, denials in train.elsewhere.denials.items():
        assert len(denials) > 5 * len(test.elsewhere.denials[name])
