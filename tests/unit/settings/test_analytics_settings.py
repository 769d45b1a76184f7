"""Models and routes of analytics as an environment variable holds them."""

import pytest

from schemas.errors import ConfigurationError
from stream_app.settings import load_settings
from stream_app.settings.reference.entries import text_of


def test_models_and_routes_are_read_from_one_text(monkeypatch: pytest.MonkeyPatch) -> None:
    models = "contact-centre=bundled;/etc/shop.toml=/models/shop"
    routes = "/etc/shop.toml=queue:shop;/etc/shop.toml=domain:sales,tenant:a"
    monkeypatch.setenv("CALLSTREAM_ANALYTICS__MODELS", models)
    monkeypatch.setenv("CALLSTREAM_ANALYTICS__ROUTES", routes)

    part = load_settings().analytics

    assert part.models == {"contact-centre": "bundled", "/etc/shop.toml": "/models/shop"}
    assert [(r.name, r.queue, r.domain, r.attributes) for r in part.routes] == [
        ("/etc/shop.toml", "shop", "", {}),
        ("/etc/shop.toml", "", "sales", {"tenant": "a"}),
    ]
    assert (text_of(part.models), text_of(part.routes)) == (models, routes)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("MODELS", "contact-centre", "models are GUIDE=MODEL"),
        ("MODELS", "shop=bundled", "no model of the guide 'contact-centre'"),
        ("ROUTES", "contact-centre=", "a route is GUIDE=FIELD:VALUE"),
        ("ROUTES", "shop=queue:a", "no model of the guide 'shop'"),
        ("GUIDE", "shop", "no model of the guide 'shop'"),
    ],
)
def test_what_cannot_be_meant_is_one_clear_error(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, told: str
) -> None:
    monkeypatch.setenv(f"CALLSTREAM_ANALYTICS__{name}", text)

    with pytest.raises(ConfigurationError, match=told):
        load_settings()
