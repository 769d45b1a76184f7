"""What a fine-tuning run reads: manifests, texts as tokens, batches, masks."""

from __future__ import annotations

import json
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import AudioFormatError, ConfigurationError
from tests.support.examples import examples
from tests.support.speech_training.tone_speech import tone_recording
from tests.support.speech_training.whisper_fixtures import tiny_tuning, write_clips, write_openai
from training.asr.finetuning.base import load_base
from training.asr.finetuning.batches import (
    ClipOrder,
    TokenisedClip,
    TrainingBatches,
    Window,
    read_ahead,
)
from training.asr.finetuning.clip_sets import ClipSets
from training.asr.finetuning.clips import Clip, read_clips
from training.asr.finetuning.masks import draw_mask
from training.asr.finetuning.recipe import SpectrogramMasks
from training.asr.finetuning.spelling import Speller, TokenRow
from training.asr.speech.audio_files import read_mono
from training.asr.speech.augment import Background
from training.asr.speech.utterances import write_shard
from training.asr.whisper.losses import IGNORED
from training.asr.whisper.tokenizers import openai_tokenizer
from training.core.errors import MissingDataError

if TYPE_CHECKING:
    from pathlib import Path

    from models.audio.samples import FloatArray

_WINDOW = Window(positions=75, is_cut=True, pad_ms=100)


def _clip(text: str, language: str = "en") -> Clip:
    return Clip("here:1", text, language, 0.5, lambda: np.zeros(8_000, np.float32))


def _tone(hertz: int) -> FloatArray:
    return np.asarray(0.5 * np.sin(2 * np.pi * hertz * np.arange(8_000) / 16_000), np.float32)


def _manifest(folder: Path, **row: Any) -> Path:
    if not (folder / "two.wav").exists():
        clock = np.arange(2 * 44_100) / 44_100
        left = 0.5 * np.sin(2 * np.pi * np.where(clock < 1, 300, 900) * clock)
        stereo = np.stack([left, np.zeros_like(left)], axis=1)
        soundfile.write(folder / "two.wav", stereo, 44_100, subtype="FLOAT")
    path = folder / "rows.jsonl"
    path.write_text(json.dumps({"audio": "two.wav", "text": "hi", **row}) + "\n\n")
    return path


