"""One root, read once; unknown and wrong settings are named at start-up."""

from pathlib import Path

import pytest

from schemas.catalogue import NAMES
from schemas.errors import ConfigurationError
from stream_app.settings import Settings, TurnRoute, load_settings, settings_from_json


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
    """The passwords too, which a plain dump would hide."""
    secrets = ("sasl_password", "sasl_oauth_client_secret", "ssl_keypassword")
    settings = Settings().replace(kafka={"partitions": 3, **dict.fromkeys(secrets, "hush")})

    assert settings_from_json(settings.model_dump_json()) == settings
    assert "hush" not in repr(settings)


def test_routes_are_read_from_one_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Routes by semicolons, their fields by commas; those of a route must all fit."""
    monkeypatch.setenv(
        "CALLSTREAM_TURNS__ROUTES",
        "agent=party:agent; helpline = domain:helpline, language:en, threshold:0.8 ;rest=",
    )

    assert load_settings().turns.routes == (
        TurnRoute(variant="agent", party="agent"),
        TurnRoute(variant="helpline", domain="helpline", language="en", threshold=0.8),
        TurnRoute(variant="rest"),
    )
    assert load_settings().turns.thresholds == {"helpline": 0.8}


@pytest.mark.parametrize(
    ("routes", "problem"),
    [
        ("agent", "VARIANT=FIELD:VALUE"),
        ("agent=party", "VARIANT=FIELD:VALUE"),
        ("=party:agent", "VARIANT"),
        ("agent=role:agent", "ROUTES__0__ROLE"),
        ("agent=party:boss", "ROUTES__0__PARTY"),
        ("agent=threshold:high", "ROUTES__0__THRESHOLD"),
        ("agent=threshold:1.5", "ROUTES__0__THRESHOLD"),
        ("agent=threshold:0.8;agent=party:agent,threshold:0.9", "two thresholds"),
    ],
)
def test_a_wrong_route_is_named(monkeypatch: pytest.MonkeyPatch, routes: str, problem: str) -> None:
    monkeypatch.setenv("CALLSTREAM_TURNS__ROUTES", routes)

    with pytest.raises(ConfigurationError, match=problem):
        load_settings()


@pytest.mark.parametrize(
    ("turns", "problem"),
    [
        ({"complete_silence_ms": 800}, "complete_silence_ms <= silence_ms"),
        ({"silence_ms": 2_000}, "complete_silence_ms <= silence_ms"),
        ({"incomplete_silence_ms": 3_500}, "complete_silence_ms <= silence_ms"),
        ({"dictation_silence_ms": 3_500}, "dictation_silence_ms"),
        ({"dictation_silence_ms": 300}, "dictation_silence_ms"),
        ({"incomplete_probability": 0.7}, "incomplete_probability"),
        ({"routes": "agent=threshold:0.2"}, "incomplete_probability"),
    ],
)
def test_silences_and_thresholds_that_contradict_one_another_are_refused(
    turns: dict[str, object], problem: str
) -> None:
    """At start-up, not by turns that end the wrong way round."""
    with pytest.raises(ConfigurationError, match=problem):
        Settings().replace(turns={"model": "bundled", **turns})


def test_without_a_model_only_its_own_silences_must_fit() -> None:
    assert Settings().replace(turns={"model": "none", "silence_ms": 300}).turns.silence_ms == 300

    with pytest.raises(ConfigurationError, match="silence_ms must not exceed ceiling_ms"):
        Settings().replace(turns={"model": "none", "silence_ms": 4_000})


def test_routes_survive_the_way_to_a_child_process() -> None:
    settings = Settings().replace(turns={"routes": "agent=party:agent,threshold:0.8"})

    assert settings_from_json(settings.model_dump_json()) == settings


def test_prefixes_make_the_names_on_the_brokers() -> None:
    """Topics of one prefix never meet those of another, and neither do their groups."""
    plain, ours = Settings().kafka, Settings().replace(kafka={"topic_prefix": "team-a."}).kafka
    both = Settings().replace(kafka={"topic_prefix": "a.", "group_prefix": "b."}).kafka

    assert [k.topic("calls.turns.v1") for k in (plain, ours, both)] == [
        "calls.turns.v1",
        "team-a.calls.turns.v1",
        "a.calls.turns.v1",
    ]
    assert [k.group("finalize") for k in (plain, ours, both)] == [
        "callstream.finalize",
        "team-a.callstream.finalize",
        "b.finalize",
    ]
    assert ours.catalogue_name("team-a.calls.turns.v1") == "calls.turns.v1"


@pytest.mark.parametrize("field", ["topic_prefix", "group_prefix"])
@pytest.mark.parametrize(
    ("prefix", "problem"),
    [
        ("team a.", "holds ' '.*letters"),
        ("team/a.", "holds '/'"),
        ("tëam.", "holds 'ë'"),
        (" team.", "holds ' '"),
        ("x" * 226, "226 characters and may have 225"),
    ],
)
def test_a_prefix_that_kafka_would_refuse_is_named(field: str, prefix: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=f"KAFKA__{field.upper()}.*{problem}"):
        Settings().replace(kafka={field: prefix})


def test_the_longest_prefix_leaves_room_for_every_topic() -> None:
    """Kafka's limit is 249 characters."""
    kafka = Settings().replace(kafka={"topic_prefix": "x" * 225}).kafka

    assert max(len(kafka.topic(name)) for name in NAMES) == 249


