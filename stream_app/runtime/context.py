"""What the parts of an agent's runtime share."""

from dataclasses import dataclass

import structlog
from faust.types import TP

from stream_app.agents.definition import AgentDefinition
from stream_app.monitoring.metrics import Metrics
from stream_app.runtime.memory.machine_thread import MachineThread
from stream_app.runtime.memory.partitions import Partitions
from stream_app.runtime.memory.under_way import UnderWay
from stream_app.runtime.process_end import ProcessEnd

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RuntimeContext:
    """The agent and its memory, as all parts of its runtime see them.

    Attributes:
        machines: Calls the state machines.
        under_way: Where work is marked while it is done.
        process_end: Takes failures that end the process.
    """

    definition: AgentDefinition
    metrics: Metrics
    partitions: Partitions
    machines: MachineThread
    under_way: UnderWay
    process_end: ProcessEnd

    def note_skipped(self, tp: TP, first: int, count: int) -> None:
        """Tell of input that was no longer in the log when it was to be read; in any thread."""
        self.metrics.skipped_offsets.inc(count)
        log.error("input.expired", partition=tp.partition, first=first, messages=count)
