"""Turns of one call: the state machine of `detect_turns`.

Only the deterministic lane moves it: speech activity, finals, the end of the call. What that
means for the turns is said in `floor`; here is how it is done so that it can be repeated.

* A final with words is judged by the end-of-turn model before it is taken in. What follows on the
  lane waits until `resolve` brings the probability, so that no timing of the model changes what
  comes out; it waits unacknowledged, so that after a crash it is read again.
* Partials wait for nothing: their judgements are volatile, see `turn_prediction`.
* A checkpoint holds the open turns and what the present judge of each channel is called; its
  position counts the messages that changed the state, which is the same number in every run. A
  tick that changes nothing is acknowledged without one.
"""

from collections import deque
from collections.abc import Sequence
from typing import Self

from models.turns.text import spoken_form
from schemas.base import Message
from schemas.codec import from_state, to_state
from schemas.operations import Checkpoint
from schemas.transcripts import (
    CallTranscribed,
    SpeechActivity,
    TranscriptFinal,
    TranscriptPartial,
    TranscriptTopicMessage,
)
from stream_app.calls.counters import InputCounters
from stream_app.calls.effects import Commit, Effect, Emit, Infer
from stream_app.calls.ended_call import EndedCall
from stream_app.calls.endpointing import TurnConfig
from stream_app.calls.floor import CallState, Floor
from stream_app.calls.judgement import (
    NO_PROBABILITY,
    CallJudges,
    Judgement,
    JudgementRequest,
    JudgeRouter,
    models_used,
)
from stream_app.calls.lane_reader import LaneMessage, LaneReader
from stream_app.calls.turn_messages import complete_message
from stream_app.calls.turn_prediction import TurnPredictions
from stream_app.calls.turn_state import word_count

AGENT = "detect_turns"


