"""One root, read once; what is unknown or wrong is named at start-up."""

import pytest

from schemas.errors import ConfigurationError
from stream_app.settings import Settings, load_settings, settings_from_json


def test_a_variable_sets_a_field_of_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prefix, part, two underscores, field."""
    monkeypatch.setenv("CALLSTREAM_ASR__MODEL", "base.en")
    monkeypatch.setenv("CALLSTREAM_TURNS__BACKCHANNELS", "yes, mm-hmm")

    settings = load_settings()

    assert settings.asr.model == "base.en"
    assert settings.turns.backchannels == ("yes", "mm-hmm")


@pytest.mark.parametrize("name", ["CALLSTREAM_FOO", "CALLSTREAM_ASR__FOO", "CALLSTREAM_ASR"])
def test_an_unknown_variable_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt setting must not be ignored."""
    monkeypatch.setenv(name, "1")

    with pytest.raises(ConfigurationError, match=f"{name} is not a setting"):
        load_settings()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("THREADS", "many"),
        ("BACKEND", "abacus"),
        ("PRECISION", "int3"),
        ("POLICY", "hope"),
        ("NUMBERS", "roman"),
        ("MAX_BATCH", "0"),
        ("DETERMINISTIC", "perhaps"),
    ],
)
def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch, field: str, value: str) -> None:
    """By the variable that holds it."""
    monkeypatch.setenv(f"CALLSTREAM_ASR__{field}", value)

    with pytest.raises(ConfigurationError, match=f"CALLSTREAM_ASR__{field}"):
        load_settings()


def test_sasl_without_a_user_is_refused() -> None:
    """The broker's own message would come late."""
    with pytest.raises(ConfigurationError, match="sasl_username"):
        Settings().replace(kafka={"security_protocol": "SASL_SSL"})


def test_settings_survive_the_way_to_a_child_process() -> None:
    """The password too, which a plain dump would hide."""
    settings = Settings().replace(kafka={"sasl_password": "secret", "partitions": 3})

    assert settings_from_json(settings.model_dump_json()) == settings
    assert "secret" not in repr(settings)
