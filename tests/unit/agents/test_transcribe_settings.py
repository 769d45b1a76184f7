from typing import get_args

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from models.asr import engine
from models.asr.core import policy
from models.asr.writing import normalisation
from schemas.errors import ConfigurationError
from stream_app.agents.transcribe import segment_config
from stream_app.settings import Settings
from stream_app.settings import asr as names


@given(
    pause_ms=st.integers(100, 5_000),
    pre_roll_ms=st.integers(0, 400),
    max_segment_ms=st.integers(2_000, 28_000),
    ceiling_ms=st.integers(700, 20_000),
)
def test_whatever_the_settings_allow_the_segmenter_takes(
    pause_ms: int, pre_roll_ms: int, max_segment_ms: int, ceiling_ms: int
) -> None:
    """A bad value is one line at start-up, never a failure in mid-call."""
    segments = {
        "pause_ms": pause_ms,
        "pre_roll_ms": pre_roll_ms,
        "max_segment_ms": max_segment_ms,
    }
    try:
        settings = Settings().replace(segments=segments, turns={"ceiling_ms": ceiling_ms})
    except ConfigurationError:
        assume(False)

    assert segment_config(settings).activity_tail_ms > ceiling_ms
    assert segment_config(settings, 5_500).max_segment_ms <= max_segment_ms


@pytest.mark.parametrize(
    ("part", "values"),
    [
        ("segments", {"pause_ms": 100, "pre_roll_ms": 150}),
        ("segments", {"pause_ms": 900, "max_segment_ms": 2_500}),
        ("turns", {"silence_ms": 4_000}),
    ],
)
def test_values_that_contradict_each_other_are_refused(
    part: str, values: dict[str, object]
) -> None:
    with pytest.raises(ConfigurationError):
        Settings().replace(**{part: values})


def test_the_settings_know_the_names_that_the_models_know() -> None:
    assert set(get_args(names.Backend)) == set(get_args(engine.Backend))
    assert set(get_args(names.Precision)) == set(get_args(engine.Precision))
    assert set(get_args(names.Policy)) == {"auto", *get_args(policy.PolicyName)}
    assert set(get_args(names.WordStyle)) == set(get_args(normalisation.WordStyle))
