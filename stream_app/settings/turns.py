"""Settings of how turns end."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import NoDecode

from stream_app.settings.part import Part

Words = Annotated[tuple[str, ...], NoDecode]


class TurnRoute(Part):
    """Which calls and parties a variant of the end-of-turn model judges; an empty field fits all.

    Attributes:
        variant: Of the model.
        threshold: Probability from which the variant calls a text complete; else
            ``complete_probability`` of the settings.
    """

    variant: str = Field(min_length=1)
    party: Literal["", "agent", "customer", "unknown"] = ""
    domain: str = ""
    language: str = ""
    threshold: float | None = Field(default=None, gt=0, le=1)

    def as_text(self) -> str:
        """Return it as an environment variable holds it."""
        fields = self.model_dump(exclude={"variant"}, exclude_defaults=True)
        return f"{self.variant}={','.join(f'{name}:{each}' for name, each in fields.items())}"


class TurnSettings(Part):
    """How turns end.

    Attributes:
        model: Judges by the words whether a turn is over: ``bundled``, ``none`` for silence alone,
            or the path of a manifest or a folder of them.
        routes: Which variant of it judges whom, the first that fits: ``agent=party:agent;
            helpline=domain:helpline,threshold:0.8`` with the fields of `TurnRoute`. The variant
            ``general`` judges what no route fits.
        complete_silence_ms: Silence that ends a turn whose words are complete.
        silence_ms: Silence that ends a turn whose words were not judged.
        uncertain_silence_ms: Silence that ends a turn whose words may be complete or not.
        incomplete_silence_ms: Silence that ends a turn whose words are incomplete.
        dictation_silence_ms: Silence that ends a turn in which a number, a spelling or an address
            is being dictated.
        ceiling_ms: Silence after which a turn ends with any text.
        complete_probability: Words are complete from this probability on.
        incomplete_probability: They are incomplete up to this one.
        backchannels: Short acknowledgements that do not take the turn, comma-separated; the
            built-in list where empty.
        threads: Of one run of the model.
        max_batch: Most texts in one run, of many calls.
        refresh_s: Time between two looks for new files of the model.
    """

    model: str = Field(default="bundled", min_length=1)
    routes: Annotated[tuple[TurnRoute, ...], NoDecode] = ()
    complete_silence_ms: int = Field(default=400, ge=100)
    silence_ms: int = Field(default=700, ge=100)
    uncertain_silence_ms: int = Field(default=1_000, ge=100)
    incomplete_silence_ms: int = Field(default=2_000, ge=100)
    dictation_silence_ms: int = Field(default=2_200, ge=100)
    ceiling_ms: int = Field(default=3_000, ge=500)
    complete_probability: float = Field(default=0.65, gt=0, le=1)
    incomplete_probability: float = Field(default=0.3, ge=0, lt=1)
    backchannels: Words = ()
    threads: int = Field(default=1, ge=1)
    max_batch: int = Field(default=16, ge=1)
    refresh_s: float = Field(default=5.0, gt=0)

    @property
    def thresholds(self) -> dict[str, float]:
        """Return the thresholds of the variants that have one of their own."""
        return {r.variant: r.threshold for r in self.routes if r.threshold is not None}

    @model_validator(mode="before")
    @classmethod
    def _split(cls, values: Any) -> Any:
        """Read the fields that an environment variable holds as one text."""
        if not isinstance(values, dict):
            return values
        readers = {"backchannels": _split_words, "routes": _split_routes}
        texts = {
            n: read(values[n]) for n, read in readers.items() if isinstance(values.get(n), str)
        }
        return {**values, **texts}

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.silence_ms > self.ceiling_ms:
            raise ValueError("silence_ms must not exceed ceiling_ms")
        if self.model == "none":
            return self
        kinds = ("complete_silence", "silence", "uncertain_silence", "incomplete_silence")
        names = (*(f"{kind}_ms" for kind in kinds), "ceiling_ms")
        silences = [int(getattr(self, name)) for name in names]
        if silences != sorted(silences):
            raise ValueError(f"{' <= '.join(names)} must hold, not {silences}")
        if not self.silence_ms <= self.dictation_silence_ms <= self.ceiling_ms:
            raise ValueError("dictation_silence_ms must lie between silence_ms and ceiling_ms")
        thresholds = (self.complete_probability, *self.thresholds.values())
        if self.incomplete_probability >= min(thresholds):
            raise ValueError("incomplete_probability must be below every threshold")
        return self

    @model_validator(mode="after")
    def _one_threshold_each(self) -> Self:
        for route in self.routes:
            if route.threshold not in {None, self.thresholds.get(route.variant)}:
                raise ValueError(f"the routes give {route.variant!r} two thresholds")
        return self


def _split_words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _split_routes(text: str) -> tuple[dict[str, str], ...]:
    """Return the fields of ``agent=party:agent,language:en;general=`` and the like."""
    routes = []
    for part in text.split(";"):
        if not part.strip():
            continue
        variant, equals, conditions = part.partition("=")
        pairs = [pair.partition(":") for pair in conditions.split(",") if pair.strip()]
        if not equals or not all(colon for _, colon, _ in pairs):
            raise ValueError(f"a route is VARIANT=FIELD:VALUE,.., not {part.strip()!r}")
        fields = {name.strip(): value.strip() for name, _, value in pairs}
        routes.append({"variant": variant.strip(), **fields})
    return tuple(routes)
