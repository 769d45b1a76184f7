"""Word errors, and the reference transcripts that they are counted against."""

from pathlib import Path

import jiwer
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.text.word_errors import read_reference, word_errors
from schemas.errors import ConfigurationError
from stream_app.demo.session import DEMO_CALL

WORDS = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=12)


@given(reference=WORDS.filter(bool), heard=WORDS)
def test_word_errors_are_those_of_the_field(reference: list[str], heard: list[str]) -> None:
    expected = jiwer.wer(" ".join(reference), " ".join(heard))

    assert word_errors(reference, heard).rate == pytest.approx(expected)


def test_the_bundled_call_has_an_exact_reference() -> None:
    reference = read_reference(DEMO_CALL.with_name("reference.json"))

    assert reference.channels == [0, 1]
    assert min(len(reference.words(channel)) for channel in (0, 1)) > 50


@pytest.mark.parametrize("content", [b"no json", b"{}", b'{"utterances": [{"channel": "a"}]}'])
def test_a_wrong_reference_names_its_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "reference.json"
    path.write_bytes(content)

    with pytest.raises(ConfigurationError, match=r"reference\.json: not a reference transcript"):
        read_reference(path)
