"""The comparison with others: the common measure of delay, and the conversion of a vocabulary."""

import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from benchmarks.core.held_out_sets import HeldOut
from benchmarks.core.options import names, numbers
from benchmarks.core.reference import TrueWord
from benchmarks.live.call_copies import make_copies
from benchmarks.peers.comparison import PeerOptions, measure
from benchmarks.peers.streams import (
    Display,
    StreamFigures,
    follow_all,
    follow_one,
    right_words,
    settled_delays,
)
from benchmarks.peers.systems import CallstreamTogether, FasterWhisper
from benchmarks.peers.weights import _byte_texts, merged_pairs, peer_module, stock_checkpoint
from models.asr.core.hypothesis import Hypothesis
from models.asr.core.requests import DEFAULT_OPTIONS, DecodeOptions, SpeechRequest
from models.audio.samples import FloatArray
from schemas.errors import ConfigurationError, MissingExtraError
from stream_app.demo.session import DEMO_CALL
from tests.support.models.micro import MICRO

SAID = (TrueWord("good", 0, 400), TrueWord("morning", 500, 1_200), TrueWord("sir", 1_300, 1_600))
UTTERANCE = HeldOut(np.zeros(16 * 2_500, dtype=np.float32), tuple(word.text for word in SAID), SAID)


