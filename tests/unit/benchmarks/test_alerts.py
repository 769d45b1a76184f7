"""The benchmark of alerts: its calls, and what it refuses."""

from pathlib import Path

import pytest

from benchmarks.alerts.calls import call_of, urgent_phrase
from benchmarks.alerts.measurement import AlertsOptions, measure
from models.classification.label_set import load_label_set
from schemas.errors import CallstreamError


def test_a_label_set_without_a_model_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLSTREAM_CLASSIFICATION__MODELS", f"helpline={tmp_path / 'none'}")
    monkeypatch.setenv("CALLSTREAM_CLASSIFICATION__LABEL_SET", "helpline")

    with pytest.raises(CallstreamError, match=r"'helpline' has no model: .*none"):
        measure(AlertsOptions(label_set="helpline", rounds=1), out=tmp_path)


@pytest.mark.parametrize("words", [1, 100, 4_500])
def test_a_call_has_its_words_and_the_customer_says_the_phrase(words: int) -> None:
    call = call_of("c", words, "it is urgent")

    assert words <= sum(len(turn.text.split()) for turn in call.turns) <= words + 40
    (urgent,) = (turn for turn in call.turns if "urgent" in turn.text)
    assert urgent.party == "customer"
    assert not any("urgent" in turn.text for turn in call_of("c", words).turns)


@pytest.mark.parametrize("name", ["contact-centre", "helpline"])
def test_every_label_set_that_ships_has_an_urgent_phrase(name: str) -> None:
    phrase, kind = urgent_phrase(load_label_set(name))

    assert phrase
    assert kind == "high_priority"
