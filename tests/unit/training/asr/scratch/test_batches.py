"""Cutting, joining and collating utterances keeps words and times together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
import torch

from tests.support.speech_training.tone_speech import tone_recording
from training.asr.scratch.batches import FRAME_MS, BatchMaker, Item, excerpt, join
from training.asr.scratch.inventory import find_inventory
from training.asr.speech.augment import Augmentation, Background, augment
from training.asr.speech.utterances import SAMPLE_RATE_HZ, SpeechPool, encode_mu_law
from training.asr.whisper.losses import IGNORED

if TYPE_CHECKING:
    from training.asr.scratch.recipe import Recipe
    from training.asr.speech.folders import SpeechFolders


def _item(text: str) -> Item:
    recording = tone_recording(text)
    spoken = recording.utterance
    return Item(
        samples=recording.samples,
        words=spoken.words,
        word_spans_ms=spoken.word_spans_ms,
        phone_set="espeak",
        phones=tuple(range(len(spoken.phones))),
        phone_borders_ms=(*spoken.phone_starts_ms, spoken.phones_end_ms),
    )


def test_an_excerpt_keeps_its_words_their_audio_and_their_times() -> None:
    """Two middle words of four start at 0 of the excerpt."""
    whole = _item("one two three four")

    piece = excerpt(whole, 1, 3, tail_ms=100)

    assert piece.words == ("two", "three")
    assert piece.word_spans_ms == ((0, 250), (250, 500))
    assert len(piece.samples) == 600 * SAMPLE_RATE_HZ // 1000
    assert np.array_equal(piece.samples, whole.samples[2000:6800])
    assert piece.phones == (1, 2, 3)  # the tail holds the start of the next word
    assert piece.phone_borders_ms == (0, 250, 500, 600)


def test_a_pair_is_as_long_as_its_parts_and_the_pause() -> None:
    """The second part's times move on by the first part and the pause."""
    pair = join(_item("one two"), _item("three"), pause_ms=200)

    assert pair.words == ("one", "two", "three")
    assert pair.word_spans_ms[2] == (700, 950)
    assert pair.phone_borders_ms == (0, 250, 700, 950)
    assert len(pair.samples) == 950 * SAMPLE_RATE_HZ // 1000


def test_a_pair_with_unknown_times_has_none() -> None:
    """Half-known times would teach the attention something false."""
    unknown = Item(samples=np.zeros(800, np.float32), words=("four",))

    assert join(_item("one"), unknown, pause_ms=20).word_spans_ms == ()


@pytest.fixture
def maker(data_folders: SpeechFolders, tiny_recipe: Recipe) -> BatchMaker:
    """A batch maker over the tone shards."""
    synthetic = SpeechPool([data_folders.synthetic])
    real = {path.name: SpeechPool([path]) for path in sorted(data_folders.real.glob("*"))}
    targets = find_inventory(synthetic, real, vocabulary_size=tiny_recipe.vocabulary)
    return BatchMaker(synthetic, real, Background(data_folders.augment), targets)


def test_a_batch_depends_on_its_seed_alone(maker: BatchMaker, tiny_recipe: Recipe) -> None:
    """Resume relies on it."""
    stage = tiny_recipe.stages[1]

    first = maker.make(stage, batch_seconds=12.0, seed=(1, 2, 0))
    maker.make(stage, batch_seconds=12.0, seed=(1, 3, 0))
    again = maker.make(stage, batch_seconds=12.0, seed=(1, 2, 0))
    other = maker.make(stage, batch_seconds=12.0, seed=(1, 2, 1))

    assert torch.equal(first.audio, again.audio)
    assert torch.equal(first.targets, again.targets)
    assert first.audio.shape != other.audio.shape or not torch.equal(first.audio, other.audio)


def test_every_target_lines_up(maker: BatchMaker, tiny_recipe: Recipe) -> None:
    """Targets are the tokens moved by one; spans lie in the window; frames fit the audio."""
    for step in range(12):
        batch = maker.make(tiny_recipe.stages[1], batch_seconds=12.0, seed=(5, step, 0))
        frames = batch.audio.shape[1] // (16 * FRAME_MS)
        inside = batch.targets[:, 1:-1] != IGNORED
        same = batch.targets[:, 1:-1] == batch.tokens[:, 2:]
        aligned = same | ~inside | (batch.targets[:, 1:-1] == 0)
        assert aligned.float().mean() > 0.8  # a tenth of the input tokens is noise
        assert int(batch.spans.max()) <= frames + 3
        assert all(targets.shape[1] == frames for targets in batch.phones.values())


def test_the_echo_of_a_stage_is_heard(maker: BatchMaker, tiny_recipe: Recipe) -> None:
    """The louder it may be, the more of it; all else is drawn alike."""
    loud, faint = (
        msgspec.structs.replace(
            tiny_recipe.stages[0],
            augmentation=Augmentation(echo_probability=1.0, min_echo_db=level_db),
        )
        for level_db in (0.0, 40.0)
    )

    one, other = (maker.make(stage, batch_seconds=6.0, seed=(5, 1, 0)) for stage in (loud, faint))

    assert torch.equal(one.targets, other.targets)
    assert float((one.audio - other.audio).abs().max()) > 0.01


def test_augmentation_keeps_the_length_and_the_peak_in_range(data_folders: SpeechFolders) -> None:
    """Whatever the line does, samples stay in [-1, 1] and times stay right."""
    settings = Augmentation(1.0, 1.0, 1.0, 0.5, 5.0, 0.02)
    background = Background(data_folders.augment)
    samples = tone_recording("one two three").samples

    for seed in range(10):
        result = augment(samples, settings, background, np.random.default_rng(seed))
        assert result.shape == samples.shape
        assert float(np.abs(result).max()) <= 1.0


def test_shards_keep_the_audio_to_mu_law_precision(data_folders: SpeechFolders) -> None:
    """What is read is what was written, within 8-bit companding."""
    pool = SpeechPool([data_folders.synthetic])
    written = tone_recording("hello there")

    assert pool.utterances[0] == written.utterance
    assert np.abs(pool.samples(0) - written.samples).max() < 0.02
    assert encode_mu_law(np.zeros(1, np.float32))[0] in {127, 128}
