"""The engine against openai-whisper itself, on random weights."""

import copy
import warnings
from functools import cache
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import torch
import whisper
from whisper import timing
from whisper.audio import log_mel_spectrogram, pad_or_trim
from whisper.decoding import DecodingOptions, DecodingResult
from whisper.model import Whisper, disable_sdpa
from whisper.tokenizer import Tokenizer, get_tokenizer

from models.asr.core.hypothesis import Hypothesis
from models.asr.core.requests import BEAM_SIZE, GREEDY, DecodeOptions, SpeechRequest
from models.asr.decoding import whisper_engine
from models.asr.decoding.beam import BeamDecoder
from models.asr.decoding.transcripts import DecodeTask, Transcript
from models.asr.decoding.whisper_engine import (
    MAX_TOKENS_PER_SECOND,
    SPARE_TOKENS,
    WhisperEngine,
)
from models.asr.engine import Backend, load_engine
from models.audio.samples import FloatArray
from schemas.errors import InferenceError
from tests.support.models.random_whisper import (
    ENGLISH_VOCABULARY,
    save_checkpoint,
)
from tests.support.models.synthetic_audio import babble, noise, silence, tones

UTTERANCES = [babble(1_500 + 300 * seed, seed=seed) for seed in range(6)]
BEAMS = {1: None, 5: 5}  # what whisper.decode calls them


@cache
def english() -> Tokenizer:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves its vocabulary file open
        return get_tokenizer(multilingual=False)


def reference(
    model: Whisper, mel: torch.Tensor, seconds: float, **options: object
) -> DecodingResult:
    """Return what ``whisper.decode`` says under the engine's limits."""
    tokenizer = english()
    timestamps = range(tokenizer.no_timestamps, tokenizer.encoding.n_vocab)
    wanted = DecodingOptions(
        language="en",
        without_timestamps=True,
        fp16=False,
        sample_len=int(seconds * MAX_TOKENS_PER_SECOND) + SPARE_TOKENS,
        suppress_tokens=[-1, *timestamps],
        **options,
    )
    with patch("whisper.decoding.np.argsort", lambda x: np.asarray(x).argsort()):
        return whisper.decode(model, mel, wanted)  # NumPy 2 does not sort its tensors


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


@pytest.mark.parametrize("beam_size", BEAMS)
@pytest.mark.parametrize("samples", UTTERANCES)
def test_with_full_context_it_equals_whisper_decode(
    full_engine: WhisperEngine, network: Whisper, samples: FloatArray, beam_size: int
) -> None:
    mel = log_mel_spectrogram(pad_or_trim(samples))

    assert_equal(
        full_engine.transcribe(samples, DecodeOptions(beam_size=beam_size)),
        reference(network, mel, len(samples) / 16_000, beam_size=BEAMS[beam_size]),
    )


def test_positions_that_are_no_sinusoids_are_kept(network: Whisper, tmp_path: Path) -> None:
    """The graphs have a formula for Whisper's own; other weights may have learnt theirs."""
    model = copy.deepcopy(network)
    noise_of_positions = torch.randn_like(model.encoder.positional_embedding)
    model.encoder.positional_embedding += 0.5 * noise_of_positions
    engine = load_engine(
        str(save_checkpoint(model, tmp_path / "learnt.pt")),
        backend="onnx",
        precision="fp32",
        cache=tmp_path,
    )
    samples = UTTERANCES[1]
    mel = log_mel_spectrogram(pad_or_trim(samples))

    assert_equal(engine.transcribe(samples, GREEDY), reference(model, mel, len(samples) / 16_000))


