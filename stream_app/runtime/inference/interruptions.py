"""What a run of the model gives way to between two of its steps, and when it is given up."""

from dataclasses import dataclass

from schemas.errors import CallstreamError
from stream_app.runtime.inference.queue import Job, RequestQueue

MAX_RUNS = 4  # that one run gives way to
MAX_S = 0.2  # that these have taken: then it goes on undisturbed
MAX_BATCH = 2  # first requests in one run: more would keep a final waiting for longer


class GivenUpError(CallstreamError):
    """Nobody needs the result of a run any more."""


@dataclass(slots=True)
class Interruptions:
    """What one run of the model gives way to.

    A run of an urgent request gives way to first ones; that of an early one to urgent ones too, as
    long as its own urgent form does not wait for it. Other runs give way to nothing. None does
    so for long, and what it gives way to gives way to nothing: under overload requests are run one
    after another.

    Attributes:
        queue: Holds what waits.
        runs: That it gave way to so far.
        spent_s: That they took.
    """

    queue: RequestQueue
    runs: int = 0
    spent_s: float = 0.0

    def next_batch(self, running: Job) -> list[Job]:
        """Return the requests to be run now, before a run goes on; often none.

        Args:
            running: The only request of the run.

        Raises:
            GivenUpError: A newer request of its slot makes its result useless.
        """
        if self.queue.is_replaced(running):
            raise GivenUpError
        if self.runs >= MAX_RUNS or self.spent_s >= MAX_S:
            return []
        if running.is_early and not self.queue.is_asked_for(running):
            urgent = self.queue.pop_urgent(1)
            if urgent:
                return urgent
        if running.is_early or running.is_urgent:
            return self.queue.pop_first(MAX_BATCH, running)
        return []

    def note_run(self, took_s: float) -> None:
        """Take in how long what was run took."""
        self.runs += 1
        self.spent_s += took_s
