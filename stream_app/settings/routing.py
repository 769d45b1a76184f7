"""Settings by which calls are routed to models, as environment variables hold them."""

from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator
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

    @field_validator("models", "routes", mode="before")
    @classmethod
    def _split(cls, value: Any, of: ValidationInfo) -> Any:
        """Read what an environment variable holds as one text."""
        if not isinstance(value, str):
            return value
        parts = [part.strip() for part in value.split(";") if part.strip()]
        if of.field_name == "routes":
            return tuple(_route(part, cls.kind) for part in parts)
        return _unique([_model(part, cls.kind) for part in parts], "models")

    @model_validator(mode="after")
    def _known(self) -> Self:
        for name in (getattr(self, self.default_setting), *(each.name for each in self.routes)):
            if name not in self.models:
                title = self.kind.lower().replace("_", " ")
                known = ", ".join(self.models) or "none"
                raise ValueError(f"models names no model of the {title} {name!r}, but of {known}")
        return self


def _model(text: str, kind: str) -> tuple[str, str]:
    """Return name and model of ``shop=/models/shop``."""
    name, _, path = (part.strip() for part in text.partition("="))
    if not (name and path):
        raise ValueError(f"models are {kind}=MODEL;.., not {text!r}")
    return name, path


def _route(text: str, kind: str) -> dict[str, object]:
    """Return the fields of ``helpline=queue:children,tenant:acme``."""
    name, equals, conditions = text.partition("=")
    found = [pair.partition(":") for pair in conditions.split(",") if pair.strip()]
    pairs = [(key.strip(), value.strip()) for key, _, value in found]
    # A field without a value would fit all calls, or none
    if not (equals and name.strip() and pairs and all(key and value for key, value in pairs)):
        raise ValueError(f"a route is {kind}=FIELD:VALUE,.., not {text!r}")
    fields = _unique(pairs, f"the route {text!r}")
    own = {key: value for key, value in fields.items() if key in _OWN_FIELDS}
    others = {key: value for key, value in fields.items() if key not in _OWN_FIELDS}
    return {"name": name.strip(), "attributes": others, **own}


def _unique(pairs: list[tuple[str, str]], where: str) -> dict[str, str]:
    """Return pairs as a dictionary; the last of two with one name would silently win."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{where} has {twice!r} more than once")
    return found