def test_a_row_cuts_a_clip_out_of_any_file(tmp_path: Path) -> None:
    """44.1 kHz stereo becomes 16 kHz mono, from one time to another."""
    _manifest(tmp_path, start_ms=1_200, end_ms=1_700)

    (clip,) = read_clips(["rows.jsonl"], tmp_path, language="en")

    samples = clip.read()
    assert clip.seconds == pytest.approx(0.5)
    assert samples.shape == (8_000,)
    assert np.abs(np.fft.rfft(samples)).argmax() == 450  # 900 Hz in bins of 2 Hz
    assert float(np.abs(samples[500:-500]).max()) == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ({"audio": "none.wav"}, "none.wav"),
        ({"start_ms": 2_000}, "nothing is left"),
        ({"start_ms": 900, "end_ms": 800}, "nothing is left"),
        ({"end_s": 1}, "end_s"),
        ({"text": 7}, "text"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, row: dict[str, Any], complaint: str) -> None:
    """By file and line."""
    _manifest(tmp_path, **row)

    with pytest.raises(MissingDataError, match=rf"rows\.jsonl:1: .*{complaint}"):
        read_clips(["rows.jsonl"], tmp_path, language="en")


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A manifest that is not there, one of 31 s, one without lines, a file that is no audio."""
    soundfile.write(tmp_path / "long.wav", np.zeros(31 * 8_000), 8_000)
    _manifest(tmp_path, audio="long.wav")
    (tmp_path / "empty.jsonl").touch()

    with pytest.raises(MissingDataError, match=r"31\.0 s"):
        read_clips(["rows.jsonl"], tmp_path, language="en")
    with pytest.raises(MissingDataError, match="no speech"):
        read_clips(["empty.jsonl"], tmp_path, language="en")
    with pytest.raises(MissingDataError, match=r"other\.jsonl"):
        read_clips(["other.jsonl"], tmp_path, language="en")
    with pytest.raises(AudioFormatError, match=r"empty\.jsonl"):
        read_mono(tmp_path / "empty.jsonl", 8_000)


def test_a_file_that_ends_early_is_not_taught_with_its_whole_text(tmp_path: Path) -> None:
    """A cut MP3 says how long it was; the line of the manifest is named."""
    noise = np.random.default_rng(1).standard_normal(16_000 * 6) * 0.1
    soundfile.write(tmp_path / "cut.mp3", noise, 16_000)
    whole = (tmp_path / "cut.mp3").read_bytes()
    _manifest(tmp_path, audio="cut.mp3")
    (clip,) = read_clips(["rows.jsonl"], tmp_path, language="en")
    assert len(clip.read()) / 16_000 == pytest.approx(clip.seconds, abs=0.2)

    (tmp_path / "cut.mp3").write_bytes(whole[: len(whole) // 3])

    with pytest.raises(MissingDataError, match=r"rows\.jsonl:1: .*cut\.mp3 ends early"):
        clip.read()


@pytest.mark.parametrize("separator", ["\u2028", "\u0085"])
def test_a_text_may_hold_any_separator_of_lines_but_its_own(tmp_path: Path, separator: str) -> None:
    """JSON lines end with LF alone; a CR before it is space."""
    _manifest(tmp_path)
    row = json.dumps({"audio": "two.wav", "text": f"a{separator}b"}, ensure_ascii=False)
    (tmp_path / "rows.jsonl").write_bytes(f"{row}\r\n{row}\n".encode())

    clips = read_clips(["rows.jsonl"], tmp_path, language="en")

    assert [clip.text for clip in clips] == [f"a{separator}b"] * 2


def test_shards_of_the_training_from_scratch_are_clips_too(tmp_path: Path) -> None:
    """Their words are the text, their audio is brought to 16 kHz."""
    write_shard(tmp_path / "real" / "000", [tone_recording("four seven"), tone_recording("yes")])

    clips = read_clips(["real"], tmp_path, language="en")

    assert [clip.text for clip in clips] == ["four seven", "yes"]
    assert [len(clip.read()) for clip in clips] == [8_000, 4_000]


def test_english_and_multilingual_rows_are_whispers(tmp_path: Path) -> None:
    """Opening, text with its leading space, end; the target is the next token."""
    english = Speller(load_base(str(write_openai(tmp_path / "en.pt", 51_864))))
    world = Speller(load_base(str(write_openai(tmp_path / "world.pt", 51_865))))
    en, multi = openai_tokenizer(51_864), openai_tokenizer(51_865)

    row = english.row(_clip("Hello there."))
    assert row is not None
    text = en.encode(" Hello there.")
    assert row.tokens == [en.sot, en.no_timestamps, *text]
    assert row.targets == [en.no_timestamps, *text, en.eot]
    assert english.text(row.tokens) == "Hello there."

    german, chinese = world.row(_clip("Grüße", "de")), world.row(_clip("你好", "zh"))
    assert german is not None
    assert chinese is not None
    opening = [multi.sot, multi.to_language_token("de"), multi.transcribe, multi.no_timestamps]
    assert german.tokens[:4] == opening
    assert german.targets == [*german.tokens[1:], multi.eot]
    assert multi.decode(german.tokens[4:]) == " Grüße"
    assert multi.decode(chinese.tokens[4:]) == "你好"

    with pytest.raises(ConfigurationError, match="'de'"):
        english.row(_clip("Hallo", "de"))
    with pytest.raises(ConfigurationError, match=r"here:1: the text takes \d+ tokens"):
        english.row(_clip("one two " * 40))


def test_a_clip_without_speech_is_the_token_of_no_speech(tmp_path: Path) -> None:
    """The no-speech token first, then the end."""
    speller = Speller(load_base(str(write_openai(tmp_path / "en.pt"))))
    tokenizer = openai_tokenizer(51_864)

    row = speller.row(_clip("  "))

    assert row is not None
    assert row.targets == [tokenizer.no_speech, tokenizer.eot]


def test_special_and_silent_tokens_are_never_written(tmp_path: Path) -> None:
    """The end is; so is every token of a text."""
    speller = Speller(load_base(str(write_openai(tmp_path / "en.pt"))))
    tokenizer = openai_tokenizer(51_864)

    banned = speller.banned()

    assert banned[tokenizer.eot] == 0
    assert torch.isinf(banned[tokenizer.eot + 1 :]).all()
    assert torch.isinf(banned[list(tokenizer.non_speech_tokens)]).all()
    assert not torch.isinf(banned[tokenizer.encode(" Hello, you two.")]).any()


@given(
    seconds=st.lists(st.floats(0.1, 30), min_size=1, max_size=60),
    batch_clips=st.integers(1, 9),
    seed=st.integers(0, 99),
)
@examples(50)
def test_every_epoch_has_every_clip_once(seconds: list[float], batch_clips: int, seed: int) -> None:
    """Whatever the number of clips and the size of the batches; the next epoch is another."""
    order = ClipOrder(seconds, batch_clips, seed)

    for epoch in range(2):
        drawn = [order.batch(epoch * order.batches + n) for n in range(order.batches)]
        assert {e for e, _ in drawn} == {epoch}
        assert all(1 <= len(places) <= batch_clips for _, places in drawn)
        assert Counter(i for _, places in drawn for i in places) == Counter(range(len(seconds)))


def test_batches_come_in_order_with_any_number_of_readers() -> None:
    """As many threads as wanted, and an early end leaves none behind."""

    def make(number: int) -> int:
        return number

    assert list(read_ahead(make, 3, 40, readers=4)) == list(range(3, 40))
    early = read_ahead(make, 0, 1_000_000, readers=2)
    assert [next(early), next(early)] == [0, 1]
    early.close()


def test_a_batch_is_a_function_of_its_number(tmp_path: Path) -> None:
    """The telephone line and the masks come back bit by bit; other numbers give others."""
    write_clips(tmp_path)
    base = load_base(str(write_openai(tmp_path / "base.pt")))
    recipe = tiny_tuning(
        tmp_path / "base.pt",
        data={"train": ["train.jsonl"], "telephone_share": 1.0,
              "augmentation": {"noise_probability": 1.0}},
        spectrogram={"time_masks": 1, "frequency_masks": 1},
    )  # fmt: skip
    speller = Speller(base)
    clips = []
    for clip in read_clips(["train.jsonl"], tmp_path, language="en"):
        row = speller.row(clip)
        assert row is not None
        clips.append(TokenisedClip(clip, row))

    def batches() -> TrainingBatches:
        return TrainingBatches(recipe, clips, _WINDOW, 80, Background(None))

    first, again, later = batches().make(0), batches().make(0), batches().make(2)

    assert torch.equal(first.audio, again.audio)
    assert first.masks is not None
    assert again.masks is not None
    assert torch.equal(first.masks, again.masks)
    assert first.masks.shape == (2, 80, first.audio.shape[1] // 160)
    assert first.audio.shape != later.audio.shape or not torch.equal(first.audio, later.audio)
    assert int((first.targets == IGNORED).sum()) == int((first.tokens == speller.end).sum())


def test_the_echo_of_the_line_is_that_of_another_clip(tmp_path: Path) -> None:
    """Both tones are in a window where it comes, one alone where it never does."""
    clips = [
        TokenisedClip(Clip("here:1", "", "en", 0.5, partial(_tone, hertz)), TokenRow([1], [1]))
        for hertz in (400, 1_000)
    ]

    def weaker_tones(probability: float) -> list[float]:
        line = {"echo_probability": probability, "min_echo_db": 0.0}
        data = {"train": ["x"], "telephone_share": 1.0, "augmentation": line}
        recipe = tiny_tuning(tmp_path / "base.pt", data=data)
        made = TrainingBatches(recipe, clips, _WINDOW, 80, Background(None))
        windows = torch.cat([made.make(number).audio[:, :8_000] for number in range(8)])
        tones = torch.fft.rfft(windows).abs()[:, [200, 500]]
        return [float(share) for share in tones.min(dim=1).values / tones.max(dim=1).values]

    assert max(weaker_tones(0.0)) < 0.01
    assert max(weaker_tones(1.0)) > 0.03


def test_long_clips_are_validated_though_they_are_not_trained_on(tmp_path: Path) -> None:
    """``max_seconds`` is of training clips; the encoder's context is the limit of all."""
    write_clips(tmp_path)
    base = load_base(str(write_openai(tmp_path / "base.pt")))
    data = {"train": ["train.jsonl"], "validation": ["train.jsonl"], "max_seconds": 0.6}
    recipe = tiny_tuning(tmp_path / "base.pt", data=data)

    sets = ClipSets(recipe, base, Speller(base), tmp_path)

    assert len(sets.batches._clips) == 2
    assert sets._validated is not None
    assert len(sets._validated) == 4


