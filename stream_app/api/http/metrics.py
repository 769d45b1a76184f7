"""The Prometheus metrics of the HTTP server."""

from importlib.metadata import version

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector

from stream_app.monitoring.catalogue import api, model, process
from stream_app.monitoring.families import Families

AGENT = "api"  # value of the label that agents have their names in


class ApiMetrics(Families):
    """What the HTTP server measures of itself; no metric has a label from a request's content.

    Args:
        registry: Where they are registered; a new one by default.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        super().__init__(AGENT, registry)
        self.in_flight = self._gauge(api.API_REQUESTS_IN_FLIGHT)
        self.runs = self._counter(api.API_RUNS)
        self.corrections = self._counter(api.API_CORRECTIONS)
        self.model_swaps = self._counter(model.MODEL_SWAPS)
        self.model_refusals = self._counter(model.MODEL_REFUSALS)
        self._requests = self._counters(api.API_REQUESTS)
        self._request_seconds = self._histograms(api.API_REQUEST_SECONDS)
        self._calls = self._counters(api.API_CALLS)
        self._gauges(process.BUILD_INFO).labels(AGENT, version("callstream")).set(1)
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def observe_request(self, path: str, status: int, seconds: float) -> None:
        """Count an answer and the time that it took."""
        self._requests.labels(AGENT, path, str(status)).inc()
        self._request_seconds.labels(AGENT, path).observe(seconds)

    def count_call(self, label_set: str, abstained: str) -> None:
        """Count a classified text."""
        self._calls.labels(AGENT, label_set, abstained).inc()
