"""A row of the table of metrics."""

from dataclasses import dataclass
from typing import Literal

PREFIX = "callstream_"
Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of an agent.

    Attributes:
        name: Without the prefix, and without the ``_total`` of a counter.
        meaning: One sentence; Prometheus shows it as the help text.
        advice: What to do about it; empty where it only describes.
        labels: Beside ``agent``.
        buckets: Upper bounds of a histogram.
    """

    name: str
    kind: Kind
    meaning: str
    advice: str = ""
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def full_name(self) -> str:
        """The name under which Prometheus finds it."""
        return f"{PREFIX}{self.name}{'_total' if self.kind == 'counter' else ''}"
