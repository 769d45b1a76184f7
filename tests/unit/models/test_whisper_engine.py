"""The engine against openai-whisper itself, on random weights."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
import whisper
from whisper import timing
from whisper.audio import log_mel_spectrogram, pad_or_trim
from whisper.decoding import DecodingOptions, DecodingResult
from whisper.model import Whisper
from whisper.tokenizer import Tokenizer

from models.asr import DecodeOptions, SpeechRequest, load_engine
from models.asr.alignment import APPENDED, PREPENDED
from models.asr.hypothesis import Hypothesis
from models.asr.whisper_engine import WhisperEngine, _loaded_tokenizer
from models.audio.samples import FloatArray
from schemas.errors import InferenceError
from tests.unit.models.random_whisper import (
    ENGLISH_VOCABULARY,
    MULTILINGUAL_VOCABULARY,
    random_whisper,
    save_checkpoint,
)
from tests.unit.models.synthetic_audio import babble, noise, silence, tones

UTTERANCES = [babble(1_500 + 300 * seed, seed=seed) for seed in range(6)]


def english() -> Tokenizer:
    return _loaded_tokenizer("en", False, 99)


def reference(
    model: Whisper, mel: torch.Tensor, seconds: float, **options: object
) -> DecodingResult:
    """Return what ``whisper.decode`` says under the engine's limits."""
    tokenizer = english()
    timestamps = range(tokenizer.no_timestamps, tokenizer.encoding.n_vocab)
    return whisper.decode(
        model,
        mel,
        DecodingOptions(
            language="en",
            without_timestamps=True,
            fp16=False,
            sample_len=int(seconds * 12) + 8,
            suppress_tokens=[-1, *timestamps],
            **options,
        ),
    )


def cut_model(model: Whisper, positions: int) -> Whisper:
    """Return the model with its encoder's context cut, the usual way."""
    shorter = copy.deepcopy(model)
    shorter.encoder.positional_embedding = shorter.encoder.positional_embedding[:positions]
    shorter.dims.n_audio_ctx = positions
    return shorter


def assert_equal(hypothesis: Hypothesis, expected: DecodingResult) -> None:
    assert hypothesis.text == expected.text
    assert hypothesis.avg_log_probability == pytest.approx(expected.avg_logprob, rel=1e-4)
    assert hypothesis.no_speech_probability == pytest.approx(expected.no_speech_prob, rel=1e-3)
    assert hypothesis.compression_ratio == expected.compression_ratio


@pytest.mark.parametrize("samples", UTTERANCES)
def test_with_full_context_it_equals_whisper_decode(
    full_engine: WhisperEngine, network: Whisper, samples: FloatArray
) -> None:
    mel = log_mel_spectrogram(pad_or_trim(samples))

    assert_equal(full_engine.transcribe(samples), reference(network, mel, len(samples) / 16_000))


