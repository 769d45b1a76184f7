"""What a system hears of recordings, decoded anew or kept from an earlier run."""

import hashlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np

from models.asr.core.hypothesis import Hypothesis
from models.asr.core.requests import DEFAULT_OPTIONS, DecodeOptions, SpeechEngine
from models.asr.guards import DEFAULT_GUARDS, apply_guards
from models.audio.samples import FloatArray

KEPT_EVERY = 20  # recordings


class Heard(msgspec.Struct, frozen=True):
    """The hypotheses of the parts of a recording, before the guards.

    Attributes:
        parts: One hypothesis a part.
        decode_s: CPU seconds of the decodes.
    """

    parts: tuple[Hypothesis, ...]
    decode_s: float

    @property
    def text(self) -> str:
        """Return the parts' texts without the guards."""
        return " ".join(part.text for part in self.parts)

    def guarded_text(self, samples: Sequence[FloatArray]) -> str:
        """Return the parts' texts after the guards.

        Args:
            samples: Of each part.
        """
        return " ".join(
            apply_guards(part, heard, DEFAULT_GUARDS).hypothesis.text
            for part, heard in zip(self.parts, samples, strict=True)
        )


def hear_all(
    engine: SpeechEngine,
    recordings: Sequence[Sequence[FloatArray]],
    *,
    options: DecodeOptions = DEFAULT_OPTIONS,
    kept: Path | None = None,
    advance: Callable[[], object] = lambda: None,
) -> list[Heard]:
    """Return what the engine writes of recordings, their parts decoded one by one.

    Args:
        engine: Loaded.
        recordings: The parts of each, mono at 16 kHz.
        options: Of every decode.
        kept: File of an earlier run with the same system, taken if it is there and of the same
            audio, as far as that run came, and written on; None to decode in any case.
        advance: Called after each recording.
    """
    digest = _digest(recordings)
    heard = _kept_before(kept, digest)
    for number, parts in enumerate(recordings[len(heard) :], start=len(heard) + 1):
        start_s = time.process_time()
        hypotheses = tuple(engine.transcribe(samples, options) for samples in parts)
        heard.append(Heard(hypotheses, time.process_time() - start_s))
        if kept is not None and (number % KEPT_EVERY == 0 or number == len(recordings)):
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(msgspec.json.encode(_Kept(digest, tuple(heard))))
        advance()
    return heard


def _kept_before(kept: Path | None, digest: str) -> list[Heard]:
    """Return what was heard of the first recordings before, as far as a run came."""
    if kept is None or not kept.is_file():
        return []
    found = msgspec.json.decode(kept.read_bytes(), type=_Kept)
    return list(found.heard) if found.audio_sha256 == digest else []


class _Kept(msgspec.Struct, frozen=True):
    audio_sha256: str
    heard: tuple[Heard, ...]


def _digest(recordings: Sequence[Sequence[FloatArray]]) -> str:
    digest = hashlib.sha256()
    for parts in recordings:
        digest.update(str([len(samples) for samples in parts]).encode())
        for samples in parts:
            digest.update(np.ascontiguousarray(samples).tobytes())
    return digest.hexdigest()
