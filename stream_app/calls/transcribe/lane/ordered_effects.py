"""Effects of a call in their order, with room for those that wait for the recognizer."""

from collections import deque

from stream_app.calls.effects import Effect


class OrderedEffects:
    """Releases effects in their order, each once the results before it have come."""

    def __init__(self) -> None:
        self._queue: deque[Effect | str] = deque()
        self._resolved: dict[str, Effect | None] = {}

    def __len__(self) -> int:
        """Return how many effects are held back."""
        return len(self._queue)

    def push(self, effect: Effect) -> None:
        """Take in an effect that is complete."""
        self._queue.append(effect)

    def await_result(self, result_id: str) -> None:
        """Hold back what follows until the result of this unique name has come."""
        self._queue.append(result_id)

    def resolve(self, result_id: str, effect: Effect | None) -> None:
        """Put an effect where its result is, or will be, awaited; with None nothing comes there."""
        self._resolved[result_id] = effect

    def release(self) -> list[Effect]:
        """Return the effects that nothing holds back any more."""
        released: list[Effect] = []
        while self._queue:
            head = self._queue[0]
            if isinstance(head, str):
                if head not in self._resolved:
                    break
                effect = self._resolved.pop(head)
            else:
                effect = head
            if effect is not None:
                released.append(effect)
            self._queue.popleft()
        return released
