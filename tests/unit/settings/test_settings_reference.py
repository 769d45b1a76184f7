"""What there is to set is told in one place: to the command, to the page, to who misspells it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from schemas.errors import ConfigurationError
from stream_app.cli.app import app
from stream_app.settings import Settings, TurnRoute, load_settings
from stream_app.settings.reference.entries import HIDDEN, entries, text_of
from stream_app.settings.reference.page import page
from stream_app.settings.root import variables

PAGE = Path(__file__).parents[3] / "docs" / "settings.md"
RENEW = "run: python -m stream_app.settings.reference.page > docs/settings.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == page(), RENEW


def test_every_setting_says_what_it_does() -> None:
    """In the docstring of its part, which is where all of this comes from."""
    every = [*entries(Settings(), {})]

    assert {entry.variable for entry in every} == variables()
    assert [entry.variable for entry in every if not entry.meaning.endswith((".", ")"))] == []


def test_the_page_is_about_a_worker_without_any_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever makes it has an environment of his own."""
    before = page()
    monkeypatch.setenv("CALLSTREAM_ASR__MODEL", "base")

    assert page() == before


def test_an_entry_tells_value_default_and_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("callstream_asr__threads", "3")
    monkeypatch.setenv("CALLSTREAM_TURNS__ROUTES", "agent=party:agent,threshold:0.8;rest=")
    monkeypatch.setenv("CALLSTREAM_TURNS__BACKCHANNELS", "")

    found = {entry.variable: entry for entry in entries(load_settings())}

    threads = found["CALLSTREAM_ASR__THREADS"]
    assert (threads.value, threads.default, threads.source) == ("3", "1", "environment")
    assert threads.values == "integer, at least 1"
    assert found["CALLSTREAM_TURNS__ROUTES"].value == "agent=party:agent,threshold:0.8;rest="
    empty = found["CALLSTREAM_TURNS__BACKCHANNELS"]
    assert (empty.value, empty.source) == ("", "default")
    assert found["CALLSTREAM_ASR__MODEL"].source == "default"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (("yes", "mm-hmm"), "yes,mm-hmm"),
        ((TurnRoute(variant="a", language="en"),), "a=language:en"),
        (Path("/models"), "/models"),
    ],
)
def test_a_value_is_shown_as_a_variable_gives_it(value: object, text: str) -> None:
    assert text_of(value) == text


@pytest.mark.parametrize("arguments", [[], ["--json"], ["--changed"], ["kafka.sasl"]])
def test_the_command_never_shows_a_password(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setenv("CALLSTREAM_KAFKA__SASL_PASSWORD", "open sesame")

    result = CliRunner().invoke(app, ["settings", *arguments])

    assert result.exit_code == 0, result.output
    assert HIDDEN in result.stdout
    assert "sesame" not in result.output


def test_the_command_writes_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLSTREAM_ASR__MODEL", "base")

    result = CliRunner().invoke(app, ["settings", "--json", "asr.model"])

    shown = {each["variable"]: each for each in json.loads(result.stdout)}
    assert shown["CALLSTREAM_ASR__MODEL"]["value"] == "base"
    assert shown["CALLSTREAM_ASR__MODEL"]["default"] == "bundled"
    assert shown["CALLSTREAM_ASR__MODEL"]["source"] == "environment"
    assert shown.keys() == {"CALLSTREAM_ASR__MODEL", "CALLSTREAM_ASR__MODELS_FOLDER"}


def test_the_command_refuses_a_name_that_nothing_has() -> None:
    result = CliRunner().invoke(app, ["settings", "colour"])

    assert result.exit_code == 2
    assert result.stderr.startswith("callstream: no setting has 'colour' in its name")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("CALLSTREAM_ASR__BACKND", "CALLSTREAM_ASR__BACKEND"),
        ("CALLSTREAM_KAFKA__BOOTSTRAP", "CALLSTREAM_KAFKA__BOOTSTRAP_SERVERS"),
        ("CALLSTREAM_KAFKA__BROKERS", "CALLSTREAM_KAFKA__BOOTSTRAP_SERVERS"),
        ("CALLSTREAM_ASRR__MODEL", "CALLSTREAM_ASR__MODEL"),
        ("CALLSTREAM_ASR_MODEL", "CALLSTREAM_ASR__MODEL"),
        ("CALLSTREAM__ASR__MODEL", "CALLSTREAM_ASR__MODEL"),
        ("CALLSTREAM_ASR.MODEL", "CALLSTREAM_ASR__MODEL"),
        (
            "CALLSTREAM_MODEL",
            "CALLSTREAM_ASR__MODEL or CALLSTREAM_TURNS__MODEL",
        ),
        ("callstream_asr__modle", "CALLSTREAM_ASR__MODEL"),
        ("CALSTREAM_ASR__MODEL", "CALLSTREAM_ASR__MODEL"),
        ("CALLSTREAMS_ASR__MODEL", "CALLSTREAM_ASR__MODEL"),
        ("CALLSTREAM_KAFKA", "CALLSTREAM_KAFKA__.."),
    ],
)
def test_a_misspelt_variable_is_told_what_may_be_meant(
    monkeypatch: pytest.MonkeyPatch, name: str, meant: str
) -> None:
    monkeypatch.setenv(name, "1")

    with pytest.raises(ConfigurationError) as raised:
        load_settings()

    assert str(raised.value) == f"{name} is not a setting: did you mean {meant}?"


def test_a_variable_that_resembles_none_is_told_where_all_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CALLSTREAM_ASR__XYZZY", "1")

    with pytest.raises(ConfigurationError, match="`callstream settings` lists them all"):
        load_settings()


@pytest.mark.parametrize("name", ["OTHER_ASR__MODEL", "MODEL", "CALLCENTER_MODEL"])
def test_variables_of_other_programs_are_none_of_ours(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "1")

    assert load_settings() == Settings()


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("ASR__THREADS", "many", "must be a valid integer, not 'many'"),
        ("ASR__THREADS", "0", "must be greater than or equal to 1, not '0'"),
        ("WORKER__MAX_SILENCE_S", "soon", "must be a valid number, not 'soon'"),
        ("ASR__DETERMINISTIC", "ja", "must be a valid boolean, not 'ja'"),
    ],
)
def test_a_wrong_value_is_shown_with_what_it_must_be(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, complaint: str
) -> None:
    monkeypatch.setenv(f"CALLSTREAM_{name}", value)

    with pytest.raises(ConfigurationError) as raised:
        load_settings()

    assert str(raised.value) == f"CALLSTREAM_{name}: {complaint}"


def test_words_are_taken_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLSTREAM_KAFKA__SECURITY_PROTOCOL", "ssl")
    monkeypatch.setenv("CALLSTREAM_WORKER__LOG_LEVEL", "INFO")

    settings = load_settings()

    assert settings.kafka.security_protocol == "SSL"
    assert settings.worker.log_level == "info"
