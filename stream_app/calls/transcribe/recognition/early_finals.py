"""Finals that are decoded while their pause may still end: what is heard in it waits for the pause.

A pause is known as one long after the audio of its segment is complete. What the recognizer makes
of that audio meanwhile is the final, if the silence goes on; if not, it was a partial.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from models.asr.core.requests import BEAM_SIZE, SpeechEngine, go_on
from stream_app.calls.transcribe.recognition.requests import (
    FAILED,
    RecognitionRequest,
    RecognitionResult,
    recognize,
)

REMEMBERED = 4  # early results; their finals are asked for while they are made, or not at all


class EarlyFinals:
    """The early finals of a call: what was asked for, and the results that wait for their pause."""

    def __init__(self) -> None:
        self._asked: dict[int, tuple[int, int]] = {}
        self._results: dict[int, RecognitionResult] = {}

    def note_asked(self, channel: int, start_ms: int, end_ms: int) -> None:
        """Take in that an open segment was asked for as it would end in this silence."""
        self._asked[channel] = (start_ms, end_ms)

    def is_asked(self, channel: int, start_ms: int, end_ms: int) -> bool:
        """Return whether an open segment that would end there was asked for."""
        return self._asked.get(channel) == (start_ms, end_ms)

    def keep(self, result: RecognitionResult) -> None:
        """Keep an early result; where the recognizer failed, the final has retries of its own."""
        if result.rejected != FAILED:
            self._results[result.request.channel] = result

    def forget(self, channel: int) -> None:
        """Forget what was kept of a channel: its party speaks on."""
        self._results.pop(channel, None)

    def take(self, final: RecognitionRequest) -> RecognitionResult | None:
        """Return the result of a final that was decoded early; what was kept is forgotten."""
        result = self._results.pop(final.channel, None)
        return None if result is None else _as_final(result, final)


class Recognizer:
    """Runs requests; a final whose audio it has just decoded is not decoded again.

    A run may begin and end between two steps of another one.

    Args:
        engine: Runs the weights.
        beam_size: Most hypotheses that a final is searched with.
    """

    def __init__(self, engine: SpeechEngine, beam_size: int = BEAM_SIZE) -> None:
        self._engine = engine
        self._beam_size = beam_size
        self._early: deque[RecognitionResult] = deque(maxlen=REMEMBERED)

    def run(
        self,
        requests: Sequence[RecognitionRequest],
        between_steps: Callable[[], None] = go_on,
    ) -> list[RecognitionResult]:
        """Return one result for each request.

        Args:
            requests: To run.
            between_steps: See `recognize`.

        Raises:
            InferenceError: The engine cannot decode a request.
        """
        known = [self._known(request) for request in requests]
        new = [r for r, result in zip(requests, known, strict=True) if result is None]
        heard = iter(self._recognize(new, between_steps) if new else ())
        results = [next(heard) if result is None else result for result in known]
        self._early.extend(result for result in results if result.request.is_early)
        return results

    def _recognize(
        self, requests: Sequence[RecognitionRequest], between_steps: Callable[[], None]
    ) -> list[RecognitionResult]:
        return recognize(
            requests, self._engine, beam_size=self._beam_size, between_steps=between_steps
        )

    def _known(self, request: RecognitionRequest) -> RecognitionResult | None:
        found = (_as_final(early, request) for early in self._early)
        return next((result for result in found if result is not None), None)


def _as_final(early: RecognitionResult, final: RecognitionRequest) -> RecognitionResult | None:
    is_it = early.request.is_early_form_of(final)
    return replace(early, request=final) if is_it else None
