"""The language of a decode: stated, detected, or that of the weights."""

import warnings

import pytest
import whisper
from whisper.audio import log_mel_spectrogram, pad_or_trim
from whisper.decoding import DecodingOptions
from whisper.model import Whisper
from whisper.tokenizer import get_tokenizer

from models.asr.core.requests import DecodeOptions
from models.asr.decoding.whisper_engine import (
    MAX_FOREIGN_TOKENS_PER_SECOND,
    SPARE_TOKENS,
    WhisperEngine,
)
from models.asr.engine import Backend, load_engine
from tests.support.models.random_whisper import (
    MULTILINGUAL_VOCABULARY,
    random_whisper,
    save_checkpoint,
)
from tests.support.models.synthetic_audio import babble

UTTERANCES = [babble(1_500, seed=0)]


def test_english_weights_decode_as_english_whatever_is_asked(cut_engine: WhisperEngine) -> None:
    german = cut_engine.transcribe(UTTERANCES[0], DecodeOptions(language="de"))

    assert german == cut_engine.transcribe(UTTERANCES[0])
    assert german.language == "en"


@pytest.fixture(scope="module")
def many_languages(
    tmp_path_factory: pytest.TempPathFactory, backend: Backend
) -> tuple[Whisper, WhisperEngine]:
    folder = tmp_path_factory.mktemp("languages")
    model = random_whisper(vocabulary=MULTILINGUAL_VOCABULARY)
    checkpoint = save_checkpoint(model, folder / "many.pt")
    return model, load_engine(str(checkpoint), backend=backend, precision="fp32", cache=folder)


@pytest.mark.parametrize("language", ["de", None])
def test_multilingual_weights_take_or_detect_the_language(
    many_languages: tuple[Whisper, WhisperEngine], language: str | None
) -> None:
    multilingual, engine = many_languages
    samples = UTTERANCES[0]
    mel = log_mel_spectrogram(pad_or_trim(samples))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves its vocabulary file open
        get_tokenizer(multilingual=True)
    timestamps = range(50_363, MULTILINGUAL_VOCABULARY)

    hypothesis = engine.transcribe(samples, DecodeOptions(language=language, beam_size=1))

    expected = whisper.decode(
        multilingual,
        mel,
        DecodingOptions(
            language=language,
            without_timestamps=True,
            fp16=False,
            sample_len=int(1.5 * MAX_FOREIGN_TOKENS_PER_SECOND) + SPARE_TOKENS,
            suppress_tokens=[-1, *timestamps],
        ),
    )
    assert hypothesis.language == expected.language
    assert hypothesis.text == expected.text


@pytest.mark.parametrize(
    ("tag", "code"), [("de-AT", "de"), (" DE ", "de"), ("deu", "de"), ("en_US", "en")]
)
def test_a_tag_is_read_as_the_language_that_it_stands_for(
    many_languages: tuple[Whisper, WhisperEngine], tag: str, code: str
) -> None:
    _, engine = many_languages

    tagged = engine.transcribe(UTTERANCES[0], DecodeOptions(language=tag, beam_size=1))

    assert tagged == engine.transcribe(UTTERANCES[0], DecodeOptions(language=code, beam_size=1))
    assert tagged.language == code


@pytest.mark.parametrize("tag", ["tlh", "xx", "", "?"])
def test_a_language_that_whisper_lacks_is_detected(
    many_languages: tuple[Whisper, WhisperEngine], tag: str
) -> None:
    _, engine = many_languages

    unknown = engine.transcribe(UTTERANCES[0], DecodeOptions(language=tag, beam_size=1))

    assert unknown == engine.transcribe(UTTERANCES[0], DecodeOptions(language=None, beam_size=1))
    assert unknown.language
