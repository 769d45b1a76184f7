"""The CTranslate2 back-end against the reference, on random weights."""

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from whisper.model import Whisper

from models.asr.core.hypothesis import Hypothesis
from models.asr.core.requests import DEFAULT_OPTIONS, DecodeOptions, SpeechRequest
from models.asr.decoding.whisper_engine import WhisperEngine
from models.asr.engine import load_engine
from models.audio.samples import FloatArray
from schemas.errors import ConfigurationError, InferenceError
from tests.support.models.random_whisper import (
    MULTILINGUAL_VOCABULARY,
    random_whisper,
    save_checkpoint,
    write_manifest,
)
from tests.support.models.synthetic_audio import babble, noise, silence, tones

pytest.importorskip("ctranslate2")

UTTERANCES = [babble(1_500 + 300 * seed, seed=seed) for seed in range(6)]


@pytest.fixture(scope="session")
def cut_checkpoint(network: Whisper, tmp_path_factory: pytest.TempPathFactory) -> Path:
    checkpoint = save_checkpoint(network, tmp_path_factory.mktemp("cut") / "cut.pt")
    write_manifest(checkpoint, encoder_context="cut", pad_ms=200)
    return checkpoint


@pytest.fixture(scope="session")
def cut_reference(cut_checkpoint: Path) -> WhisperEngine:
    return load_engine(str(cut_checkpoint), backend="torch", precision="fp32")


@pytest.fixture(scope="session")
def cut(cut_checkpoint: Path) -> WhisperEngine:
    return converted(cut_checkpoint)


def converted(checkpoint: Path) -> WhisperEngine:
    return load_engine(
        str(checkpoint), backend="ctranslate2", precision="fp32", cache=checkpoint.parent
    )


def both(model: Whisper, checkpoint: Path) -> tuple[WhisperEngine, WhisperEngine]:
    """Return the engine and the reference for a network used like official weights."""
    save_checkpoint(model, checkpoint)
    return converted(checkpoint), load_engine(str(checkpoint), backend="torch", precision="fp32")


def greedy(
    reference: WhisperEngine, samples: FloatArray, options: DecodeOptions = DEFAULT_OPTIONS
) -> Hypothesis:
    """Return what the reference writes without a beam, as CTranslate2 always does."""
    return reference.transcribe(samples, replace(options, beam_size=1))


def assert_alike(hypothesis: Hypothesis, expected: Hypothesis) -> None:
    assert hypothesis.tokens == expected.tokens
    assert hypothesis.text == expected.text
    assert hypothesis.language == expected.language
    assert hypothesis.avg_log_probability == pytest.approx(expected.avg_log_probability, rel=1e-4)
    assert hypothesis.no_speech_probability == pytest.approx(
        expected.no_speech_probability, rel=1e-3
    )
    confidences = [word.confidence for word in hypothesis.words]
    assert confidences == pytest.approx([word.confidence for word in expected.words], rel=1e-3)


@pytest.mark.parametrize("samples", UTTERANCES)
def test_with_cut_context_it_writes_what_the_reference_writes(
    cut: WhisperEngine, cut_reference: WhisperEngine, samples: FloatArray
) -> None:
    assert_alike(cut.transcribe(samples), greedy(cut_reference, samples))


def test_with_full_context_it_writes_what_the_reference_writes(
    network: Whisper, tmp_path: Path
) -> None:
    full, reference = both(network, tmp_path / "full.pt")

    for samples in UTTERANCES[:3]:
        assert_alike(full.transcribe(samples), greedy(reference, samples))


def test_as_many_positions_as_mel_bands_are_decoded_like_any_others(
    cut: WhisperEngine, cut_reference: WhisperEngine
) -> None:
    """CTranslate2 takes encoded audio of that shape for a spectrogram."""
    samples = babble(1_400, seed=3)  # and 200 ms of padding: 80 positions
    assert len(cut._spectrogram(samples)) == 160

    assert_alike(cut.transcribe(samples), greedy(cut_reference, samples))


