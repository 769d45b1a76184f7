"""Prometheus metrics of a process, registered from rows of the catalogue."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from stream_app.monitoring.catalogue.metric import Metric


class Families:
    """Metrics of one part of the system, all with the label ``agent``.

    Args:
        agent: Value of that label.
        registry: Where they are registered; a new one by default.
    """

    def __init__(self, agent: str, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self._agent = agent

    def _counter(self, metric: Metric) -> Counter:
        return self._counters(metric).labels(self._agent)

    def _gauge(self, metric: Metric) -> Gauge:
        return self._gauges(metric).labels(self._agent)

    def _histogram(self, metric: Metric) -> Histogram:
        return self._histograms(metric).labels(self._agent)

    def _counters(self, metric: Metric) -> Counter:
        return Counter(metric.full_name, metric.meaning, _labels(metric), registry=self.registry)

    def _gauges(self, metric: Metric) -> Gauge:
        return Gauge(metric.full_name, metric.meaning, _labels(metric), registry=self.registry)

    def _histograms(self, metric: Metric) -> Histogram:
        return Histogram(
            metric.full_name,
            metric.meaning,
            _labels(metric),
            buckets=metric.buckets,
            registry=self.registry,
        )


def _labels(metric: Metric) -> tuple[str, ...]:
    return ("agent", *metric.labels)
