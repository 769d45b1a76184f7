"""The page `docs/metrics.md`, made from the catalogue.

python -m stream_app.monitoring.page > docs/metrics.md
"""

import sys
from collections.abc import Iterator

from stream_app.monitoring.catalogue.call_counters import KINDS
from stream_app.monitoring.catalogue.groups import GROUPS
from stream_app.monitoring.catalogue.metric import Metric

HEAD = """# Metrics

Made from the code by `python -m stream_app.monitoring.page > docs/metrics.md`; a test compares.

Each agent serves its metrics for Prometheus under `/metrics`, beside `/healthz` and `/readyz`;
`callstream serve` does under `/metrics` of its own port, with `agent="api"`.
Every metric below has the label `agent`; further labels are named. Units are in the names:
seconds, or else a plain count. A counter starts at 0 with each process, which `rate()` and
`increase()` allow for. Alerting rules are in `docker/alerts.yaml`, a dashboard is in
`docker/grafana-dashboard.json`.

Beside them there are the standard metrics of the Python client: `process_cpu_seconds_total`,
`process_resident_memory_bytes`, `process_start_time_seconds`, `process_open_fds` (on Linux) and
`python_gc_*`. They have no label `agent`; a join adds it:
`process_resident_memory_bytes * on (job, instance) group_left (agent) callstream_build_info`.
"""


def page() -> str:
    """Return the text of the page."""
    lines = [HEAD]
    for title, metrics in GROUPS.items():
        lines += [f"## {title}\n", *_table(metrics), ""]
    lines += ["## Kinds of `callstream_set_aside_total`\n", *_kinds(), ""]
    return "\n".join(lines)


def _table(metrics: tuple[Metric, ...]) -> Iterator[str]:
    yield "| metric | type | labels | meaning | what to do |"
    yield "|---|---|---|---|---|"
    for metric in metrics:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        cells = (f"`{metric.full_name}`", metric.kind, labels, metric.meaning, metric.advice)
        yield f"| {' | '.join(cells)} |"


def _kinds() -> Iterator[str]:
    yield "| kind | meaning | what to do |"
    yield "|---|---|---|"
    for name, kind in KINDS.items():
        yield f"| `{name}` | {kind.meaning} | {kind.advice} |"


if __name__ == "__main__":
    sys.stdout.write(page())
