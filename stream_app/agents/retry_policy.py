"""How often a failed inference request is run again, and when."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff with a bound.

    Attributes:
        max_attempts: Runs of a request in all; 1 never tries again.
        first_backoff_s: From the first failure to the second run; doubled after each further one.
        max_backoff_s: Longest time between two runs.
    """

    max_attempts: int
    first_backoff_s: float
    max_backoff_s: float

    def backoff_s(self, failures: int) -> float | None:
        """Return how long to wait after the n-th failure, None where it was the last run."""
        if failures >= self.max_attempts:
            return None
        return min(self.first_backoff_s * 2.0 ** (failures - 1), self.max_backoff_s)
