"""Models that an agent should have and has not: told in the log, and to a person once."""

from collections.abc import Callable, Mapping
from typing import Any


class MissingModels:
    """Tells which models are missing; calls go on without them.

    Args:
        missing: Returns why models are missing, by what they are for.
        log: Logger of the agent; has a line for each that is missing now.
        event: Of the log.
        purpose: What a model is for, as the log names it.
    """

    def __init__(
        self, missing: Callable[[], Mapping[str, str]], log: Any, event: str, purpose: str
    ) -> None:
        self._missing = missing
        self._told: set[str] = set()
        for name, reason in missing().items():
            log.warning(event, reason=reason, **{purpose: name})

    def news(self, name: str) -> str:
        """Return why a model is missing the first time that it is asked for, else nothing."""
        reason = self._missing().get(name, "")
        if not reason or name in self._told:
            return ""
        self._told.add(name)
        return reason

    def forget_found(self) -> None:
        """Tell again of a model that is there now, should it be missing once more."""
        self._told &= self._missing().keys()
