"""Settings of classification."""

from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode

from stream_app.settings.part import Part
from stream_app.settings.routing import RouteSetting, check_named, split_models, split_routes

_WHAT = "LABEL_SET"


def _bundled() -> dict[str, str]:
    return {"contact-centre": "bundled"}


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
    routes: Annotated[tuple[RouteSetting, ...], NoDecode] = ()
    threads: int = Field(default=1, ge=1)
    max_batch: int = Field(default=8, ge=1)
    refresh_s: float = Field(default=5.0, gt=0)
    live_every: int = Field(default=4, ge=1)
    live_words: int = Field(default=600, ge=1)

    @field_validator("models", mode="before")
    @classmethod
    def _split_models(cls, value: Any) -> Any:
        return split_models(value, _WHAT)

    @field_validator("routes", mode="before")
    @classmethod
    def _split_routes(cls, value: Any) -> Any:
        return split_routes(value, _WHAT)

    @model_validator(mode="after")
    def _known(self) -> "ClassificationSettings":
        names = (self.label_set, *(route.name for route in self.routes))
        check_named(names, self.models, "label set")
        return self
