"""The failure of one request to a model, as a value in place of its result."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Failed:
    """What a model returns for a request that it could not run.

    Attributes:
        reason: For logs and dead letters; never transcript text.
        retryable: The same request may succeed later: a back-end is away, or overloaded.
    """

    reason: str
    retryable: bool = False
