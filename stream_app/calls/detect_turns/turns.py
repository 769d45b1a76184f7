"""Turns of one call: the state machine of `detect_turns`.

Only the deterministic lane changes it: speech activity, finals, the end of the call. `turn_taking`
has the rules of turns; this module makes their result repeatable.

* The end-of-turn model judges a final with words before `TurnTaking` reads it. The messages behind
  it in the lane wait until `resolve` brings the probability, so that no timing of the model
  changes the result; they wait unacknowledged, so that they are read again after a crash.
* Partials wait for nothing: their judgements are volatile, see `turn_prediction`.
* A checkpoint holds the open turns and the name of each channel's judge; its position counts the
  messages that changed the state, which is the same number in every run. A tick that changes
  nothing is acknowledged without a checkpoint.
"""

from collections import deque
from collections.abc import Sequence
from typing import Self

import msgspec

from models.text.spoken_form import spoken_form
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
from stream_app.calls.counters import CallCounters
from stream_app.calls.detect_turns.call_state import CallState
from stream_app.calls.detect_turns.endpointing import TurnConfig
from stream_app.calls.detect_turns.judgement import (
    NO_PROBABILITY,
    CallJudges,
    Judgement,
    JudgementRequest,
    JudgeRouter,
    models_used,
)
from stream_app.calls.detect_turns.lane_reader import LaneMessage, LaneReader
from stream_app.calls.detect_turns.turn_messages import complete_message
from stream_app.calls.detect_turns.turn_prediction import TurnPredictions
from stream_app.calls.detect_turns.turn_taking import TurnTaking
from stream_app.calls.detect_turns.turn_words import word_count
from stream_app.calls.effects import Commit, Effect, Emit, Infer
from stream_app.calls.ended_call import EndedCall
from stream_app.calls.language_warning import UNDETERMINED, language_warning

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
        ended: Where the call ended, None while it goes on; later messages are late.
    """

    def __init__(
        self,
        call_id: str,
        config: TurnConfig,
        *,
        state: CallState | None = None,
        router: JudgeRouter | None = None,
    ) -> None:
        self.counters = CallCounters()
        self.ended: EndedCall | None = None
        self._call_id = call_id
        self._config = config
        self._state = state or CallState()
        self._lanes = LaneReader(self.counters, self._state.next_seqs)
        self._turn_taking = TurnTaking(call_id, config, self._state)
        self._judges = CallJudges(router, self.counters, self._state.channels)
        self._predictions = TurnPredictions(config, self.counters)
        self._held: deque[tuple[LaneMessage | CallTranscribed, int]] = deque()
        self._awaiting: tuple[TranscriptFinal, int] | None = None
        self._revisions: list[Message] = []

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
            return self._predict(message, offset)
        self._held.append((message, offset))
        return self._feed_held()

    def resolve(self, result: Judgement) -> Sequence[Effect]:
        """Return the effects of a judgement."""
        if not result.request.is_final:
            if result.probability == NO_PROBABILITY:
                return []
            return self._predictions.update(self._turn_taking.known(result.request.channel), result)
        if self._awaiting is None:
            return []
        (final, offset), self._awaiting = self._awaiting, None
        self._judges.keep(self._turn_taking.channel(final), result.request.judge)
        effects = self._apply(final, offset, result.rounded)
        effects.extend(self._feed_held())
        return effects

    def _feed_held(self) -> list[Effect]:
        """Feed the messages that wait, up to the next final that the model must judge first."""
        effects: list[Effect] = []
        while self._held and self._awaiting is None:
            effects.extend(self._feed_lane(*self._held.popleft()))
        return effects

    def _feed_lane(self, message: LaneMessage | CallTranscribed, offset: int) -> Sequence[Effect]:
        if self.is_closed:
            return self._drop_late(offset)
        if isinstance(message, CallTranscribed):
            return self._close(message, offset)
        if not self._lanes.accept(message):
            return (Commit((offset,)),)
        if isinstance(message, TranscriptFinal):
            return self._feed_final(message, offset)
        if not self._turn_taking.is_relevant(message):
            return (Commit((offset,)),)
        return self._apply(message, offset)

    def _feed_final(self, final: TranscriptFinal, offset: int) -> list[Effect]:
        self._state.context = final.context
        told = self._doubt(final)
        if self._state.is_doubtful and self._config.withholds_words:
            final = msgspec.structs.replace(final, text="", words=(), revised=())
        self._revisions = self._turn_taking.revise(final)
        request = self._request(final)
        if request is None:
            return [*told, *self._apply(final, offset)]
        self._awaiting = (final, offset)
        return [*told, Infer(request, is_urgent=True, offset=offset)]

    def _doubt(self, final: TranscriptFinal) -> list[Effect]:
        """Return the warning, once a call, that its words do not look like their language."""
        heard = self._turn_taking.channel(final).heard
        heard.add(final)
        if self._state.is_doubtful or not heard.is_doubtful(self._config.doubtful_confidence):
            return []
        self._state.is_doubtful = True
        self.counters.unserved_languages += 1
        confidence, channel = round(heard.mean_confidence, 2), final.channel
        return [
            language_warning(
                UNDETERMINED,
                served=final.language,
                by="words",
                confidence=confidence,
                channel=channel,
            )
        ]

    def _request(self, final: TranscriptFinal) -> JudgementRequest | None:
        """Return the request before a final is read, None where no judge can answer it."""
        if not word_count(final):
            return None
        channel = self._turn_taking.channel(final)
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

    def _apply(
        self, message: LaneMessage, offset: int, probability: float = NO_PROBABILITY
    ) -> list[Effect]:
        if isinstance(message, SpeechActivity):
            messages = self._turn_taking.hear(message)
        else:
            messages = [*self._revisions, *self._turn_taking.read(message, probability)]
        channel = self._turn_taking.channel(message)
        withdrawn = self._predictions.review(channel, message, message.at_ms, messages)
        return [*withdrawn, *self._effects(messages, offset)]

    def _predict(self, partial: TranscriptPartial, offset: int) -> Sequence[Effect]:
        if self.is_closed:
            return self._drop_late(offset)
        channel = self._turn_taking.known(partial.channel)
        if channel is None or channel.turn is None or self._awaiting is not None:
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
        messages = self._turn_taking.close(transcribed)
        models = models_used(self._state.channels)
        complete = complete_message(transcribed, self._state.turns, models)
        if self._state.is_doubtful and not complete.summary.unserved_language:
            summary = msgspec.structs.replace(complete.summary, unserved_language=UNDETERMINED)
            complete = msgspec.structs.replace(complete, summary=summary)
        messages.append(complete)
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
