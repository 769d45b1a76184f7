"""Speech with its words and times, and the shard files that hold it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

SAMPLE_RATE_HZ = 8_000


class Utterance(msgspec.Struct, frozen=True, array_like=True):
    """One spoken stretch of audio.

    ``words`` are lower case with apostrophes. ``word_spans_ms`` and the phones are empty for
    real speech, whose times are not known. Phone ``i`` lasts from ``phone_starts_ms[i]`` to the
    next start, the last one to ``phones_end_ms``. ``text`` is how somebody wrote the words, or
    empty.
    """

    source: str
    voice: str
    words: tuple[str, ...]
    samples: int
    word_spans_ms: tuple[tuple[int, int], ...] = ()
    phone_set: str = ""
    phones: tuple[str, ...] = ()
    phone_starts_ms: tuple[int, ...] = ()
    phones_end_ms: int = 0
    text: str = ""


class Recording(msgspec.Struct, frozen=True):
    """An utterance and its mono samples in [-1, 1] at 8 kHz, shape (n_samples,)."""

    utterance: Utterance
    samples: NDArray[np.float32]


def encode_mu_law(samples: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the 8-bit mu-law codes (G.711 companding curve, 255 levels) of samples in [-1, 1]."""
    clipped = np.clip(samples, -1.0, 1.0)
    companded = np.sign(clipped) * np.log1p(255.0 * np.abs(clipped)) / np.log(256.0)
    return np.asarray(np.round((companded + 1.0) * 127.5), dtype=np.uint8)


def _mu_law_table() -> NDArray[np.float32]:
    companded = np.arange(256) / 127.5 - 1.0
    expanded = np.sign(companded) * np.expm1(np.abs(companded) * np.log(256.0)) / 255.0
    return np.asarray(expanded, dtype=np.float32)


MU_LAW_TABLE = _mu_law_table()


def write_shard(stem: Path, recordings: Sequence[Recording]) -> None:
    """Write ``<stem>.u8`` (mu-law audio, back to back) and ``<stem>.msgpack`` (utterances).

    The utterances of an earlier shard go first and the new ones come last: none ever belong to
    other audio.
    """
    stem.parent.mkdir(parents=True, exist_ok=True)
    utterances, partial = stem.with_suffix(".msgpack"), stem.with_suffix(".partial")
    utterances.unlink(missing_ok=True)
    np.concatenate([encode_mu_law(recording.samples) for recording in recordings]).tofile(partial)
    partial.replace(stem.with_suffix(".u8"))
    partial.write_bytes(msgspec.msgpack.encode([recording.utterance for recording in recordings]))
    partial.replace(utterances)


class SpeechPool:
    """All utterances of some shard folders, memory-mapped; index order is stable."""

    def __init__(self, folders: Sequence[Path]) -> None:
        """Open every complete shard below ``folders``, in name order."""
        self.utterances: list[Utterance] = []
        self._audio: list[NDArray[np.uint8]] = []
        for utterance, codes in _read_shards(folders):
            self.utterances.append(utterance)
            self._audio.append(codes)

    def __len__(self) -> int:
        """Return the number of utterances."""
        return len(self.utterances)

    def samples(self, index: int) -> NDArray[np.float32]:
        """Return the decoded 8 kHz audio of one utterance, shape (n_samples,)."""
        return np.take(MU_LAW_TABLE, self._audio[index])

    def recordings(self) -> Iterator[Recording]:
        """Yield every utterance with its audio."""
        for index in range(len(self)):
            yield self.recording(index)

    def recording(self, index: int) -> Recording:
        """Return an utterance with its audio."""
        return Recording(self.utterances[index], self.samples(index))

    def seconds(self) -> NDArray[np.float64]:
        """Return every utterance's duration, shape (n_utterances,)."""
        return np.asarray([u.samples for u in self.utterances], dtype=np.float64) / SAMPLE_RATE_HZ


def _read_shards(folders: Sequence[Path]) -> Iterator[tuple[Utterance, NDArray[np.uint8]]]:
    for folder in folders:
        for manifest in sorted(folder.glob("*.msgpack")):
            codes = np.memmap(manifest.with_suffix(".u8"), dtype=np.uint8, mode="r")
            start = 0
            for utterance in msgspec.msgpack.decode(manifest.read_bytes(), type=list[Utterance]):
                yield utterance, codes[start : start + utterance.samples]
                start += utterance.samples
