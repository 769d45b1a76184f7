"""Settings of classification."""

from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode

from stream_app.settings.part import Part

_OWN_FIELDS = frozenset({"queue", "domain"})


def _bundled() -> dict[str, str]:
    return {"contact-centre": "bundled"}


class ClassificationRoute(Part):
    """Which calls a label set serves; an empty field fits all.

    Attributes:
        label_set: Its name.
        queue: In which the caller waited.
        domain: Subject of the call.
        attributes: Of the call's context, and the values that they must have.
    """

    label_set: str = Field(min_length=1)
    queue: str = ""
    domain: str = ""
    attributes: dict[str, str] = Field(default_factory=dict)

    def as_text(self) -> str:
        """Return it as an environment variable holds it."""
        own = {name: getattr(self, name) for name in sorted(_OWN_FIELDS) if getattr(self, name)}
        fields = {**own, **self.attributes}
        return f"{self.label_set}={','.join(f'{name}:{each}' for name, each in fields.items())}"


class ClassificationSettings(Part):
    """What calls are classified as, and by which models.

    Attributes:
        models: The model of each label set: ``helpline=bundled;shop=/models/shop`` with
            ``bundled``, or the path of a manifest, a folder of one version or of versions.
        label_set: That serves calls which no route fits.
        routes: Which label set serves a call, the first that fits: ``helpline=queue:children;
            contact-centre=tenant:acme`` with ``queue``, ``domain``, or the name of an attribute of
            the call's context.
        threads: Of one run of a model.
        max_batch: Most calls in one run.
        refresh_s: Time between two looks for new files of the models.
        live_every: Turns between two provisional answers of `classify_live`, acknowledgements not
            counted.
        live_words: Latest words of the call that a provisional answer rests on, in whole turns.
    """

    models: Annotated[dict[str, str], NoDecode] = Field(default_factory=_bundled)
    label_set: str = "contact-centre"
    routes: Annotated[tuple[ClassificationRoute, ...], NoDecode] = ()
    threads: int = Field(default=1, ge=1)
    max_batch: int = Field(default=8, ge=1)
    refresh_s: float = Field(default=5.0, gt=0)
    live_every: int = Field(default=4, ge=1)
    live_words: int = Field(default=600, ge=1)

    @field_validator("models", mode="before")
    @classmethod
    def _split_models(cls, value: Any) -> Any:
        """Read what an environment variable holds as one text."""
        if not isinstance(value, str):
            return value
        pairs = [part.partition("=") for part in value.split(";") if part.strip()]
        if not all(equals and name.strip() and path.strip() for name, equals, path in pairs):
            raise ValueError(f"models are LABEL_SET=MODEL;.., not {value!r}")
        return {name.strip(): path.strip() for name, _, path in pairs}

    @field_validator("routes", mode="before")
    @classmethod
    def _split_routes(cls, value: Any) -> Any:
        """Read what an environment variable holds as one text."""
        if not isinstance(value, str):
            return value
        return tuple(_route(part) for part in value.split(";") if part.strip())

    @model_validator(mode="after")
    def _known(self) -> "ClassificationSettings":
        for name in (self.label_set, *(route.label_set for route in self.routes)):
            if name not in self.models:
                raise ValueError(f"models names no model of the label set {name!r}")
        return self


def _route(text: str) -> dict[str, object]:
    """Return the fields of ``helpline=queue:children,tenant:acme``."""
    label_set, equals, conditions = text.partition("=")
    pairs = [pair.partition(":") for pair in conditions.split(",") if pair.strip()]
    if not (equals and label_set.strip() and pairs and all(colon for _, colon, _ in pairs)):
        raise ValueError(f"a route is LABEL_SET=FIELD:VALUE,.., not {text.strip()!r}")
    fields = {name.strip(): value.strip() for name, _, value in pairs}
    own = {name: value for name, value in fields.items() if name in _OWN_FIELDS}
    others = {name: value for name, value in fields.items() if name not in _OWN_FIELDS}
    return {"label_set": label_set.strip(), "attributes": others, **own}
