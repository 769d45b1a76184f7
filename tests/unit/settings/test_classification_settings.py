"""Models and routes of classification as an environment variable holds them."""

import pytest
from pydantic import ValidationError

from schemas.errors import ConfigurationError
from stream_app.settings import ClassificationSettings, load_settings


def test_models_and_routes_are_read_from_one_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLSTREAM_CLASSIFICATION__MODELS", "helpline=bundled; shop=/models/shop;")
    monkeypatch.setenv("CALLSTREAM_CLASSIFICATION__LABEL_SET", "shop")
    monkeypatch.setenv(
        "CALLSTREAM_CLASSIFICATION__ROUTES",
        "helpline=queue:children; helpline=domain:help,tenant:a",
    )

    part = load_settings().classification

    assert part.models == {"helpline": "bundled", "shop": "/models/shop"}
    assert [(r.name, r.queue, r.domain, r.attributes) for r in part.routes] == [
        ("helpline", "children", "", {}),
        ("helpline", "", "help", {"tenant": "a"}),
    ]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("MODELS", "helpline", "models are LABEL_SET=MODEL"),
        ("ROUTES", "helpline=", "a route is LABEL_SET=FIELD:VALUE"),
        ("ROUTES", "shop=queue:a", "no model of the label set 'shop'"),
        ("LABEL_SET", "shop", "no model of the label set 'shop'"),
    ],
)
def test_what_cannot_be_meant_is_one_clear_error(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, told: str
) -> None:
    monkeypatch.setenv(f"CALLSTREAM_CLASSIFICATION__{name}", text)

    with pytest.raises(ConfigurationError, match=told):
        load_settings()


def test_values_are_taken_as_they_are() -> None:
    with pytest.raises(ValidationError):
        ClassificationSettings(models={}, label_set="helpline")