@pytest.mark.parametrize("samples", UTTERANCES)
def test_with_cut_context_it_equals_whisper_decode(
    cut_engine: WhisperEngine, network: Whisper, samples: FloatArray
) -> None:
    padded = np.pad(samples, (0, 3_200))
    padded = np.pad(padded, (0, -len(padded) % 320))
    model = cut_model(network, len(padded) // 320)

    assert_equal(
        cut_engine.transcribe(samples),
        reference(model, log_mel_spectrogram(padded), len(samples) / 16_000),
    )


def test_some_texts_end_by_themselves_and_some_at_the_bound(full_engine: WhisperEngine) -> None:
    """Otherwise the comparisons above would not see the end of text, or the bound."""
    bounded = [
        len(english().encode(full_engine.transcribe(samples).text)) < len(samples) * 12 // 16_000
        for samples in UTTERANCES
    ]

    assert any(bounded)
    assert not all(bounded)


@pytest.mark.parametrize("samples", UTTERANCES)
def test_words_are_timed_as_whisper_times_them(
    full_engine: WhisperEngine,
    network: Whisper,
    samples: FloatArray,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for compiled in ("dtw_cpu", "backtrace"):  # uncompiled, which takes no seconds
        monkeypatch.setattr(timing, compiled, getattr(timing, compiled).py_func)
    mel = log_mel_spectrogram(pad_or_trim(samples))
    tokens = reference(network, mel, len(samples) / 16_000).tokens

    expected = timing.find_alignment(network, english(), tokens, mel, len(samples) // 160)

    timing.merge_punctuations(expected, PREPENDED, APPENDED)
    expected = [word for word in expected if word.word.strip()]
    words = full_engine.transcribe(samples).words
    assert [word.text for word in words] == [word.word.strip() for word in expected]
    for word, other in zip(words, expected, strict=True):  # rounding may tip a path by one step
        assert word.start_ms == pytest.approx(1_000 * other.start, abs=21)
        assert word.end_ms == pytest.approx(1_000 * other.end, abs=21)


def test_the_same_audio_gives_the_same_hypothesis(cut_engine: WhisperEngine) -> None:
    assert cut_engine.transcribe(UTTERANCES[0]) == cut_engine.transcribe(UTTERANCES[0].copy())


def test_companions_in_a_batch_do_not_matter(cut_engine: WhisperEngine) -> None:
    requests = [SpeechRequest(samples) for samples in UTTERANCES]

    forward = cut_engine.transcribe_batch(requests)
    backward = cut_engine.transcribe_batch(requests[::-1])

    assert forward == backward[::-1]
    assert forward == [cut_engine.transcribe(samples) for samples in UTTERANCES]


@pytest.mark.parametrize("word_times", [True, False])
def test_word_times_stay_in_order_and_within_the_audio(
    cut_engine: WhisperEngine,
    word_times: bool,  # noqa: FBT001
) -> None:
    hypothesis = cut_engine.transcribe(UTTERANCES[2], DecodeOptions(word_times=word_times))

    edges = [edge for word in hypothesis.words for edge in (word.start_ms, word.end_ms)]
    assert edges == sorted(edges)
    assert edges[0] >= 0
    assert edges[-1] <= hypothesis.duration_ms == 2_100
    assert all(0 < word.confidence <= 1 for word in hypothesis.words)


def test_word_times_do_not_change_the_text(cut_engine: WhisperEngine) -> None:
    with_times = cut_engine.transcribe(UTTERANCES[1])
    without = cut_engine.transcribe(UTTERANCES[1], DecodeOptions(word_times=False))

    assert [word.text for word in with_times.words] == [word.text for word in without.words]
    assert with_times.text == without.text


@pytest.mark.parametrize("samples", [silence(400), noise(10), tones(3_000, 941, 1_336)])
def test_any_sound_can_be_decoded(cut_engine: WhisperEngine, samples: FloatArray) -> None:
    hypothesis = cut_engine.transcribe(samples)

    assert hypothesis.duration_ms == len(samples) // 16


def test_no_audio_is_no_words(cut_engine: WhisperEngine) -> None:
    assert cut_engine.transcribe(silence(0)) == Hypothesis(language="en")


def test_audio_longer_than_the_context_is_refused(
    cut_engine: WhisperEngine, full_engine: WhisperEngine
) -> None:
    assert cut_engine.max_samples == 29_800 * 16
    assert full_engine.max_samples == 30_000 * 16
    with pytest.raises(InferenceError, match=r"29\.8 s"):
        cut_engine.transcribe(silence(29_801))


def test_tokens_that_were_never_trained_change_nothing_but_the_cost(
    network: Whisper, tmp_path: Path
) -> None:
    """Bundled weights have a negative bias for them and nothing else."""
    small = copy.deepcopy(network)
    small.decoder.ln.weight.data[-1] = 0
    small.decoder.ln.bias.data[-1] = 1
    embedding = small.decoder.token_embedding.weight.data
    embedding[10_000:50_000] = 0
    embedding[10_000:50_000, -1] = -30
    engine = load_engine(str(save_checkpoint(small, tmp_path / "small.pt")))
    mel = log_mel_spectrogram(pad_or_trim(UTTERANCES[0]))

    assert len(engine._network.token_ids) == ENGLISH_VOCABULARY - 40_000
    assert_equal(engine.transcribe(UTTERANCES[0]), reference(small, mel, 1.5))


def test_hot_words_are_a_prompt_for_weights_that_take_one(
    full_engine: WhisperEngine, cut_engine: WhisperEngine, network: Whisper
) -> None:
    samples = UTTERANCES[3]
    prompted = full_engine.transcribe(samples, DecodeOptions(hot_words=("Okonkwo", "Fiber 300")))
    mel = log_mel_spectrogram(pad_or_trim(samples))

    assert_equal(
        prompted, reference(network, mel, len(samples) / 16_000, prompt="Okonkwo, Fiber 300")
    )
    assert prompted != full_engine.transcribe(samples)
    assert cut_engine.transcribe(
        samples, DecodeOptions(hot_words=("Okonkwo",))
    ) == cut_engine.transcribe(samples)


def test_english_weights_decode_as_english_whatever_is_asked(cut_engine: WhisperEngine) -> None:
    german = cut_engine.transcribe(UTTERANCES[0], DecodeOptions(language="de"))

    assert german == cut_engine.transcribe(UTTERANCES[0])
    assert german.language == "en"


@pytest.fixture(scope="module")
def multilingual() -> Whisper:
    return random_whisper(vocabulary=MULTILINGUAL_VOCABULARY)


@pytest.mark.parametrize("language", ["de", None])
def test_multilingual_weights_take_or_detect_the_language(
    multilingual: Whisper, tmp_path: Path, language: str | None
) -> None:
    samples = UTTERANCES[0]
    engine = load_engine(str(save_checkpoint(multilingual, tmp_path / "many.pt")))
    mel = log_mel_spectrogram(pad_or_trim(samples))
    _loaded_tokenizer("en", True, 99)
    timestamps = range(50_363, MULTILINGUAL_VOCABULARY)

    hypothesis = engine.transcribe(samples, DecodeOptions(language=language))

    expected = whisper.decode(
        multilingual,
        mel,
        DecodingOptions(
            language=language,
            without_timestamps=True,
            fp16=False,
            sample_len=26,
            suppress_tokens=[-1, *timestamps],
        ),
    )
    assert hypothesis.language == expected.language
    assert hypothesis.text == expected.text


def test_a_language_that_whisper_lacks_is_refused(multilingual: Whisper, tmp_path: Path) -> None:
    engine = load_engine(str(save_checkpoint(multilingual, tmp_path / "many.pt")))

    with pytest.raises(InferenceError, match="'tlh'"):
        engine.transcribe(UTTERANCES[0], DecodeOptions(language="tlh"))
