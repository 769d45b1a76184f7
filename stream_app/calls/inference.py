"""Failures of inference requests, as values.

The model returns `Failed` in place of a result. The runtime tries again what may succeed later;
what has failed for good comes to the state machine in place of a result.
"""

from dataclasses import dataclass
from typing import Any

from schemas.failed import Failed

__all__ = ["OF_VALUES", "Failed", "FailedRequest"]

# Of a request's own values: it would fail again
OF_VALUES = (ValueError, TypeError, LookupError, ArithmeticError)


@dataclass(frozen=True, slots=True)
class FailedRequest:
    """What a state machine gets in place of a result, unless its agent says otherwise.

    Attributes:
        request: That has failed for good.
        failure: Why.
    """

    request: Any
    failure: Failed
