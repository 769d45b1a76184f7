"""The report of the demo: metrics of the finalized call, latencies, word errors."""

import math
from dataclasses import dataclass
from typing import Any

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from models.text.scored_words import scored_words
from models.text.word_errors import Reference, WordErrors, word_errors
from schemas.classification import CallClassified
from schemas.insights import CallInsights
from schemas.turns import CallMetrics, ChannelMetrics, FinalizedCall
from stream_app.live.insights_text import insights_text
from stream_app.live.labels_text import labels_text
from stream_app.live.latencies import Delays, LatencyMeter
from stream_app.live.percentile import percentile
from stream_app.terminal.clock_text import clock_text

REPORT_SCHEMA = "demo_report.v1"
_NO_VALUE = "-"
_NO_REFERENCE = "no word error rate: the call has no reference transcript"
_LATENCY_NOTE = "lag: without the time waited on purpose, such as the silence after speech"


@dataclass(frozen=True, slots=True)
class Report:
    """The measurements of one call.

    Attributes:
        word_errors: By channel; empty where there is no reference transcript.
        classified: What the call was classified as; None where no agent does that.
        insights: What the call says of its service; likewise.
    """

    call: FinalizedCall
    latencies: LatencyMeter
    word_errors: dict[int, WordErrors]
    dead_letters: int = 0
    classified: CallClassified | None = None
    insights: CallInsights | None = None

    @property
    def all_word_errors(self) -> WordErrors:
        """The word errors of all channels together."""
        return WordErrors(
            sum(channel.errors for channel in self.word_errors.values()),
            sum(channel.reference_words for channel in self.word_errors.values()),
        )


def compare(call: FinalizedCall, reference: Reference) -> dict[int, WordErrors]:
    """Return the word errors of each channel of a finalized call."""
    return {
        channel: word_errors(reference.words(channel), scored_words(channel_text(call, channel)))
        for channel in reference.channels
    }


def channel_text(call: FinalizedCall, channel: int) -> str:
    """Return all that a channel says in a finalized call."""
    own = (turn for turn in call.turns if turn.channel == channel)
    return " ".join(turn.text for turn in sorted(own, key=lambda turn: turn.start_ms))


def report_screen(report: Report) -> RenderableType:
    """Return the report as tables that fit into 80 columns and 24 lines together."""
    parts: list[RenderableType] = [
        metrics_tables(report.call),
        Text(),
        _latency_table(report.latencies),
        Text(_LATENCY_NOTE, style="dim"),
    ]
    parts.append(_word_error_line(report) if report.word_errors else Text(_NO_REFERENCE, "dim"))
    if report.classified is not None:
        labels = labels_text(report.classified)
        parts.append(Text.assemble(("Labels ", "bold"), labels))
    if report.insights is not None:
        parts.append(Text.assemble(("Insights ", "bold"), insights_text(report.insights)))
    if report.dead_letters:
        parts.append(Text(f"{report.dead_letters} dead letters", style="red"))
    return Group(*parts)


def metrics_tables(call: FinalizedCall) -> RenderableType:
    """Return the metrics of a finalized call and of each of its channels."""
    table = _table("channel", "talk", "share", "turns", "words", "wpm", "interrupts", "responds in")
    for channel in call.metrics.channels:
        table.add_row(*_channel_row(channel))
    return Group(Text.assemble(("Finalized call ", "bold"), _facts(call.metrics)), table)


def report_values(report: Report) -> dict[str, Any]:
    """Return the report as JSON values."""
    values: dict[str, Any] = {
        "schema": REPORT_SCHEMA,
        "call_id": report.call.call_id,
        "latency_ms": {
            "first_partial": _delay_values(report.latencies.first_partial),
            "final": _delay_values(report.latencies.final),
            "end_of_turn": _delay_values(report.latencies.end_of_turn),
            "predicted_end_of_turn": _delay_values(report.latencies.predicted_end),
        },
        "withdrawn_predictions": report.latencies.withdrawn_ends,
        "dead_letters": report.dead_letters,
    }
    if report.classified is not None:
        values["labels"] = {
            answer.task: [each.label for each in answer.labels]
            for answer in report.classified.answers
        }
        values["abstained"] = report.classified.abstained
    if report.insights is not None:
        values["insights"] = msgspec.to_builtins(report.insights)
    if report.word_errors:
        values["word_error_rate"] = round(report.all_word_errors.rate, 4)
        values["word_error_rate_by_channel"] = {
            str(channel): round(errors.rate, 4) for channel, errors in report.word_errors.items()
        }
        values["reference_words"] = report.all_word_errors.reference_words
    return values


def _facts(metrics: CallMetrics) -> str:
    facts = [
        clock_text(metrics.duration_ms),
        f"{metrics.turns} turns",
        f"{metrics.words} words",
        f"silence {metrics.silence_share:.0%}",
        f"overlap {metrics.overlap_ms / 1000:.1f} s",
    ]
    if metrics.holds:
        facts.append(f"hold {metrics.hold_ms / 1000:.1f} s")
    if metrics.gap_ms:
        facts.append(f"lost {metrics.gap_ms} ms")
    return ", ".join(facts)


def _channel_row(channel: ChannelMetrics) -> list[str]:
    response = channel.response_delay_ms
    return [
        f"{channel.channel} {channel.party}",
        f"{channel.talk_ms / 1000:.1f} s",
        f"{channel.talk_share:.0%}",
        str(channel.turns),
        str(channel.words),
        f"{channel.words_per_minute:.0f}",
        str(channel.interruptions),
        f"{response} ms" if response >= 0 else _NO_VALUE,
    ]


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(first)
    for title in others:
        table.add_column(title, justify="right")
    return table


def _latency_table(latencies: LatencyMeter) -> Table:
    table = _table("latency, ms", "count", "p50", "p95", "lag p50", "lag p95")
    rows = (
        ("first partial after start of speech", latencies.first_partial),
        ("final after end of speech", latencies.final),
        ("end of turn predicted", latencies.predicted_end),
        ("end of turn after end of speech", latencies.end_of_turn),
    )
    for name, delays in rows:
        table.add_row(
            name,
            str(len(delays.captured_ms)),
            _ms(percentile(delays.sound_ms, 50)),
            _ms(percentile(delays.sound_ms, 95)),
            _ms(percentile(delays.lag_ms, 50)),
            _ms(percentile(delays.lag_ms, 95)),
        )
    return table


def _word_error_line(report: Report) -> Text:
    everything = report.all_word_errors
    parties = report.call.parties
    by_channel = ", ".join(
        f"{parties[channel]} {errors.rate:.1%}" for channel, errors in report.word_errors.items()
    )
    rate = (f"{everything.rate:.1%}", "bold")
    words = f" of {everything.reference_words} words ({by_channel})"
    return Text.assemble(("Word error rate ", "bold"), rate, words)


def _ms(value: float) -> str:
    return _NO_VALUE if math.isnan(value) else f"{value:.0f}"


def _delay_values(delays: Delays) -> dict[str, Any]:
    return {
        "count": len(delays.captured_ms),
        "since_sound": _percentiles(delays.sound_ms),
        "lag": _percentiles(delays.lag_ms),
        "since_captured": _percentiles(delays.captured_ms),
    }


def _percentiles(values: list[float]) -> dict[str, float] | None:
    if not values:
        return None
    return {"p50": round(percentile(values, 50), 1), "p95": round(percentile(values, 95), 1)}
