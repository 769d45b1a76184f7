"""What an agent emits, counted and timed."""

import time
from collections.abc import Callable

import msgspec

from schemas.base import Message
from schemas.classification import CallClassified
from schemas.insights import CallInsights
from schemas.operations import Alert
from schemas.transcripts import SpeechActivity
from stream_app.monitoring.metrics import Metrics
from stream_app.transport.log_clock import BACKLOG_AGE_NS

NS = 1_000_000_000
UNKNOWN_NS = 0  # in place of the arrival of what no input in particular led to


class OutputMeter:
    """Counts alerts and answers about whole calls; times all outputs but alerts and activity.

    Neither a gateway's clock nor a broker's is asked: the time begins when the input that decided
    the output came to the log, by this process's clock, see `LogClock`.

    Args:
        metrics: Of the agent.
        clock_ns: The monotonic clock.
    """

    def __init__(self, metrics: Metrics, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._metrics = metrics
        self._clock_ns = clock_ns

    def note(self, message: Message, arrived_ns: int) -> None:
        """Take in an output.

        Args:
            message: That is emitted now.
            arrived_ns: When the input that decided it came to the log; `UNKNOWN_NS` for none.
        """
        if isinstance(message, Alert):
            self._metrics.count_alert(message.kind)
            return
        if isinstance(message, CallClassified) and not (
            message.is_shadow or message.is_provisional
        ):
            self._metrics.count_classified(message.label_set, message.abstained)
        if isinstance(message, CallInsights) and not (message.is_shadow or message.is_provisional):
            self._metrics.count_analyzed(message.guide, message.abstained)
        if arrived_ns != UNKNOWN_NS and not isinstance(message, SpeechActivity):
            latency_ns = self._clock_ns() - arrived_ns
            if latency_ns < BACKLOG_AGE_NS:  # else it was in the log before the process
                self._metrics.observe_output(output_type(type(message)), latency_ns / NS)


def output_type(message_type: type[msgspec.Struct]) -> str:
    """Return the name of a message type without its version."""
    return str(message_type.__struct_config__.tag).partition(".")[0]
