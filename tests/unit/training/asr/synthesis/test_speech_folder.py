"""Synthesised speech that is complete, and of which recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.speech_training.tone_speech import RECIPES, tone_recording
from training.asr.scratch.preparation import ensure_training_speech
from training.asr.scratch.recipe import read_recipe
from training.asr.speech.folders import SpeechFolders
from training.asr.speech.utterances import write_shard
from training.asr.synthesis import voice_set
from training.asr.synthesis.recipe import Synthesis
from training.asr.synthesis.sentences import SOURCES
from training.asr.synthesis.speech_folder import check_speech, clear_speech, mark_complete
from training.core.errors import MissingDataError
from training.text.spoken_words import parse_sentence

if TYPE_CHECKING:
    from pathlib import Path

    from training.text.spoken_words import Sentence

_SETTINGS = Synthesis(utterances=2)


def test_speech_that_was_not_finished_does_not_count(tmp_path: Path) -> None:
    """One shard is not all of it."""
    with pytest.raises(MissingDataError, match="holds no speech: make it with"):
        check_speech(tmp_path)
    write_shard(tmp_path / "001-0000000", [tone_recording("yes")])
    with pytest.raises(MissingDataError, match=r"not complete: make it with .*asr-synthesise"):
        check_speech(tmp_path, _SETTINGS)

    mark_complete(tmp_path, _SETTINGS, 1)

    check_speech(tmp_path, _SETTINGS)
    check_speech(tmp_path)
    with pytest.raises(MissingDataError, match=r"of another \[synthesis\]: make it with"):
        check_speech(tmp_path, Synthesis(utterances=3))


def test_nothing_of_an_earlier_synthesis_stays(tmp_path: Path) -> None:
    """Neither shards of larger numbers nor the mark."""
    write_shard(tmp_path / "002-0002000", [tone_recording("yes")])
    mark_complete(tmp_path, _SETTINGS, 1)
    (tmp_path / "003-0000000.partial").touch()

    clear_speech(tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_a_training_refuses_the_speech_of_another_recipe(tmp_path: Path) -> None:
    """And one shard that a killed synthesis left."""
    folders = SpeechFolders(tmp_path / "data", tmp_path / "work")
    recipe = read_recipe(RECIPES / "tiny.toml")
    write_shard(folders.synthetic / "001-0000000", [tone_recording("yes")])

    with pytest.raises(MissingDataError, match="not complete"):
        ensure_training_speech(recipe, folders)
    mark_complete(folders.synthetic, _SETTINGS, 1)
    with pytest.raises(MissingDataError, match="of another"):
        ensure_training_speech(recipe, folders)
    mark_complete(folders.synthetic, recipe.synthesis, 1)
    ensure_training_speech(recipe, folders)


def test_sentences_of_every_source_are_held_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many of each, within one."""
    names = {source: "n" + "o" * number for number, source in enumerate(SOURCES, 1)}

    def read(_folder: Path, source: str) -> list[Sentence]:
        texts = [f"{names[source]} says {'very ' * n}little" for n in range(1, 30)]
        return [sentence for text in texts if (sentence := parse_sentence(text))]

    monkeypatch.setattr(voice_set, "read_sentences", read)
    monkeypatch.setattr(voice_set, "is_held_out", lambda _words: True)

    chosen = voice_set.held_out_sentences(tmp_path, count=60, seed=1, trained=())

    counts = [sum(one.words[0] == name for one in chosen) for name in names.values()]
    assert min(counts) >= max(counts) - 1 > 0
