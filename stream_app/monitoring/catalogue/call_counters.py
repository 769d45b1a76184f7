"""Under which metric each counter of a call is exported."""

from dataclasses import dataclass, fields

from stream_app.calls.counters import NAMES, CallCounters
from stream_app.monitoring.catalogue import calls, inputs, model
from stream_app.monitoring.catalogue.metric import Metric


@dataclass(frozen=True, slots=True)
class Export:
    """The metric of a counter.

    Attributes:
        per_unit: How much of the metric one of the counter is: metrics have base units.
    """

    metric: Metric
    per_unit: float = 1.0


@dataclass(frozen=True, slots=True)
class SetAsideKind:
    """A kind of `callstream_set_aside_total`, as the page tells of it."""

    meaning: str
    advice: str


OWN_METRICS: dict[str, Export] = {
    "gaps": Export(inputs.AUDIO_GAPS),
    "gap_ms": Export(inputs.AUDIO_GAP_SECONDS, per_unit=0.001),
    "clock_ahead_ms": Export(inputs.CLOCK_AHEAD_SECONDS, per_unit=0.001),
    "crosstalk_ms": Export(inputs.CROSSTALK_SECONDS, per_unit=0.001),
    "guarded": Export(model.GUARDED_RESULTS),
    "outdated_partials": Export(model.OUTDATED_PARTIALS),
    "early_finals": Export(model.EARLY_FINALS),
    "predicted_ends": Export(calls.PREDICTED_ENDS),
    "withdrawn_ends": Export(calls.WITHDRAWN_ENDS),
    "abridged_calls": Export(calls.ABRIDGED_CALLS),
    "shadow_agreed": Export(calls.SHADOW_AGREED),
    "shadow_differed": Export(calls.SHADOW_DIFFERED),
    "categories_agreed": Export(calls.CATEGORIES_AGREED),
    "categories_differed": Export(calls.CATEGORIES_DIFFERED),
}
KINDS: dict[str, SetAsideKind] = {
    each.name: SetAsideKind(each.metadata["meaning"], each.metadata["advice"])
    for each in fields(CallCounters)
    if each.name in NAMES and each.name not in OWN_METRICS
}
