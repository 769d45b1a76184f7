"""Synthesised speech as a corpus to adapt on."""

from pathlib import Path

import msgspec
import pytest

from tests.support.speech_training.tone_speech import tone_recording
from training.asr.adaptation.recipe import Corpus
from training.asr.adaptation.sources import read_source
from training.asr.speech.folders import SpeechFolders
from training.asr.speech.utterances import Recording, write_shard
from training.asr.synthesis.recipe import Synthesis
from training.asr.synthesis.speech_folder import mark_complete


@pytest.mark.parametrize(
    ("text", "words", "wanted"),
    [
        ("Thanks, bye!", "thanks bye", "Thanks, bye!"),
        ("", "i think david left in may", "I think David left in may."),
        ("", "it costs ninety five dollars", "It costs $95."),
        ("thx 4 that", "thanks for that", "Thanks for that."),
    ],
)
def test_texts_have_the_style_of_whisper(
    tmp_path: Path, text: str, words: str, wanted: str
) -> None:
    """As somebody wrote them where that has capitals and marks, else made from the words."""
    folders = SpeechFolders(tmp_path / "data", tmp_path / "work")
    recording = tone_recording(words)
    utterance = msgspec.structs.replace(recording.utterance, words=tuple(words.split()), text=text)
    write_shard(folders.synthetic / "000", [Recording(utterance, recording.samples)])
    mark_complete(folders.synthetic, Synthesis(utterances=1), 1)

    (clip,) = read_source(Corpus("synthetic"), folders)

    assert clip.text == wanted
