"""`callstream calls`: the open calls of a running system."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import orjson
import typer
from rich.table import Table

from models.console import text_console
from stream_app.cli.options import BrokersOption, settings_for
from stream_app.cli.running import quiet_libraries, run_until_signal
from stream_app.live.open_calls import CallRow, read_open_calls
from stream_app.logs.printable import printable
from stream_app.monitoring.host_metrics import PartitionLag, read_lags

BEHIND_S = 2.0
_MINUTE_S, _HOUR_S = 60, 3_600


def calls(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One call a line, as JSON.")] = False,
    brokers: BrokersOption = None,
) -> None:
    """List the open calls: age, parties, last audio, which agent is behind.

    The calls are those of the checkpoints, on whatever host they are processed. An agent is behind
    if it did not close a call in time, or lags by more than 2 s by the metrics of this host.
    """
    quiet_libraries()
    settings = settings_for(brokers)
    rows = run_until_signal(lambda: read_open_calls(settings.kafka))
    behind = behind_by_call(rows, read_lags(settings.metrics.host, settings.metrics.port))
    if as_json:
        for row in rows:
            typer.echo(orjson.dumps(_fields(row, behind[row.call_id])))
    elif rows:
        text_console().print(_table(rows, behind))
    else:
        typer.echo("no open calls")


def behind_by_call(
    rows: Sequence[CallRow], lags: Sequence[PartitionLag]
) -> dict[str, tuple[str, ...]]:
    """Return the agents that are behind, by call."""
    by_partition: dict[int, list[str]] = {}
    for lag in lags:
        if lag.seconds > BEHIND_S:
            by_partition.setdefault(lag.partition, []).append(lag.agent)
    return {
        row.call_id: tuple(dict.fromkeys((*row.late_agents, *by_partition.get(row.partition, ()))))
        for row in rows
    }


def _fields(row: CallRow, behind: Sequence[str]) -> dict[str, object]:
    return {
        "call_id": row.call_id,
        "partition": row.partition,
        "age_s": round(row.age_s, 1),
        "parties": row.parties,
        "is_on_hold": row.is_on_hold,
        "audio_s": round(row.audio_s, 1),
        "last_audio_s": round(row.last_audio_s, 1),
        "behind": behind,
    }


def _table(rows: Sequence[CallRow], behind: Mapping[str, Sequence[str]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("call", no_wrap=True)
    for title in ("age", "last audio"):
        table.add_column(title, justify="right", no_wrap=True)
    for title in ("parties", "behind"):
        table.add_column(title)
    for row in rows:
        table.add_row(
            printable(row.call_id),
            _duration(row.age_s),
            f"{_duration(row.last_audio_s)} ago",
            ", ".join(row.parties) + (" (on hold)" if row.is_on_hold else ""),
            ", ".join(behind[row.call_id]),
        )
    return table


def _duration(seconds: float) -> str:
    """Return a duration as people write it."""
    whole = int(seconds)
    hours, minutes = whole // _HOUR_S, whole % _HOUR_S // _MINUTE_S
    if hours:
        return f"{hours}:{minutes:02}:{whole % _MINUTE_S:02}"
    return f"{minutes}:{whole % _MINUTE_S:02}"
