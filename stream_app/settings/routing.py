"""Settings by which calls are routed to models, as environment variables hold them."""

from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode

from models.call_routes import CallRoute
from stream_app.settings.part import Part

_OWN_FIELDS = frozenset({"queue", "domain"})


class RouteSetting(Part):
    """Which calls a label set or an analysis guide serves; an empty field fits all.

    Attributes:
        name: Of the label set or the guide.
        queue: In which the caller waited.
        domain: Subject of the call.
        attributes: Of the call's context, and the values that they must have.
    """

    name: str = Field(min_length=1)
    queue: str = ""
    domain: str = ""
    attributes: dict[str, str] = Field(default_factory=dict)

    def as_route(self) -> CallRoute:
        """Return it as the models take it."""
        return CallRoute(self.name, self.queue, self.domain, self.attributes)

    def as_text(self) -> str:
        """Return it as an environment variable holds it."""
        own = {name: getattr(self, name) for name in sorted(_OWN_FIELDS) if getattr(self, name)}
        fields = {**own, **self.attributes}
        return f"{self.name}={','.join(f'{name}:{each}' for name, each in fields.items())}"


class RoutedPart(Part):
    """Models by what they are of, and which calls each of them serves.

    Attributes:
        models: The model of each, by its name.
        routes: Which of them serves a call, the first that fits.
    """

    kind: ClassVar[str]  # of the names, as an error's example says it
    default_setting: ClassVar[str]  # holds the name that serves calls which no route fits

    models: Annotated[dict[str, str], NoDecode] = Field(
        default_factory=lambda: {"contact-centre": "bundled"}
    )
    routes: Annotated[tuple[RouteSetting, ...], NoDecode] = ()

    @field_validator("models", mode="before")
    @classmethod
    def _split_models(cls, value: Any) -> Any:
        return _split_models(value, cls.kind)

    @field_validator("routes", mode="before")
    @classmethod
    def _split_routes(cls, value: Any) -> Any:
        return _split_routes(value, cls.kind)

    @model_validator(mode="after")
    def _known(self) -> Self:
        for name in (getattr(self, self.default_setting), *(each.name for each in self.routes)):
            if name not in self.models:
                title = self.kind.lower().replace("_", " ")
                known = ", ".join(self.models) or "none"
                raise ValueError(f"models names no model of the {title} {name!r}, but of {known}")
        return self


def _split_models(value: Any, what: str) -> Any:
    """Return the models of ``helpline=bundled;shop=/models/shop``; what is no text stays.

    Args:
        value: Of the setting.
        what: The models are of, as the error says it.

    Raises:
        ValueError: It has another form.
    """
    if not isinstance(value, str):
        return value
    pairs = [part.partition("=") for part in value.split(";") if part.strip()]
    if not all(equals and name.strip() and path.strip() for name, equals, path in pairs):
        raise ValueError(f"models are {what}=MODEL;.., not {value!r}")
    return {name.strip(): path.strip() for name, _, path in pairs}


def _split_routes(value: Any, what: str) -> Any:
    """Return the routes of ``helpline=queue:children,tenant:acme;..``; what is no text stays.

    Args:
        value: Of the setting.
        what: The routes lead to, as the error says it.

    Raises:
        ValueError: It has another form.
    """
    if not isinstance(value, str):
        return value
    return tuple(_route(part, what) for part in value.split(";") if part.strip())


def _route(text: str, what: str) -> dict[str, object]:
    name, equals, conditions = text.partition("=")
    pairs = [pair.partition(":") for pair in conditions.split(",") if pair.strip()]
    if not (equals and name.strip() and pairs and all(colon for _, colon, _ in pairs)):
        raise ValueError(f"a route is {what}=FIELD:VALUE,.., not {text.strip()!r}")
    fields = {key.strip(): value.strip() for key, _, value in pairs}
    own = {key: value for key, value in fields.items() if key in _OWN_FIELDS}
    others = {key: value for key, value in fields.items() if key not in _OWN_FIELDS}
    return {"name": name.strip(), "attributes": others, **own}
