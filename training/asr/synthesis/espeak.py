"""espeak-ng in process, with the times of its words and phonemes."""

from __future__ import annotations

import ctypes
import ctypes.util
from bisect import bisect_right
from typing import ClassVar

import msgspec
import numpy as np

from training.asr.synthesis.speech import Speech, SynthesiserMissingError, word_starts

_SYNCHRONOUS = 2
_PHONEME_EVENTS = 0x0001
_UTF8 = 1
_RATE, _PITCH, _RANGE = 1, 3, 4
_WORD_EVENT, _END_EVENT, _PHONEME_EVENT = 1, 5, 7
_SILENT_PHONES = frozenset({"", "_", "_:", "_!", "_|", ";", "||", "|", "(en)"})


class _EventId(ctypes.Union):
    _fields_: ClassVar = [
        ("number", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("string", ctypes.c_char * 8),
    ]


class _Event(ctypes.Structure):
    _fields_: ClassVar = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    ]


_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class EspeakSettings(msgspec.Struct, frozen=True):
    """A voice such as ``en-us+f2``, words per minute, and pitch and its range in 0 to 100."""

    voice: str
    words_per_minute: int = 165
    pitch: int = 50
    pitch_range: int = 50


class Espeak:
    """The espeak-ng library; one per process, since the library keeps global state."""

    def __init__(self) -> None:
        """Load and initialise the library.

        Raises:
            SynthesiserMissingError: libespeak-ng is not installed.
        """
        name = ctypes.util.find_library("espeak-ng")
        if name is None:
            message = "libespeak-ng is not installed (Debian: apt-get install libespeak-ng1)"
            raise SynthesiserMissingError(message)
        self._library = ctypes.CDLL(name)
        self.sample_rate_hz: int = self._library.espeak_Initialize(
            _SYNCHRONOUS, 0, None, _PHONEME_EVENTS
        )
        self._audio: list[np.ndarray] = []
        self._events: list[tuple[int, int, int, str]] = []
        self._callback = _CALLBACK(self._receive)
        self._library.espeak_SetSynthCallback(self._callback)
        self._settings: EspeakSettings | None = None

    def _receive(self, samples: object, count: int, events: object) -> int:
        if count > 0 and samples:
            self._audio.append(np.ctypeslib.as_array(samples, (count,)).copy())
        position = 0
        while events and events[position].type:  # type: ignore[index]
            event = events[position]  # type: ignore[index]
            text = event.id.string.decode("utf-8", "replace") if event.type == 7 else ""  # noqa: PLR2004
            self._events.append((event.type, event.audio_position, event.text_position, text))
            position += 1
        return 0

    def _apply(self, settings: EspeakSettings) -> None:
        if settings == self._settings:
            return
        if self._library.espeak_SetVoiceByName(settings.voice.encode()):
            message = f"espeak-ng has no voice {settings.voice}"
            raise SynthesiserMissingError(message)
        self._library.espeak_SetParameter(_RATE, settings.words_per_minute, 0)
        self._library.espeak_SetParameter(_PITCH, settings.pitch, 0)
        self._library.espeak_SetParameter(_RANGE, settings.pitch_range, 0)
        self._settings = settings

    def speak(self, text: str, settings: EspeakSettings) -> Speech:
        """Return the speech of ``text`` (words separated by single spaces)."""
        self._apply(settings)
        self._audio.clear()
        self._events.clear()
        encoded = text.encode()
        self._library.espeak_Synth(
            ctypes.c_char_p(encoded),
            ctypes.c_size_t(len(encoded) + 1),
            ctypes.c_uint(0),
            ctypes.c_int(1),
            ctypes.c_uint(0),
            ctypes.c_uint(_UTF8),
            None,
            None,
        )
        audio = np.concatenate(self._audio) if self._audio else np.zeros(0, np.int16)
        return _assemble(text, audio, self.sample_rate_hz, self._events)


def _assemble(
    text: str,
    audio: np.ndarray,
    sample_rate_hz: int,
    events: list[tuple[int, int, int, str]],
) -> Speech:
    starts = word_starts(text)
    end_ms = len(audio) * 1000 // sample_rate_hz
    phones: list[str] = []
    phone_starts: list[int] = []
    first_seen: dict[int, int] = {}
    for kind, at_ms, position, name in events:
        if kind == _WORD_EVENT:
            word = bisect_right(starts, position - 1) - 1
            first_seen.setdefault(max(word, 0), at_ms)
        elif kind == _PHONEME_EVENT:
            phones.append("_" if name in _SILENT_PHONES else name)
            phone_starts.append(at_ms)
    pauses = [at for at, name in zip(phone_starts, phones, strict=True) if name == "_"]
    spans = _word_spans(len(starts), first_seen, pauses, end_ms)
    return Speech(
        samples=audio.astype(np.float32) / 32768.0,
        sample_rate_hz=sample_rate_hz,
        word_spans_ms=spans,
        phones=tuple(phones),
        phone_starts_ms=tuple(phone_starts),
        phones_end_ms=end_ms,
    )


def _word_spans(
    count: int, first_seen: dict[int, int], pauses: list[int], end_ms: int
) -> tuple[tuple[int, int], ...]:
    """Return one span per word; a word espeak joined to the one before shares that one's span."""
    spans: list[tuple[int, int]] = []
    order = sorted(first_seen)
    for word in range(count):
        owner_index = bisect_right(order, word) - 1
        if owner_index < 0:
            spans.append((0, first_seen[order[0]] if order else end_ms))
            continue
        start = first_seen[order[owner_index]]
        is_last = owner_index + 1 == len(order)
        end = end_ms if is_last else first_seen[order[owner_index + 1]]
        pause = next((at for at in pauses if start < at < end), None)
        spans.append((start, end if pause is None else pause))
    return tuple(spans)