def test_a_batch_writes_what_each_request_writes_alone(cut: WhisperEngine) -> None:
    """Whether their lengths are alike or not."""
    utterances = [*UTTERANCES, *(babble(1_500, seed=seed) for seed in range(10, 14))]
    requests = [SpeechRequest(samples, is_exact=False) for samples in utterances]

    together = cut.transcribe_batch(requests)

    for hypothesis, samples in zip(together, utterances, strict=True):
        assert_alike(hypothesis, cut.transcribe(samples))
        assert [word.start_ms for word in hypothesis.words] == [
            word.start_ms for word in cut.transcribe(samples).words
        ]


def test_exact_requests_repeat_bit_for_bit_beside_any_others(cut: WhisperEngine) -> None:
    exact = SpeechRequest(UTTERANCES[0], draft=(1, 2, 3))
    others = [SpeechRequest(babble(1_500, seed=seed), is_exact=False) for seed in range(10, 15)]

    results = [cut.transcribe_batch([*others[:n], exact, *others[n:]])[n] for n in (0, 2, 5)]

    assert results == [cut.transcribe(UTTERANCES[0])] * 3


def test_forced_tokens_are_written_to_the_last(cut: WhisperEngine) -> None:
    for count in (1, 7, 60):
        options = DecodeOptions(forced_tokens=count)
        assert len(cut.transcribe(UTTERANCES[0], options).tokens) == count


def test_words_are_timed_as_the_reference_times_them(
    cut: WhisperEngine, cut_reference: WhisperEngine
) -> None:
    """CTranslate2 normalises over the end of text too, which moves an edge now and then."""
    differences = [
        abs(word.start_ms - expected.start_ms)
        for samples in UTTERANCES
        for word, expected in zip(
            cut.transcribe(samples).words, greedy(cut_reference, samples).words, strict=True
        )
    ]

    assert np.quantile(differences, 0.75) <= 20


@pytest.mark.parametrize("word_times", [True, False])
def test_word_times_stay_in_order_and_within_the_audio(
    cut: WhisperEngine,
    word_times: bool,
) -> None:
    hypothesis = cut.transcribe(UTTERANCES[2], DecodeOptions(word_times=word_times))

    edges = [edge for word in hypothesis.words for edge in (word.start_ms, word.end_ms)]
    assert edges == sorted(edges)
    assert edges[0] >= 0
    assert edges[-1] <= hypothesis.duration_ms == 2_100
    assert all(0 < word.confidence <= 1 for word in hypothesis.words)


@pytest.mark.parametrize("samples", [silence(400), noise(10), noise(50), tones(3_000, 941, 1_336)])
def test_any_sound_can_be_decoded(cut: WhisperEngine, samples: FloatArray) -> None:
    assert cut.transcribe(samples).duration_ms == len(samples) // 16


def test_audio_longer_than_the_context_is_refused(cut: WhisperEngine) -> None:
    with pytest.raises(InferenceError, match=r"29\.8 s"):
        cut.transcribe(silence(29_801))


def test_a_pruned_vocabulary_is_converted(network: Whisper, tmp_path: Path) -> None:
    small = copy.deepcopy(network)
    embedding = small.decoder.token_embedding.weight.data
    embedding[10_000:50_000] = 0
    embedding[10_000:50_000, -1] = -30
    pruned, reference = both(small, tmp_path / "small.pt")

    assert len(pruned._network.tokens.pieces) == len(embedding) - 40_000
    assert_alike(pruned.transcribe(UTTERANCES[0]), greedy(reference, UTTERANCES[0]))


