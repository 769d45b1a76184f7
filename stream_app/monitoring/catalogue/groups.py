"""All metrics in groups, in the order in which the page lists them."""

from types import ModuleType

from stream_app.monitoring.catalogue import api, calls, inputs, model, outputs, process
from stream_app.monitoring.catalogue.metric import Metric


def _metrics_of(module: ModuleType) -> tuple[Metric, ...]:
    return tuple(value for value in vars(module).values() if isinstance(value, Metric))


GROUPS: dict[str, tuple[Metric, ...]] = {
    "Input": _metrics_of(inputs),
    "Calls": _metrics_of(calls),
    "Model": _metrics_of(model),
    "Output": _metrics_of(outputs),
    "Process": _metrics_of(process),
    "HTTP server": _metrics_of(api),
}
METRICS: tuple[Metric, ...] = tuple(metric for group in GROUPS.values() for metric in group)
