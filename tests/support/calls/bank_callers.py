"""A folder in the form of harper_valley, of callers who say sentences of the bundled call."""

import gzip
import io
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import soundfile

from benchmarks.core.reference import TrueUtterance, read_true_call
from models.audio.samples import FloatArray
from stream_app.demo.session import DEMO_CALL

FIRST_WORD_MS = 1_000
PAUSE_MS = 4_000  # of the published times, between two sentences of a caller
KEPT_PAUSE_MS = 200  # of the recording
SENTENCES = 2


@dataclass(frozen=True)
class BankCaller:
    """What a caller says, how long the recording is, and how long the call was up to its end."""

    text: str
    recorded_ms: int
    call_ms: int


def write_bank_callers(folder: Path) -> list[BankCaller]:
    """Write a caller for each party of the bundled call, and return them."""
    call = read_true_call(DEMO_CALL)
    audio, rate_hz = soundfile.read(DEMO_CALL, dtype="float32", always_2d=True)
    folder.mkdir(parents=True)
    callers, dialogues = [], []
    with tarfile.open(folder / "harper_valley.tar", "w") as archive:
        for channel in call.channels:
            said = [one for one in call.utterances if one.channel == channel][:SENTENCES]
            recording = _recording(audio[:, channel], rate_hz, said)
            name = f"opus/C{channel}.opus"
            _add(archive, name, recording, rate_hz)
            turns = _turns(said)
            dialogues.append(orjson.dumps({"file": name, "turns": turns}))
            callers.append(
                BankCaller(
                    text=" ".join(turn["text"] for turn in turns),
                    recorded_ms=len(recording) * 1000 // rate_hz,
                    call_ms=turns[-1]["offset_ms"] + turns[-1]["duration_ms"],
                )
            )
    (folder / "dialogues.jsonl.gz").write_bytes(gzip.compress(b"\n".join(dialogues)))
    return callers


def _recording(samples: FloatArray, rate_hz: int, said: list[TrueUtterance]) -> FloatArray:
    pause = np.zeros(KEPT_PAUSE_MS * rate_hz // 1000, np.float32)
    parts: list[FloatArray] = []
    for one in said:
        parts += [samples[one.start_ms * rate_hz // 1000 : one.end_ms * rate_hz // 1000], pause]
    return np.concatenate(parts)


def _turns(said: list[TrueUtterance]) -> list[dict[str, Any]]:
    turns: list[dict[str, Any]] = []
    at_ms = FIRST_WORD_MS
    for one in said:
        duration_ms = one.end_ms - one.start_ms
        text = " ".join(word.text for word in one.words)
        turns.append(
            {"speaker": "caller", "text": text, "offset_ms": at_ms, "duration_ms": duration_ms}
        )
        at_ms += duration_ms + PAUSE_MS
    return turns


def _add(archive: tarfile.TarFile, name: str, samples: FloatArray, rate_hz: int) -> None:
    content = io.BytesIO()
    soundfile.write(content, samples, rate_hz, format="WAV")
    member = tarfile.TarInfo(name)
    member.size = len(content.getvalue())
    archive.addfile(member, io.BytesIO(content.getvalue()))
