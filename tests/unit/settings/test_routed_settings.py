"""Models and routes of classification and analytics as an environment variable holds them."""

from typing import Any, NamedTuple

import pytest
from pydantic import ValidationError

from schemas.errors import ConfigurationError
from stream_app.settings import AnalyticsSettings, ClassificationSettings, load_settings
from stream_app.settings.reference.entries import text_of


class Routed(NamedTuple):
    """A part of the settings that routes calls to models."""

    name: str
    kind: Any
    default: str
    example: str
    title: str


PARTS = (
    Routed("classification", ClassificationSettings, "label_set", "LABEL_SET", "label set"),
    Routed("analytics", AnalyticsSettings, "guide", "GUIDE", "guide"),
)
each_part = pytest.mark.parametrize("part", PARTS, ids=[part.name for part in PARTS])


def give(monkeypatch: pytest.MonkeyPatch, part: Routed, field: str, text: str) -> None:
    monkeypatch.setenv(f"CALLSTREAM_{part.name}__{field}".upper(), text)


@each_part
def test_models_and_routes_are_read_from_one_text(
    monkeypatch: pytest.MonkeyPatch, part: Routed
) -> None:
    give(monkeypatch, part, "models", "contact-centre=bundled; /etc/shop.toml=/models/shop;")
    give(monkeypatch, part, part.default, "/etc/shop.toml")
    give(
        monkeypatch,
        part,
        "routes",
        "contact-centre=queue:children; contact-centre=domain:help,tenant:a",
    )

    found = getattr(load_settings(), part.name)

    assert found.models == {"contact-centre": "bundled", "/etc/shop.toml": "/models/shop"}
    assert [(r.name, r.queue, r.domain, r.attributes) for r in found.routes] == [
        ("contact-centre", "children", "", {}),
        ("contact-centre", "", "help", {"tenant": "a"}),
    ]
    assert text_of(found.models) == "contact-centre=bundled;/etc/shop.toml=/models/shop"
    assert text_of(found.routes) == (
        "contact-centre=queue:children;contact-centre=domain:help,tenant:a"
    )


@each_part
@pytest.mark.parametrize(
    ("field", "text", "told"),
    [
        ("models", "contact-centre", "models are {example}=MODEL"),
        ("models", "shop=bundled", "no model of the {title} 'contact-centre', but of shop"),
        ("routes", "contact-centre=", "a route is {example}=FIELD:VALUE"),
        ("routes", "shop=queue:a", "no model of the {title} 'shop', but of contact-centre"),
        ("routes", "contact-centre=queue:", "a route is {example}=FIELD:VALUE"),
        ("routes", "contact-centre=:a", "a route is {example}=FIELD:VALUE"),
        ("routes", "contact-centre=queue:a,queue:b", "has 'queue' more than once"),
        ("models", "contact-centre=bundled;contact-centre=/b", "'contact-centre' more than once"),
        ("", "shop", "no model of the {title} 'shop', but of contact-centre"),
    ],
)
def test_what_cannot_be_meant_is_one_clear_error(
    monkeypatch: pytest.MonkeyPatch, part: Routed, field: str, text: str, told: str
) -> None:
    give(monkeypatch, part, field or part.default, text)

    with pytest.raises(ConfigurationError, match=told.format(**part._asdict())):
        load_settings()


@each_part
def test_values_are_taken_as_they_are(part: Routed) -> None:
    with pytest.raises(ValidationError):
        part.kind(models={})
