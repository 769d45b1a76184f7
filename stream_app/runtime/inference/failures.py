"""Failures of the model: what a request's own failure is, and what ends the process."""

import socket

from schemas.errors import CallstreamError
from stream_app.calls.inference import OF_VALUES, Failed

# Of a back-end that the model asks; they are OSErrors as well
OF_A_BACKEND = (ConnectionError, TimeoutError, socket.gaierror)
MAX_REASON = 200  # characters; a library may put its whole input into a message


def failure_of(error: Exception) -> Failed:
    """Return the failure of a request from what the model raised when it ran it alone.

    An error that is neither ours nor one of values may pass: a runtime or client library has errors
    of its own.

    Raises:
        Exception: It is beyond repair: the process has no memory, or its files or devices fail.
    """
    if isinstance(error, CallstreamError):
        is_retryable = error.retryable
    elif isinstance(error, OF_A_BACKEND):
        is_retryable = True
    elif isinstance(error, (MemoryError, OSError)):
        raise error
    else:
        is_retryable = not isinstance(error, OF_VALUES)
    reason = f"{type(error).__name__}: {error}".removesuffix(": ")
    return Failed(reason[:MAX_REASON], retryable=is_retryable)