class CallTurns:
    """One call of `detect_turns`; see the module for its rules.

    Args:
        call_id: Of the call.
        config: When turns end, and what counts as an interruption.
        state: Where to begin; a new call by default.
        router: The end-of-turn models at hand; None where silence alone ends turns.

    Attributes:
        counters: Of what was set aside.
        ended: Where the call ended, None while it goes on; whatever comes then is late.
    """

    def __init__(
        self,
        call_id: str,
        config: TurnConfig,
        *,
        state: CallState | None = None,
        router: JudgeRouter | None = None,
    ) -> None:
        self.counters = InputCounters()
        self.ended: EndedCall | None = None
        self._call_id = call_id
        self._state = state or CallState()
        self._lanes = LaneReader(self.counters, self._state.next_seqs)
        self._floor = Floor(call_id, config, self._state)
        self._judges = CallJudges(router, self.counters, self._state.channels)
        self._predictions = TurnPredictions(config)
        self._held: deque[tuple[LaneMessage | CallTranscribed, int]] = deque()
        self._judged: tuple[TranscriptFinal, int] | None = None

    @classmethod
    def restore(
        cls, checkpoint: Checkpoint, config: TurnConfig, *, router: JudgeRouter | None = None
    ) -> Self:
        """Return the machine that wrote ``checkpoint``, of an open call.

        Raises:
            MalformedMessageError: The checkpoint is of another agent or version.
        """
        state = from_state(checkpoint.state, CallState)
        return cls(checkpoint.call_id, config, state=state, router=router)

    @property
    def is_closed(self) -> bool:
        """Return whether the call is over."""
        return self.ended is not None

    def feed(self, message: TranscriptTopicMessage, offset: int) -> Sequence[Effect]:
        """Return the effects of one message of the transcripts topic."""
        if isinstance(message, TranscriptPartial):
            return self._foretell(message, offset)
        self._held.append((message, offset))
        return self._go_on()

    def resolve(self, result: Judgement) -> Sequence[Effect]:
        """Return the effects of what the model said of a text."""
        if not result.request.is_final:
            if result.probability == NO_PROBABILITY:
                return []
            return self._predictions.judged(self._floor.known(result.request.channel), result)
        if self._judged is None:
            return []
        (final, offset), self._judged = self._judged, None
        self._judges.keep(self._floor.channel(final), result.request.judge)
        effects = self._take(final, offset, result.rounded)
        effects.extend(self._go_on())
        return effects

    def _go_on(self) -> list[Effect]:
        """Take in what is held back, up to the next final that is to be judged."""
        effects: list[Effect] = []
        while self._held and self._judged is None:
            effects.extend(self._step(*self._held.popleft()))
        return effects

    def _step(self, message: LaneMessage | CallTranscribed, offset: int) -> Sequence[Effect]:
        if self.is_closed:
            return self._drop_late(offset)
        if isinstance(message, CallTranscribed):
            return self._close(message, offset)
        if not self._lanes.accept(message):
            return (Commit((offset,)),)
        if isinstance(message, TranscriptFinal):
            request = self._question(message)
            if request is not None:
                self._judged = (message, offset)
                return (Infer(request, is_urgent=True),)
        elif not self._floor.is_relevant(message):
            return (Commit((offset,)),)
        return self._take(message, offset)

    def _question(self, final: TranscriptFinal) -> JudgementRequest | None:
        """Return what to ask before a final is taken in, None if nobody can say anything."""
        if not word_count(final):
            return None
        channel = self._floor.channel(final)
        turn = channel.turn
        text = f"{turn.text} {final.text}" if turn is not None else final.text
        judge = self._judges.of(channel, final)
        if judge is None or not spoken_form(text):
            return None
        return JudgementRequest(
            call_id=self._call_id,
            channel=channel.channel,
            judge=judge,
            text=text.strip(),
            turn_start_ms=turn.start_ms if turn is not None else final.start_ms,
            segment_id=final.segment_id,
            at_ms=final.at_ms,
            captured_at_ns=final.captured_at_ns,
            is_final=True,
        )

    def _take(
        self, message: LaneMessage, offset: int, probability: float = NO_PROBABILITY
    ) -> list[Effect]:
        if isinstance(message, SpeechActivity):
            messages = self._floor.hear(message)
        else:
            messages = self._floor.read(message, probability)
        channel = self._floor.channel(message)
        withdrawn = self._predictions.review(channel, message, message.at_ms, messages)
        return [*withdrawn, *self._effects(messages, offset)]

    def _foretell(self, partial: TranscriptPartial, offset: int) -> Sequence[Effect]:
        if self.is_closed:
            return self._drop_late(offset)
        channel = self._floor.known(partial.channel)
        if channel is None or channel.turn is None or self._judged is not None:
            return (Commit((offset,)),)
        judge = self._judges.of(channel, partial)
        request = self._predictions.request(channel, partial, judge) if judge else None
        asked = (Infer(request, is_urgent=False),) if request else ()
        return (*asked, Commit((offset,)))

    def _drop_late(self, offset: int) -> Sequence[Effect]:
        self.counters.late_events += 1
        return (Commit((offset,)),)

    def _close(self, transcribed: CallTranscribed, offset: int) -> Sequence[Effect]:
        self._lanes.check_end(transcribed.summary)
        messages = self._floor.close(transcribed)
        models = models_used(self._state.channels)
        messages.append(complete_message(transcribed, self._state.turns, models))
        self.ended = EndedCall(offset)
        return self._effects(messages, offset)

    def _effects(self, messages: Sequence[Message], offset: int) -> list[Effect]:
        state = self._state
        state.changes += 1
        state.next_seqs = self._lanes.next_seqs()
        checkpoint = Checkpoint(
            agent=AGENT,
            call_id=self._call_id,
            position=(state.changes,),
            is_closed=self.is_closed,
            state=to_state(state) if self.ended is None else self.ended.to_state(),
        )
        return [*(Emit(message) for message in messages), Commit((offset,), checkpoint)]