class _Parrot:
    """Says what it was told to say, one text after the other."""

    name = "parrot"

    def __init__(self, *texts: str) -> None:
        self._texts = texts
        self._said = 0
        self.lengths_ms: list[int] = []

    def begin(self) -> None:
        self._said = 0

    def update(self, samples: FloatArray) -> str:
        self.lengths_ms.append(len(samples) // 16)
        self._said += 1
        return self._texts[self._said - 1]

    def finish(self, samples: FloatArray) -> str:
        return self.update(samples)


def test_a_system_is_asked_once_a_second_and_at_the_end() -> None:
    parrot = _Parrot("good", "good morning", "good morning sir")

    shown = follow_one(parrot, UTTERANCE)

    assert parrot.lengths_ms == [1_000, 2_000, 2_500]
    assert [one.audio_ms for one in shown] == [1_000, 2_000, 2_500]


def test_a_word_settles_when_it_is_right_for_good() -> None:
    """`good` was lost in between, so that only its second appearance counts."""
    shown = [
        Display("good", 1_000, 5.0),
        Display("could morning", 2_000, 5.0),
        Display("good morning sir", 2_500, 5.0),
    ]

    assert settled_delays(shown, SAID) == [2_505 - 400, 2_005 - 1_200, 2_505 - 1_600]


def test_a_word_that_is_wrong_at_the_end_never_settles() -> None:
    shown = [Display("good", 1_000, 0.0), Display("could morning", 2_500, 0.0)]

    assert settled_delays(shown, SAID) == [1_300]


def test_later_rounds_only_add_their_cost() -> None:
    figures = StreamFigures()
    parrot = _Parrot("good", "good morning", "good morning")

    follow_all(parrot, [UTTERANCE], figures, is_first=True)
    follow_all(parrot, [UTTERANCE], figures, is_first=False)

    assert len(figures.cpu_s) == 2
    assert [(one.errors, one.reference_words) for one in figures.errors] == [(1, 3)]
    assert len(figures.delays_ms) == 2
    assert figures.audio_s == 2.5


class _Listener:
    """Hears a word for each second of audio; remembers what it was asked."""

    name = "listener"
    max_samples = 30 * 16_000
    max_segment_ms = 0

    def __init__(self) -> None:
        self.batches: list[list[SpeechRequest]] = []

    def transcribe(
        self, samples: FloatArray, options: DecodeOptions = DEFAULT_OPTIONS
    ) -> Hypothesis:
        return self.transcribe_batch([SpeechRequest(samples, options)])[0]

    def transcribe_batch(self, requests: Sequence[SpeechRequest]) -> list[Hypothesis]:
        self.batches.append(list(requests))
        lengths_ms = [len(request.samples) // 16 for request in requests]
        return [
            Hypothesis(
                text=" ".join(["good", "morning", "sir"][: ms // 1_000]),
                duration_ms=ms,
                tokens=tuple(range(ms // 1_000)),
            )
            for ms in lengths_ms
        ]


def test_streams_together_share_calls_of_the_engine_and_bring_their_drafts() -> None:
    """Three streams of 2.5 s, two at once: finals exact and fresh, partials with drafts."""
    listener = _Listener()
    figures = StreamFigures()

    follow_all(CallstreamTogether(listener, "fake", 2), [UTTERANCE] * 3, figures, is_first=True)

    updates = [batch for batch in listener.batches if batch and not batch[0].is_exact]
    finals = [batch for batch in listener.batches if batch and batch[0].is_exact]
    assert [len(batch) for batch in updates] == [2, 2, 1, 1]
    assert [len(one.draft) for batch in updates for one in batch] == [0, 0, 1, 1, 0, 1]
    assert [len(batch) for batch in finals] == [2, 1]
    assert all(not one.draft and len(one.samples) == 40_000 for b in finals for one in b)
    assert [one.errors for one in figures.errors] == [1, 1, 1]  # two words in 2.5 s


@pytest.mark.parametrize(("forced_tokens", "sizes"), [(0, [1, 1, 5]), (7, [1, 1, 1])])
def test_faster_whisper_ends_with_its_beam_unless_tokens_are_forced(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, forced_tokens: int, sizes: list[int]
) -> None:
    asked = []

    class Model:
        hf_tokenizer = SimpleNamespace(token_to_id=len)

        def transcribe(self, _: FloatArray, **options: object) -> tuple[list[object], None]:
            asked.append(options["beam_size"])
            return [SimpleNamespace(text=" good"), SimpleNamespace(text=" morning")], None

    monkeypatch.setattr("benchmarks.peers.systems.load_faster_whisper", lambda _: Model())
    system = FasterWhisper(tmp_path, forced_tokens)

    system.update(UTTERANCE.samples)
    system.update(UTTERANCE.samples)

    assert system.finish(UTTERANCE.samples) == " good morning"
    assert asked == sizes


@pytest.mark.parametrize(
    ("heard", "right"),
    [
        ("good morning sir", {0, 1, 2}),
        ("morning sir", {1, 2}),
        ("good mourning sir", {0, 2}),
        ("oh good good morning", {0, 1}),
        ("", set()),
    ],
)
def test_right_words_follow_the_alignment(heard: str, right: set[int]) -> None:
    assert right_words(["good", "morning", "sir"], heard.split()) == right


def test_merges_are_those_that_make_each_token() -> None:
    ranks = {b"a": 0, b"b": 1, b"c": 2, b"ab": 3, b"bc": 4, b"abc": 5}

    assert list(merged_pairs(ranks)) == [(b"a", b"b"), (b"b", b"c"), (b"ab", b"c")]


def test_every_byte_has_a_printable_character_of_its_own() -> None:
    texts = _byte_texts()

    assert len(set(texts)) == 256
    assert texts[ord("a")] == "a"
    assert texts[ord(" ")] == "Ġ"  # as in GPT-2's files
    assert texts[ord("\n")] == "Ċ"


def test_a_missing_package_says_what_to_install() -> None:
    with pytest.raises(MissingExtraError, match=r"pip install 'callstream\[peers\]'"):
        peer_module("no_such_package_at_all")


def test_without_the_extra_nothing_is_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "ctranslate2", None)
    options = PeerOptions(model=MICRO, demo_call=DEMO_CALL.parent, work=tmp_path, weights=tmp_path)

    with pytest.raises(MissingExtraError, match="ctranslate2"):
        measure(options, out=tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_copies_of_a_call_differ_and_hold_their_words_where_they_say(tmp_path: Path) -> None:
    copies = make_copies(DEMO_CALL, 20.0, tmp_path)

    assert len({copy.path.read_bytes() for copy in copies}) == len(copies)
    for copy in copies:
        audio, rate_hz = soundfile.read(copy.path, always_2d=True)
        assert len(audio) == 20 * rate_hz
        for word in copy.call.words(copy.call.channels[0])[1:6]:
            channel = audio[:, copy.call.channels[0]]
            spoken = channel[word.start_ms * rate_hz // 1000 : word.end_ms * rate_hz // 1000]
            assert np.std(spoken) > 0.005, (copy.path.name, word)


def test_lists_on_the_command_line() -> None:
    assert names("tiny, base") == ("tiny", "base")
    assert numbers("1,8") == [1, 8]
    for text in ("", "1,x", "0"):
        with pytest.raises(ConfigurationError):
            numbers(text)


def test_weights_that_are_graphs_alone_cannot_be_compared(tmp_path: Path) -> None:
    """Others load no ONNX graphs: the command says so before anything is loaded."""
    with pytest.raises(ConfigurationError, match=r"\.pt"):
        stock_checkpoint("bundled", tmp_path)
