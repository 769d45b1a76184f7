"""How many tokens a transcript may have: English has few a second, other scripts many."""

from functools import cache
from pathlib import Path

import pytest

from models.asr.core.requests import DecodeOptions, SpeechRequest
from models.asr.decoding.whisper_engine import (
    MAX_FOREIGN_TOKENS_PER_SECOND,
    MAX_TOKENS_PER_SECOND,
    SPARE_TOKENS,
    WhisperEngine,
)
from models.asr.engine import load_engine
from tests.support.models.random_whisper import (
    ENGLISH_VOCABULARY,
    MULTILINGUAL_VOCABULARY,
    random_whisper,
    save_checkpoint,
    write_manifest,
)
from tests.support.models.synthetic_audio import babble

SECONDS = 2
SAMPLES = babble(1_000 * SECONDS, seed=3)
ENGLISH_BUDGET = SECONDS * MAX_TOKENS_PER_SECOND + SPARE_TOKENS
FOREIGN_BUDGET = SECONDS * MAX_FOREIGN_TOKENS_PER_SECOND + SPARE_TOKENS


@cache
def endless(folder: Path, vocabulary: int, language: str) -> WhisperEngine:
    """Return weights that never end a text by themselves."""
    model = random_whisper(vocabulary=vocabulary, eot_gain=0.0)
    checkpoint = save_checkpoint(model, folder / f"{vocabulary}{language}.pt")
    write_manifest(checkpoint, language=language, encoder_context="cut", pad_ms=200)
    return load_engine(str(checkpoint), backend="torch", cache=folder)


@pytest.fixture(scope="module")
def multilingual(tmp_path_factory: pytest.TempPathFactory) -> WhisperEngine:
    return endless(tmp_path_factory.mktemp("budget"), MULTILINGUAL_VOCABULARY, "")


@pytest.mark.parametrize(
    ("language", "budget"),
    [("en", ENGLISH_BUDGET), ("en-US", ENGLISH_BUDGET), ("hi", FOREIGN_BUDGET)],
)
def test_each_language_has_its_budget(
    multilingual: WhisperEngine, language: str, budget: int
) -> None:
    hypothesis = multilingual.transcribe(SAMPLES, DecodeOptions(language=language))

    assert len(hypothesis.tokens) == budget
    assert hypothesis.is_cut_short


def test_a_language_that_was_detected_has_its_budget(multilingual: WhisperEngine) -> None:
    hypothesis = multilingual.transcribe(SAMPLES, DecodeOptions(language=None))

    is_english = hypothesis.language == "en"
    assert len(hypothesis.tokens) == (ENGLISH_BUDGET if is_english else FOREIGN_BUDGET)


@pytest.mark.parametrize(("language", "budget"), [("en", ENGLISH_BUDGET), ("de", FOREIGN_BUDGET)])
def test_weights_of_one_language_have_the_budget_of_it(
    tmp_path: Path, language: str, budget: int
) -> None:
    engine = endless(tmp_path, ENGLISH_VOCABULARY, language)

    assert len(engine.transcribe(SAMPLES, DecodeOptions(language="hi")).tokens) == budget


def test_the_text_never_leaves_the_context(multilingual: WhisperEngine) -> None:
    hypothesis = multilingual.transcribe(babble(12_000, seed=3), DecodeOptions(language="my"))

    assert len(hypothesis.tokens) == 448 // 2


@pytest.mark.parametrize("is_exact", [True, False])
def test_each_request_of_a_batch_has_its_own_budget(
    multilingual: WhisperEngine, *, is_exact: bool
) -> None:
    requests = [
        SpeechRequest(SAMPLES, DecodeOptions(language=language), is_exact=is_exact)
        for language in ("en", "hi", "en")
    ]

    batch = multilingual.transcribe_batch(requests)

    counts = [len(hypothesis.tokens) for hypothesis in batch]
    assert counts == [ENGLISH_BUDGET, FOREIGN_BUDGET, ENGLISH_BUDGET]
    if is_exact:
        alone = [multilingual.transcribe(each.samples, each.options) for each in requests]
        assert batch == alone
