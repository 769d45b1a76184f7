"""The bundled demo call and its reference."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

import stream_app
from training.asr.synthesis.demo_call import dialogue_texts, read_dialogue
from training.asr.synthesis.speech import SynthesiserMissingError

ASSETS = Path(stream_app.__path__[0]) / "assets" / "demo_call"


def test_the_bundled_call_is_two_channel_telephone_audio_of_a_minute_or_two() -> None:
    """8 kHz mu-law, agent and customer, as the sidecar says."""
    info = soundfile.info(ASSETS / "call.wav")
    context = json.loads((ASSETS / "call.json").read_text())

    assert (info.samplerate, info.channels, info.subtype) == (8000, 2, "ULAW")
    assert 60 <= info.duration <= 120
    assert context["channel_parties"] == ["agent", "customer"]


def test_words_are_where_the_reference_says() -> None:
    """A party's channel is loud in its words and quiet two seconds away from any of them."""
    audio, rate = soundfile.read(ASSETS / "call.wav", dtype="float32")
    reference = json.loads((ASSETS / "reference.json").read_text())
    silent = np.ones(audio.shape, dtype=bool)
    for line in reference["utterances"]:
        start, end = (ms * rate // 1000 for ms in (line["start_ms"], line["end_ms"]))
        silent[max(0, start - rate // 10) : end + rate // 10, line["channel"]] = False
        for word in line["words"]:
            span = slice(word["start_ms"] * rate // 1000, word["end_ms"] * rate // 1000)
            assert np.std(audio[span, line["channel"]]) > 0.008, word
    for channel in (0, 1):
        assert np.std(audio[silent[:, channel], channel]) < 0.004


def test_the_reference_says_what_the_dialogue_says() -> None:
    """DialogueLine by line, with an overlap and a backchannel among them."""
    reference = json.loads((ASSETS / "reference.json").read_text())["utterances"]
    dialogue = read_dialogue()

    assert len(reference) == len(dialogue.lines)
    assert any(after["start_ms"] < before["end_ms"] for before, after in pairwise(reference))
    assert "uh huh" in [line["text"] for line in reference]
    for line in reference:
        assert line["text"] == " ".join(word["text"] for word in line["words"])


def test_the_call_can_be_made_again_bit_by_bit(tmp_path: Path) -> None:
    """The same synthesiser versions give the same file twice, each time in a process of its own.

    Within a process the synthesiser's noise goes on from what it said before.
    """
    script = "import sys; from pathlib import Path; "
    script += "from training.asr.synthesis.demo_call import write_demo_call; "
    script += "write_demo_call(Path(sys.argv[1]))"
    for name in ("one", "two"):
        command = [sys.executable, "-c", script, str(tmp_path / name)]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if SynthesiserMissingError.__name__ in made.stderr:
            pytest.skip(made.stderr.splitlines()[-1])
        assert made.returncode == 0, made.stderr

    for name in ("call.wav", "call.json", "reference.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_training_is_told_which_texts_to_leave_out() -> None:
    """Whole lines and their sentences, but not a bare okay."""
    texts = dialogue_texts(read_dialogue())

    assert ("you", "too", "goodbye") in texts
    assert ("okay",) not in texts
