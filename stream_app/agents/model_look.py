"""A look for new files of an agent's model, logged."""

from collections.abc import Callable, Sequence
from typing import Any

from models.store.versioned import Refusal, Swap
from stream_app.agents.definition import ModelChange


class ModelLook:
    """Takes up changed files of a model, and logs what changed.

    Args:
        refresh: Of the model's store.
        log: Logger of the agent.
        subject: Of the log events.
    """

    def __init__(
        self, refresh: Callable[[], Sequence[Swap | Refusal]], log: Any, subject: str
    ) -> None:
        self._refresh = refresh
        self._log = log
        self._refused, self._swapped = f"{subject}.refused", f"{subject}.swapped"

    def __call__(self) -> list[ModelChange]:
        """Return what changed since the last look."""
        return [self._logged(change) for change in self._refresh()]

    def _logged(self, change: Swap | Refusal) -> ModelChange:
        if isinstance(change, Refusal):
            kept = list(change.kept)
            self._log.error(self._refused, alias=change.alias, reason=change.reason, kept=kept)
            return ModelChange(is_refused=True)
        before, after = list(change.before), list(change.after)
        self._log.info(self._swapped, alias=change.alias, before=before, after=after)
        return ModelChange()