@pytest.mark.parametrize("beam_size", BEAMS)
@pytest.mark.parametrize("samples", UTTERANCES)
def test_with_cut_context_it_equals_whisper_decode(
    cut_engine: WhisperEngine, network: Whisper, samples: FloatArray, beam_size: int
) -> None:
    padded = np.pad(samples, (0, 3_200))
    padded = np.pad(padded, (0, -len(padded) % 320))
    model = cut_model(network, len(padded) // 320)

    assert_equal(
        cut_engine.transcribe(samples, DecodeOptions(beam_size=beam_size)),
        reference(
            model,
            log_mel_spectrogram(padded),
            len(samples) / 16_000,
            beam_size=BEAMS[beam_size],
        ),
    )


def test_some_texts_end_by_themselves_and_some_at_the_bound(full_engine: WhisperEngine) -> None:
    """Otherwise the comparisons above would not see the end of text, or the bound."""
    heard = [full_engine.transcribe(samples) for samples in UTTERANCES]
    is_cut_short = [each.is_cut_short for each in heard]
    tokens = [len(each.tokens) for each in heard]
    bounds = [
        len(samples) * MAX_TOKENS_PER_SECOND // 16_000 + SPARE_TOKENS for samples in UTTERANCES
    ]

    assert set(is_cut_short) == {True, False}
    assert is_cut_short == [count == bound for count, bound in zip(tokens, bounds, strict=True)]


def whisper_edges_ms(
    model: Whisper, tokens: list[int], mel: torch.Tensor, seconds: float
) -> list[int]:
    """Return the tokens' edges by whisper's own attention, filter and warping.

    Unlike its ``find_alignment`` this does not normalise over the end of text.
    """
    scores: list[torch.Tensor] = []
    hooks = [
        block.cross_attn.register_forward_hook(lambda *seen: scores.append(seen[-1][1][0]))
        for block in model.decoder.blocks
    ]
    opening = [*english().sot_sequence, english().no_timestamps]
    with torch.no_grad(), disable_sdpa():
        model(mel[None], torch.tensor([[*opening, *tokens]]))
    for hook in hooks:
        hook.remove()
    heads = [scores[layer][head] for layer, head in model.alignment_heads.indices().T.tolist()]
    weights = torch.stack(heads)[:, :, : int(seconds * 50)].softmax(dim=-1)
    std, mean = torch.std_mean(weights, dim=-2, keepdim=True, unbiased=False)
    matrix = timing.median_filter((weights - mean) / std, 7).mean(dim=0)[len(opening) - 1 :]
    rows, columns = timing.dtw_cpu.py_func(-matrix.double().numpy())
    return [20 * int(column) for column in columns[np.diff(rows, prepend=-1).astype(bool)]]


@pytest.mark.parametrize("samples", UTTERANCES)
def test_words_are_timed_as_whisper_times_them(
    full_engine: WhisperEngine,
    network: Whisper,
    samples: FloatArray,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before they are settled on the sound; rounding may tip a path by one step."""
    monkeypatch.setattr(whisper_engine, "settle_times", lambda words, _: words)
    monkeypatch.setattr(timing, "backtrace", timing.backtrace.py_func)  # uncompiled, no seconds
    hypothesis = full_engine.transcribe(samples)
    tokens = list(hypothesis.tokens)
    mel = log_mel_spectrogram(pad_or_trim(samples))

    edges_ms = whisper_edges_ms(network, tokens, mel, len(samples) / 16_000)

    words, its_tokens = english().split_to_word_tokens(tokens)
    ends = np.cumsum([len(group) for group in its_tokens])
    expected = {word.strip(): edges_ms[end] for word, end in zip(words, ends, strict=True)}
    last_of = {word.text: word.end_ms for word in hypothesis.words}
    compared = expected.keys() & last_of.keys()
    assert len(compared) > len(last_of) // 2
    for word in compared:
        assert last_of[word] == pytest.approx(expected[word], abs=21)


def test_the_same_audio_gives_the_same_hypothesis(cut_engine: WhisperEngine) -> None:
    assert cut_engine.transcribe(UTTERANCES[0]) == cut_engine.transcribe(UTTERANCES[0].copy())


def test_companions_in_a_batch_do_not_matter(cut_engine: WhisperEngine) -> None:
    requests = [SpeechRequest(samples) for samples in UTTERANCES]

    forward = cut_engine.transcribe_batch(requests)
    backward = cut_engine.transcribe_batch(requests[::-1])

    assert forward == backward[::-1]
    assert forward == [cut_engine.transcribe(samples) for samples in UTTERANCES]


def test_requests_that_share_a_batch_write_what_they_write_alone(
    cut_engine: WhisperEngine,
) -> None:
    """In fp32; drafts, right or wrong, only save passes."""
    alone = [cut_engine.transcribe(samples, GREEDY).tokens for samples in UTTERANCES]
    drafts = [(), alone[1], alone[2][:3], (5, 6, 7), alone[4][:1] * 9, (*alone[5], 3, 4)]

    shared = cut_engine.transcribe_batch(
        [
            SpeechRequest(samples, draft=draft, is_exact=False)
            for samples, draft in zip(UTTERANCES, drafts, strict=True)
        ]
    )

    assert [hypothesis.tokens for hypothesis in shared] == alone
    for hypothesis, samples in zip(shared, UTTERANCES, strict=True):
        same = cut_engine.transcribe(samples, GREEDY)
        assert hypothesis.avg_log_probability == pytest.approx(same.avg_log_probability, rel=1e-4)
        assert hypothesis.no_speech_probability == pytest.approx(
            same.no_speech_probability, rel=1e-3
        )


def test_exact_requests_repeat_bit_for_bit_beside_any_others(cut_engine: WhisperEngine) -> None:
    exact = SpeechRequest(UTTERANCES[0], draft=(1, 2, 3))
    others = [SpeechRequest(samples, is_exact=False) for samples in UTTERANCES[1:]]

    results = [cut_engine.transcribe_batch([*others[:n], exact, *others[n:]])[n] for n in (0, 2, 5)]

    assert results == [cut_engine.transcribe(UTTERANCES[0])] * 3


def test_audio_under_a_second_holds_a_word_or_two(
    cut_engine: WhisperEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks: list[DecodeTask] = []

    def decode(_: BeamDecoder, __: object, task: DecodeTask, ___: int) -> Transcript:
        tasks.append(task)
        return Transcript()

    monkeypatch.setattr(BeamDecoder, "decode", decode)
    for samples in (15_999, 16_000):
        cut_engine.transcribe(np.zeros(samples, np.float32))

    assert [task.is_short for task in tasks] == [True, False]


def test_forced_tokens_are_written_to_the_last(cut_engine: WhisperEngine) -> None:
    """Benchmarks need the work of a known number of tokens."""
    for count in (1, 7, 60):
        options = DecodeOptions(forced_tokens=count)
        assert len(cut_engine.transcribe(UTTERANCES[0], options).tokens) == count


@pytest.mark.parametrize("word_times", [True, False])
def test_word_times_stay_in_order_and_within_the_audio(
    cut_engine: WhisperEngine,
    word_times: bool,
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
    network: Whisper, tmp_path: Path, backend: Backend
) -> None:
    """Weights with a pruned vocabulary have a negative bias for them and nothing else."""
    small = copy.deepcopy(network)
    small.decoder.ln.weight.data[-1] = 0
    small.decoder.ln.bias.data[-1] = 1
    embedding = small.decoder.token_embedding.weight.data
    embedding[10_000:50_000] = 0
    embedding[10_000:50_000, -1] = -30
    checkpoint = save_checkpoint(small, tmp_path / "small.pt")
    engine = load_engine(str(checkpoint), backend=backend, precision="fp32", cache=tmp_path)
    mel = log_mel_spectrogram(pad_or_trim(UTTERANCES[0]))

    assert len(engine._network.tokens.pieces) == ENGLISH_VOCABULARY - 40_000
    assert_equal(engine.transcribe(UTTERANCES[0], GREEDY), reference(small, mel, 1.5))


def test_hot_words_are_a_prompt_for_weights_that_take_one(
    full_engine: WhisperEngine, network: Whisper
) -> None:
    samples = UTTERANCES[3]
    prompted = full_engine.transcribe(samples, DecodeOptions(hot_words=("Okonkwo", "Fiber 300")))
    mel = log_mel_spectrogram(pad_or_trim(samples))
    expected = reference(
        network, mel, len(samples) / 16_000, prompt="Okonkwo, Fiber 300", beam_size=BEAM_SIZE
    )

    assert_equal(prompted, expected)
    assert prompted != full_engine.transcribe(samples)


def test_hot_words_are_favoured_by_weights_that_take_no_prompt(cut_engine: WhisperEngine) -> None:
    """Each of random weights' texts has many rivals: favour some and they are written more."""
    table = cut_engine._network.tokens
    spelled = (table.text([token]) for token in range(1_000, 11_000))
    hot_words = [text.strip() for text in spelled if text.startswith(" ") and text.islower()]

    def share(options: DecodeOptions) -> float:
        tokens = [
            t for samples in UTTERANCES for t in cut_engine.transcribe(samples, options).tokens
        ]
        return sum(table.text([token]).strip() in hot_words for token in tokens) / len(tokens)

    assert share(DecodeOptions(hot_words=tuple(hot_words))) > share(DecodeOptions()) + 0.05
