"""The sets of whole calls, party by party."""

import gzip
import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import orjson
import soundfile
import soxr

from benchmarks.core.reference import read_true_call
from benchmarks.whole_calls.time_line import Turn, rebuilt
from models.audio.samples import FloatArray
from training.asr.speech.telephone_line import pass_through_g711

LINE_RATE_HZ = 8_000
GAP_NOISE = 10 ** (-56 / 20)  # RMS, relative to full scale
SILENT = 1e-5  # what the resampler leaves of digital silence
HARPER_VALLEY, AUTO_REPAIRS, DEMO_CALL = "harper_valley", "auto_repairs", "demo_call"
TimeLine = Literal["rebuilt", "as-recorded"]
NOISE = "[noise]"
NO_WORDS = {NOISE, "<unk>", "[unintelligible]", "[laughter]"}


@dataclass(frozen=True, slots=True, eq=False)
class PartyAudio:
    """One party of a call, from the call's start to its end.

    Attributes:
        name: Of the recording.
        samples: Mono at 8 kHz, shape (n_samples,).
        text: What is said; None where nobody wrote it down.
    """

    name: str
    samples: FloatArray
    text: str | None


def whole_calls(
    data: Path, demo_call: Path, *, time_line: TimeLine = "rebuilt"
) -> dict[str, Iterator[PartyAudio]]:
    """Return the parties of each set.

    Args:
        data: Folder with ``speech/harper_valley`` and ``calls/auto_repairs``.
        demo_call: Recording with its reference beside it.
        time_line: Of harper_valley.
    """
    return {
        HARPER_VALLEY: harper_valley(data / "speech" / HARPER_VALLEY, time_line=time_line),
        AUTO_REPAIRS: auto_repairs(data / "calls" / AUTO_REPAIRS),
        DEMO_CALL: demo_parties(demo_call),
    }


def harper_valley(folder: Path, *, time_line: TimeLine = "rebuilt") -> Iterator[PartyAudio]:
    """Yield the callers.

    Args:
        folder: With the recordings and the dialogues.
        time_line: With their silence put back and filled with the noise of a quiet line, or as
            they were recorded, without the silence.
    """
    lines = gzip.decompress((folder / "dialogues.jsonl.gz").read_bytes()).splitlines()
    with tarfile.open(folder / "harper_valley.tar") as archive:
        for number, line in enumerate(lines):
            call = orjson.loads(line)
            member = archive.extractfile(call["file"])
            assert member is not None
            recorded, rate_hz = soundfile.read(io.BytesIO(member.read()), dtype="float32")
            own = [turn for turn in call["turns"] if turn["speaker"] == "caller"]
            text = " ".join(word for turn in own for word in _words(turn))
            if time_line == "rebuilt":
                audio = rebuilt(recorded, rate_hz, [_turn(turn) for turn in own])
                narrow = _with_noise_in_gaps(_narrow(audio, rate_hz), seed=number)
            else:
                narrow = _narrow(recorded, rate_hz)
            yield PartyAudio(Path(call["file"]).stem, pass_through_g711(narrow), text)


def auto_repairs(folder: Path) -> Iterator[PartyAudio]:
    """Yield both parties of the real call that nobody wrote down."""
    for path in sorted(folder.glob("*.flac")):
        samples, rate_hz = soundfile.read(path, dtype="float32")
        assert rate_hz == LINE_RATE_HZ
        yield PartyAudio(path.stem, samples, None)


def demo_parties(recording: Path) -> Iterator[PartyAudio]:
    """Yield both parties of the demo call."""
    call = read_true_call(recording)
    audio, rate_hz = soundfile.read(recording, dtype="float32", always_2d=True)
    assert rate_hz == LINE_RATE_HZ
    for channel in call.channels:
        text = " ".join(word.text for word in call.words(channel))
        yield PartyAudio(f"{recording.stem}-{channel}", audio[:, channel].copy(), text)


def _narrow(samples: FloatArray, rate_hz: int) -> FloatArray:
    return np.asarray(soxr.resample(samples, rate_hz, LINE_RATE_HZ, "HQ"), np.float32)


def _with_noise_in_gaps(samples: FloatArray, *, seed: int) -> FloatArray:
    """Return the audio with a quiet line's noise where it is digital silence.

    The speech has been through a telephone line, with that line's noise.
    """
    noise = GAP_NOISE * np.random.default_rng(seed).standard_normal(len(samples))
    return np.asarray(np.where(np.abs(samples) < SILENT, noise, samples), np.float32)


def _turn(turn: dict[str, Any]) -> Turn:
    has_words = bool(turn["text"].replace(NOISE, "").strip())
    return Turn(turn["offset_ms"], turn["duration_ms"], has_words)


def _words(turn: dict[str, Any]) -> list[str]:
    return [word for word in turn["text"].split() if word not in NO_WORDS]
