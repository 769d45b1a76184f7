"""flite in process, with the times of its words and phones."""

from __future__ import annotations

import ctypes
import ctypes.util
from typing import ClassVar

import msgspec
import numpy as np

from training.asr.synthesis.speech import Speech, SynthesiserMissingError


class FliteSettings(msgspec.Struct, frozen=True):
    """A voice (slt, rms, awb, kal, kal16), its slowness, and a factor on its pitch."""

    voice: str
    duration_stretch: float = 1.0
    pitch_factor: float = 1.0


class _Wave(ctypes.Structure):
    _fields_: ClassVar = [
        ("type", ctypes.c_char_p),
        ("sample_rate", ctypes.c_int),
        ("num_samples", ctypes.c_int),
        ("num_channels", ctypes.c_int),
        ("samples", ctypes.POINTER(ctypes.c_short)),
    ]


class _Voice(ctypes.Structure):
    _fields_: ClassVar = [("name", ctypes.c_char_p), ("features", ctypes.c_void_p)]


# f0 mean of the diphone voices, which take an absolute target and no factor.
_DIPHONE_PITCH_HZ = {"kal": 105.0, "kal16": 105.0}
_NOISE_SEED = 1  # flite draws the noise of unvoiced sounds from the C library's generator
_POINTER_FUNCTIONS = (
    "flite_synth_text",
    "utt_wave",
    "utt_relation",
    "relation_head",
    "item_next",
    "path_to_item",
)


class Flite:
    """The flite library with every voice that is installed."""

    def __init__(self) -> None:
        """Load the library.

        Raises:
            SynthesiserMissingError: libflite is not installed.
        """
        name = ctypes.util.find_library("flite")
        if name is None:
            message = "libflite is not installed (Debian: apt-get install libflite1)"
            raise SynthesiserMissingError(message)
        for part in ("flite", "flite_usenglish", "flite_cmulex"):
            library = ctypes.CDLL(ctypes.util.find_library(part), mode=ctypes.RTLD_GLOBAL)
            if part == "flite":
                self._library = library
        for function in _POINTER_FUNCTIONS:
            getattr(self._library, function).restype = ctypes.c_void_p
        self._library.item_feat_float.restype = ctypes.c_float
        self._library.item_feat_string.restype = ctypes.c_char_p
        self._library.flite_init()
        self._c_library = ctypes.CDLL(None)
        self._voices: dict[str, ctypes.c_void_p] = {}

    def _voice(self, name: str) -> ctypes.c_void_p:
        if name not in self._voices:
            path = ctypes.util.find_library(f"flite_cmu_us_{name}")
            if path is None:
                message = f"flite has no voice {name}"
                raise SynthesiserMissingError(message)
            library = ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)
            register = getattr(library, f"register_cmu_us_{name}")
            register.restype = ctypes.c_void_p
            self._voices[name] = ctypes.c_void_p(register(None))
        return self._voices[name]

    def _apply(self, settings: FliteSettings) -> ctypes.c_void_p:
        voice = self._voice(settings.voice)
        features = ctypes.c_void_p(ctypes.cast(voice, ctypes.POINTER(_Voice)).contents.features)
        put = self._library.feat_set_float
        put(features, b"duration_stretch", ctypes.c_float(settings.duration_stretch))
        mean_hz = _DIPHONE_PITCH_HZ.get(settings.voice)
        if mean_hz is None:
            put(features, b"f0_shift", ctypes.c_float(settings.pitch_factor))
        else:
            mean_hz *= settings.pitch_factor
            put(features, b"int_f0_target_mean", ctypes.c_float(mean_hz))
        return voice

    def speak(self, text: str, settings: FliteSettings) -> Speech:
        """Return the speech of ``text`` (words separated by single spaces)."""
        voice = self._apply(settings)
        self._c_library.srand(ctypes.c_uint(_NOISE_SEED))
        utterance = ctypes.c_void_p(self._library.flite_synth_text(text.encode("ascii"), voice))
        wave = ctypes.cast(self._library.utt_wave(utterance), ctypes.POINTER(_Wave)).contents
        audio = np.ctypeslib.as_array(wave.samples, (wave.num_samples,)).astype(np.float32)
        sample_rate_hz = int(wave.sample_rate)
        phones, ends_ms, owners = self._segments(utterance)
        tokens = self._tokens(utterance)
        self._library.delete_utterance(utterance)
        starts_ms = (0, *ends_ms[:-1])
        return Speech(
            samples=audio / 32768.0,
            sample_rate_hz=sample_rate_hz,
            word_spans_ms=_word_spans(tokens, owners, starts_ms, ends_ms),
            phones=tuple("_" if phone == "pau" else phone for phone in phones),
            phone_starts_ms=tuple(starts_ms),
            phones_end_ms=ends_ms[-1] if ends_ms else 0,
        )

    def _items(self, utterance: ctypes.c_void_p, relation: bytes) -> list[int]:
        handle = ctypes.c_void_p(self._library.utt_relation(utterance, relation))
        item = self._library.relation_head(handle)
        items: list[int] = []
        while item:
            items.append(item)
            item = self._library.item_next(ctypes.c_void_p(item))
        return items

    def _tokens(self, utterance: ctypes.c_void_p) -> list[int]:
        return self._items(utterance, b"Token")

    def _segments(self, utterance: ctypes.c_void_p) -> tuple[list[str], list[int], list[int]]:
        """Return phone names, their ends and the token each belongs to (0 for none)."""
        names: list[str] = []
        ends_ms: list[int] = []
        owners: list[int] = []
        path = b"R:SylStructure.parent.parent.R:Token.parent"
        for item in self._items(utterance, b"Segment"):
            handle = ctypes.c_void_p(item)
            names.append(self._library.item_feat_string(handle, b"name").decode())
            ends_ms.append(round(self._library.item_feat_float(handle, b"end") * 1000))
            owners.append(self._library.path_to_item(handle, path) or 0)
        return names, ends_ms, owners


def _word_spans(
    tokens: list[int], owners: list[int], starts_ms: tuple[int, ...], ends_ms: list[int]
) -> tuple[tuple[int, int], ...]:
    spans: dict[int, tuple[int, int]] = {}
    for owner, start, end in zip(owners, starts_ms, ends_ms, strict=True):
        if owner:
            spans[owner] = (spans.get(owner, (start, end))[0], end)
    return tuple(spans[token] for token in tokens if token in spans)