@pytest.mark.parametrize("count", [2, 60])
def test_hot_words_are_a_prompt_for_weights_that_take_one(
    network: Whisper, tmp_path: Path, count: int
) -> None:
    """Even where the prompt is longer than the transcript may become."""
    full, reference = both(network, tmp_path / "full.pt")
    options = DecodeOptions(
        hot_words=tuple(f"Fiber {number}" for number in range(300, 300 + count))
    )

    prompted = full.transcribe(UTTERANCES[3], options)

    assert_alike(prompted, greedy(reference, UTTERANCES[3], options))
    assert prompted != full.transcribe(UTTERANCES[3])


def test_hot_words_change_nothing_for_weights_that_take_no_prompt(cut: WhisperEngine) -> None:
    options = DecodeOptions(hot_words=("Okonkwo", "Fiber 300"))

    assert cut.transcribe(UTTERANCES[0], options) == cut.transcribe(UTTERANCES[0])


@pytest.mark.parametrize("pruned", [slice(0), slice(10_000, 50_000)])
def test_multilingual_weights_take_or_detect_the_language(tmp_path: Path, pruned: slice) -> None:
    """With a whole vocabulary and with one from which text tokens were cut."""
    model = random_whisper(vocabulary=MULTILINGUAL_VOCABULARY)
    embedding = model.decoder.token_embedding.weight.data
    embedding[pruned] = 0
    embedding[pruned, -1] = -30
    many, reference = both(model, tmp_path / "many.pt")

    languages = set()
    for language in ("de", None):
        options = DecodeOptions(language=language)
        hypothesis = many.transcribe(UTTERANCES[0], options)
        assert_alike(hypothesis, greedy(reference, UTTERANCES[0], options))
        languages.add(hypothesis.language)
    assert len(languages) == 2
    unknown = many.transcribe(UTTERANCES[0], DecodeOptions(language="tlh"))
    assert unknown == many.transcribe(UTTERANCES[0], DecodeOptions(language=None))


def test_int8_is_another_precision_of_the_same_weights(
    cut_checkpoint: Path, cut: WhisperEngine
) -> None:
    int8 = load_engine(
        str(cut_checkpoint), backend="ctranslate2", precision="int8", cache=cut_checkpoint.parent
    )
    options = DecodeOptions(forced_tokens=1)

    scores = [
        (e.transcribe(samples, options).no_speech_probability for e in (int8, cut))
        for samples in UTTERANCES
    ]

    for rounded, exact in scores:
        assert rounded != exact
        assert np.log(rounded) == pytest.approx(np.log(exact), abs=1.5)


def test_weights_are_converted_once(network: Whisper, tmp_path: Path) -> None:
    checkpoint = save_checkpoint(network, tmp_path / "mine.pt")
    converted(checkpoint)
    [model] = tmp_path.glob("*/model.bin")
    written_at_ns = model.stat().st_mtime_ns

    converted(checkpoint)

    assert model.stat().st_mtime_ns == written_at_ns


def test_an_older_conversion_is_made_again(network: Whisper, tmp_path: Path) -> None:
    checkpoint = save_checkpoint(network, tmp_path / "mine.pt")
    converted(checkpoint)
    [manifest] = tmp_path.glob("*.ctranslate2.json")
    current = manifest.read_bytes()
    manifest.write_bytes(current.replace(b'"export_version": 1', b'"export_version": 0'))
    assert manifest.read_bytes() != current

    converted(checkpoint)

    assert manifest.read_bytes() == current


def test_a_damaged_conversion_is_made_again(network: Whisper, tmp_path: Path) -> None:
    checkpoint = save_checkpoint(network, tmp_path / "mine.pt")
    converted(checkpoint)
    [model] = tmp_path.glob("*/model.bin")
    whole = model.read_bytes()
    model.write_bytes(whole + b"!")

    converted(checkpoint)

    assert model.read_bytes() == whole


def test_a_device_that_it_lacks_is_refused(cut_checkpoint: Path) -> None:
    with pytest.raises(ConfigurationError, match="'abacus'"):
        load_engine(
            str(cut_checkpoint),
            backend="ctranslate2",
            device="abacus",
            cache=cut_checkpoint.parent,
        )
