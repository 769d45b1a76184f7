"""Failures of the model: which are those of one request, and which are the model's own."""

from dataclasses import dataclass

from schemas.errors import CallstreamError

VALUE_ERRORS = (ValueError, TypeError, LookupError, ArithmeticError)  # of a request's own values
BEYOND_REPAIR = (MemoryError, OSError)


@dataclass(frozen=True, slots=True)
class Failure:
    """In place of a result: the model cannot run the request.

    Attributes:
        error: That it raised for this request alone.
    """

    error: Exception


class Blame:
    """Tells the failure of a request from that of the model, by what it raised and when."""

    def __init__(self) -> None:
        self._unexplained = ""  # the call whose request failed last, for no reason that we know

    def clear(self) -> None:
        """Note that the model has run something."""
        self._unexplained = ""

    def failure(self, call_id: str, error: Exception) -> Failure:
        """Return the failure of a call's request that was run alone.

        Raises:
            Exception: It is none of the request: trying again may help, or another call's request
                failed just before, for no reason that we know either.
        """
        is_of_values = isinstance(error, VALUE_ERRORS) or (
            isinstance(error, CallstreamError) and not error.retryable
        )
        if is_of_values:
            return Failure(error)
        if isinstance(error, CallstreamError) or self._unexplained not in {"", call_id}:
            raise error
        self._unexplained = call_id
        return Failure(error)