@pytest.mark.parametrize(
    ("name", "written", "value"),
    [
        ("WORKER__LOG_LEVEL", "Info", "info"),
        ("WORKER__LOG_LEVEL", " WARNING", "warning"),
        ("WORKER__LOG_FORMAT", "JSON", "json"),
        ("WORKER__LOG_FORMAT", "Console", "console"),
        ("KAFKA__COMPRESSION", "GZIP", "gzip"),
        ("KAFKA__SASL_MECHANISM", "scram-sha-512", "SCRAM-SHA-512"),
        ("KAFKA__SECURITY_PROTOCOL", "ssl", "SSL"),
        ("ASR__BACKEND", "ONNX", "onnx"),
    ],
)
def test_a_choice_is_made_in_any_case(
    monkeypatch: pytest.MonkeyPatch, name: str, written: str, value: str
) -> None:
    """Of every setting that is one of some words."""
    monkeypatch.setenv(f"CALLSTREAM_{name}", written)
    part, field = name.lower().split("__")

    assert getattr(getattr(load_settings(), part), field) == value


@pytest.mark.parametrize(
    ("login", "problem"),
    [
        ({}, "either sasl_oauth_endpoint_url or sasl_oauth_token_file"),
        (
            {"sasl_oauth_endpoint_url": "https://id/t", "sasl_oauth_token_file": "/t"},
            "either sasl_oauth_endpoint_url or sasl_oauth_token_file",
        ),
        ({"sasl_oauth_endpoint_url": "id.example.org/token"}, "https://"),
        (
            {"sasl_oauth_endpoint_url": "https://id/t", "sasl_oauth_client_id": "worker"},
            "sasl_oauth_client_id and sasl_oauth_client_secret",
        ),
        ({"sasl_oauth_token_file": "/t", "sasl_oauth_extensions": "pool"}, "NAME=VALUE"),
        ({"sasl_oauth_token_file": "/t", "sasl_oauth_extensions": "auth=x"}, "NAME=VALUE"),
    ],
)
def test_an_incomplete_login_with_tokens_is_refused(login: dict[str, str], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        Settings().replace(
            kafka={"security_protocol": "SASL_SSL", "sasl_mechanism": "OAUTHBEARER", **login}
        )


def test_a_key_without_its_certificate_is_refused() -> None:
    """It would be passed over in silence."""
    with pytest.raises(ConfigurationError, match="ssl_certfile"):
        Settings().replace(kafka={"security_protocol": "SSL", "ssl_keyfile": "/key.pem"})


@pytest.mark.parametrize("key", ["sekret\n", " sekret", "sekret"])
def test_blanks_around_an_api_key_are_no_part_of_it(
    monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    """A key that was read from a file ends with a line; headers cannot bring that."""
    monkeypatch.setenv("CALLSTREAM_API__API_KEY", key)

    assert load_settings().api.api_key.get_secret_value() == "sekret"


@pytest.mark.parametrize("key", ["\n", "  ", "se\nkret", "schl\u00fcssel"])
def test_an_api_key_that_no_request_can_bring_is_refused(
    monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("CALLSTREAM_API__API_KEY", key)

    with pytest.raises(ConfigurationError, match="printable ASCII"):
        load_settings()


def test_a_models_folder_may_begin_with_the_users_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLSTREAM_ASR__MODELS_FOLDER", "~/weights")

    assert load_settings().asr.models_folder == Path.home() / "weights"


def test_a_models_folder_of_no_known_user_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLSTREAM_ASR__MODELS_FOLDER", "~nobody-at-all/weights")

    with pytest.raises(ConfigurationError, match="MODELS_FOLDER"):
        load_settings()
