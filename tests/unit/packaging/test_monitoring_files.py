"""Alerts, dashboard and scrape targets: accepted by Prometheus's own tool, and true to the code."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stream_app.agents.registry import REGISTRY
from stream_app.monitoring.catalogue.groups import METRICS
from stream_app.monitoring.metrics import Metrics
from stream_app.settings.worker import MetricsSettings

ROOT = Path(__file__).parents[3]
ALERTS = ROOT / "docker" / "alerts.yaml"
ALERT_TESTS = ROOT / "docker" / "alerts_test.yaml"
PROMETHEUS = ROOT / "docker" / "prometheus.yaml"
DASHBOARD = ROOT / "docker" / "grafana-dashboard.json"
OPERATIONS = ROOT / "docs" / "operations.md"
METRIC_NAME = re.compile(r"\b(?:callstream|process|python)_\w+")
GRAFANA_VARIABLES = {"$__rate_interval": "5m", "$job": "callstream", "$agent": "transcribe"}


def rules() -> dict[str, str]:
    """Return the text of each alerting rule by its name."""
    parts = ALERTS.read_text().split("- alert: ")[1:]
    return {part.split()[0]: part for part in parts}


def sample_names() -> set[str]:
    """Return what a process can be asked for, histograms by their series."""
    names = set()
    for family in Metrics("toy").registry.collect():
        if family.type == "histogram":
            names |= {f"{family.name}_{part}" for part in ("bucket", "sum", "count")}
        else:
            names.add(f"{family.name}_total" if family.type == "counter" else family.name)
    return names


def panels() -> Iterator[dict[str, Any]]:
    """Yield the panels of the dashboard that show something."""
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        if panel["type"] != "row":
            yield panel


def expressions() -> list[str]:
    """Return the queries of the dashboard as Prometheus gets them."""
    found = []
    for panel in panels():
        for target in panel["targets"]:
            expression = target["expr"]
            for name, value in GRAFANA_VARIABLES.items():
                expression = expression.replace(name, value)
            found.append(expression)
    return found


def promtool(*arguments: str | Path) -> str:
    """Return what Prometheus's tool says; it must be content."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("no promtool on the PATH")
    answer = subprocess.run(
        [program, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


def test_alerts_ask_for_series_that_there_are() -> None:
    for name, rule in rules().items():
        (expression,) = re.findall(r"^ +expr: (.*)$", rule, re.MULTILINE)
        asked = set(METRIC_NAME.findall(expression))
        assert asked, name
        assert asked <= sample_names(), name


def test_every_alert_says_what_to_do_first_and_where_to_read_on() -> None:
    headings = set(re.findall(r"^#+ (\w+)$", OPERATIONS.read_text(), re.MULTILINE))

    assert len(rules()) == ALERTS.read_text().count("- alert: ")
    for name, rule in rules().items():
        assert re.search(r"^ +summary: \S+", rule, re.MULTILINE), name
        assert re.search(r"^ +action: [A-Z].{20,}\.$", rule, re.MULTILINE), name
        assert f"runbook: docs/operations.md#{name.lower()}\n" in rule, name
        assert name in headings


def test_prometheus_accepts_the_alerts_and_they_fire_when_they_should() -> None:
    promtool("check", "rules", ALERTS)
    promtool("test", "rules", ALERT_TESTS)


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    cases = ALERT_TESTS.read_text().split("    promql_expr_test:\n")[1:]
    for name in rules():
        own = [case for case in cases if f'alertname="{name}"' in case]
        fires = ["exp_samples:" in case for case in own]
        assert True in fires, name
        assert False in fires, name


def test_an_alert_watches_for_every_agent_of_the_default_set() -> None:
    wanted = {agent.name for agent in REGISTRY if agent.is_default}

    found = re.findall(r'absent\(callstream_live\{agent="(\w+)"\}\)', ALERTS.read_text())

    assert set(found) == wanted


def test_prometheus_accepts_its_configuration_and_finds_every_agent() -> None:
    promtool("check", "config", PROMETHEUS)
    targets = re.findall(r"names: \[([\w-]+)\], type: A, port: (\d+)", PROMETHEUS.read_text())

    first = MetricsSettings().port
    assert {(name.replace("-", "_"), int(port) - first) for name, port in targets} == {
        (agent.name, agent.port_offset) for agent in REGISTRY if agent.is_default
    }


def test_the_dashboard_asks_for_series_that_there_are() -> None:
    for expression in expressions():
        asked = set(METRIC_NAME.findall(expression))
        assert asked, expression
        assert asked <= sample_names(), expression


def test_prometheus_can_parse_every_query_of_the_dashboard(tmp_path: Path) -> None:
    lines = ["groups:", "  - name: dashboard", "    rules:"]
    for number, expression in enumerate(expressions()):
        assert "$" not in expression
        lines += [f"      - record: query:{number}", f"        expr: {json.dumps(expression)}"]
    rules_file = tmp_path / "queries.yaml"
    rules_file.write_text("\n".join(lines) + "\n")

    said = promtool("check", "rules", rules_file)

    assert f"{len(expressions())} rules found" in said


def test_the_dashboard_can_be_imported() -> None:
    """Into any Grafana: no panel is tied to somebody's data source, none lies on another."""
    dashboard = json.loads(DASHBOARD.read_text())
    everything = dashboard["panels"]
    ids = [panel["id"] for panel in everything]
    assert len(set(ids)) == len(ids)
    assert dashboard["schemaVersion"] >= 36
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    assert variables == {"datasource", "job", "agent"}
    cells: set[tuple[int, int]] = set()
    for panel in everything:
        place = panel["gridPos"]
        own = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in own) < 24
        assert not own & cells
        cells |= own
    for panel in panels():
        assert panel["title"]
        assert panel["datasource"]["uid"] == "${datasource}"
        assert panel["fieldConfig"]["defaults"]["unit"]


def test_what_an_alert_watches_is_on_the_dashboard() -> None:
    shown = set(METRIC_NAME.findall(" ".join(expressions())))
    watched = {
        name
        for rule in rules().values()
        for expression in re.findall(r"^ +expr: (.*)$", rule, re.MULTILINE)
        for name in METRIC_NAME.findall(expression)
    }

    assert watched - shown <= {"callstream_live"}  # an agent that stands still is not ready either


def test_most_of_the_catalogue_is_on_the_dashboard() -> None:
    shown = " ".join(expressions())

    missing = {metric.full_name for metric in METRICS if metric.full_name not in shown}

    assert len(missing) <= len(METRICS) // 2