def test_a_window_is_whole_positions_and_no_longer_than_the_context() -> None:
    """Cut to the longest clip and its silence, or never cut."""
    assert _WINDOW.samples(8_001) == 9_920  # 0.5 s and 100 ms, in 20 ms
    assert _WINDOW.samples(10**6) == 75 * 320
    assert Window(positions=75, is_cut=False, pad_ms=0).samples(1) == 75 * 320


@given(spoken=st.integers(0, 400), seed=st.integers(0, 99))
@examples(50)
def test_masks_lie_in_the_speech_and_are_no_wider_than_allowed(spoken: int, seed: int) -> None:
    """Time first, then frequency; half the clip at most with two spans."""
    random = np.random.default_rng(seed)
    times = SpectrogramMasks(time_masks=2, max_time_ms=500)
    bands = SpectrogramMasks(frequency_masks=2, max_bands=9)

    in_time = draw_mask(times, (80, 400), spoken=spoken, random=random)
    in_frequency = draw_mask(bands, (80, 400), spoken=spoken, random=random)

    columns = np.asarray(in_time.any(axis=0))
    assert np.array_equal(in_time, np.broadcast_to(columns, in_time.shape))
    assert not columns[spoken:].any()
    assert columns.sum() <= min(100, spoken // 2)
    rows = np.asarray(in_frequency.any(axis=1))
    assert np.array_equal(in_frequency, np.broadcast_to(rows[:, None], in_frequency.shape))
    assert rows.sum() <= 18


def test_noise_without_a_folder_is_coloured_and_an_empty_folder_is_an_error(
    tmp_path: Path,
) -> None:
    """A folder that was meant to hold noises is not passed over in silence."""
    samples = Background(None).cut(np.random.default_rng(1), 4_000)

    assert float(np.sqrt(np.mean(samples**2))) == pytest.approx(1.0, abs=1e-3)
    with pytest.raises(MissingDataError, match="hold_music"):
        Background(tmp_path)
