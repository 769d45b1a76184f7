"""Read an agent's metrics endpoint, and what changed between two readings."""

import math
import urllib.error
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

from schemas.errors import BrokerError

PREFIX = "callstream_"
TIMEOUT_S = 5.0


@dataclass(slots=True)
class Reading:
    """The metrics of an agent at one moment.

    Attributes:
        counters: By name, without prefix and ``_total``.
        gauges: By name, without prefix.
        buckets: Of each histogram, the cumulative count by upper bound.
        sums: Of each histogram.
    """

    counters: dict[str, float] = field(default_factory=dict)
    gauges: dict[str, float] = field(default_factory=dict)
    buckets: dict[str, dict[float, float]] = field(default_factory=dict)
    sums: dict[str, float] = field(default_factory=dict)


def parse_reading(text: str) -> Reading:
    """Return the metrics of callstream in Prometheus' text format."""
    reading = Reading()
    for family in text_string_to_metric_families(text):
        name = family.name.removeprefix(PREFIX)
        if not family.name.startswith(PREFIX) or family.name.endswith("_created"):
            continue
        for sample in family.samples:
            if family.type == "counter" and sample.name.endswith("_total"):
                reading.counters[name] = sample.value
            elif family.type == "gauge":
                reading.gauges[name] = sample.value
            elif sample.name.endswith("_bucket"):
                bound = float(sample.labels["le"])
                reading.buckets.setdefault(name, {})[bound] = sample.value
            elif sample.name.endswith("_sum"):
                reading.sums[name] = sample.value
    return reading


def read_metrics(port: int, host: str = "127.0.0.1") -> Reading:
    """Return the metrics that an agent serves.

    Raises:
        BrokerError: It does not answer.
    """
    url = f"http://{host}:{port}/metrics"
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
            return parse_reading(answer.read().decode())
    except (OSError, urllib.error.URLError) as error:
        raise BrokerError(f"an agent does not serve its metrics at {url}: {error}") from error


def change(before: Reading, after: Reading) -> Reading:
    """Return what was counted between two readings; gauges as they were at the second."""
    return Reading(
        counters={n: v - before.counters.get(n, 0.0) for n, v in after.counters.items()},
        gauges=dict(after.gauges),
        buckets={
            name: {
                bound: count - before.buckets.get(name, {}).get(bound, 0.0)
                for bound, count in bounds.items()
            }
            for name, bounds in after.buckets.items()
        },
        sums={n: v - before.sums.get(n, 0.0) for n, v in after.sums.items()},
    )


def total(readings: Iterable[Reading]) -> Reading:
    """Return the sum over several processes; of the gauges the greatest."""
    result = Reading()
    for reading in readings:
        for name, value in reading.counters.items():
            result.counters[name] = result.counters.get(name, 0.0) + value
        for name, value in reading.gauges.items():
            result.gauges[name] = max(result.gauges.get(name, value), value)
        for name, value in reading.sums.items():
            result.sums[name] = result.sums.get(name, 0.0) + value
        for name, bounds in reading.buckets.items():
            own = result.buckets.setdefault(name, {})
            for bound, count in bounds.items():
                own[bound] = own.get(bound, 0.0) + count
    return result


def bucket_quantile(buckets: dict[float, float], share: float) -> float | None:
    """Return the quantile of a histogram, linear within its bucket; None of an empty one.

    The last bucket has no upper bound: what lies in it is given as its lower one.
    """
    bounds = sorted(buckets)
    if not bounds or not buckets[bounds[-1]]:
        return None
    wanted = share * buckets[bounds[-1]]
    lower, below = 0.0, 0.0
    for bound in bounds:
        count = buckets[bound]
        if count >= wanted:
            if math.isinf(bound) or count == below:
                return lower
            return lower + (bound - lower) * (wanted - below) / (count - below)
        lower, below = bound, count
    return lower
