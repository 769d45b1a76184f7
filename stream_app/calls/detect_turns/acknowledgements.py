"""Short turns of a listener: whether they take the turn, and how long that is left open.

* An acknowledgement is a backchannel if the other party speaks before and after it within one
  turn. It is one too if the other's turn was open when it began and ended meanwhile, the other goes
  on soon, and neither a question stood before it nor does it answer one.
* A remark is a backchannel if the other party speaks on while it is said.
* An acknowledgement in a pause waits ``resume_ms`` for the other party to go on before it is
  decided, so that the answer is the same whether the other goes on early or late in that time.
* The other's turn, if its text is not complete, does not end by silence while short speech that
  began in the pause has no words yet, and its silence counts from the end of an acknowledgement.
"""

from collections.abc import Iterable

from stream_app.calls.detect_turns.backchannels import BackchannelWords, Weight, may_answer
from stream_app.calls.detect_turns.endpointing import TurnConfig
from stream_app.calls.detect_turns.turn_state import NEVER_MS, ChannelTurns, OpenTurn


class Acknowledgements:
    """The rules of the module.

    Args:
        config: What counts as an acknowledgement.
    """

    def __init__(self, config: TurnConfig) -> None:
        self._config = config
        self._words = BackchannelWords(config.backchannels, config.remark_words)

    def weight(self, turn: OpenTurn, at_ms: int) -> Weight:
        """Return what a turn with words, as known at ``at_ms``, does to that of another party."""
        is_short = turn.speech_ms(at_ms) <= self._config.backchannel_ms
        return self._words.weight(turn.text) if is_short else "claim"

    def is_backchannel(self, turn: OpenTurn, others: Iterable[ChannelTurns]) -> bool:
        """Return whether a turn that ends has not taken the turn of any of ``others``."""
        weight = self.weight(turn, turn.end_ms)
        if weight == "claim":
            return False
        if weight == "remark":
            return any(other.speaks_through(turn) for other in others)
        return any(other.speaks_around(turn) or self._goes_on(other, turn) for other in others)

    def is_undecided(self, turn: OpenTurn, others: Iterable[ChannelTurns], at_ms: int) -> bool:
        """Return whether an acknowledgement in a pause may yet turn out to be a backchannel."""
        if at_ms - turn.end_ms >= self._config.resume_ms:
            return False
        if self.weight(turn, turn.end_ms) != "acknowledgement":
            return False
        return any(
            other.speaking is None and (_is_within(other.turn, turn) or _is_behind(other, turn))
            for other in others
        )

    def silent_from_ms(self, turn: OpenTurn, others: Iterable[ChannelTurns], at_ms: int) -> int:
        """Return from when the silence of an open turn counts, ``at_ms`` while it does not.

        Args:
            turn: Silent, its text not complete.
            others: The other channels.
            at_ms: Audio clock.
        """
        since_ms = turn.end_ms
        for other in others:
            reply = other.turn
            if reply is None or not turn.end_ms <= reply.start_ms:
                continue
            if reply.is_published:
                is_taken = self.weight(reply, at_ms) != "acknowledgement"
            else:
                is_taken = reply.speech_ms(at_ms) > self._config.reply_ms
            if not is_taken:
                is_heard = reply.is_published and not reply.is_speaking
                since_ms = max(since_ms, reply.end_ms if is_heard else at_ms)
        return since_ms

    def _goes_on(self, other: ChannelTurns, turn: OpenTurn) -> bool:
        """Return whether another party whose turn ended meanwhile has begun its next one."""
        following = other.turn
        if following is None or not _is_behind(other, turn):
            return False
        return 0 <= following.start_ms - turn.end_ms < self._config.resume_ms


def _is_within(open_turn: OpenTurn | None, turn: OpenTurn) -> bool:
    """Return whether a turn began in a pause of another that is still open."""
    return open_turn is not None and NEVER_MS < open_turn.end_ms <= turn.start_ms


def _is_behind(other: ChannelTurns, turn: OpenTurn) -> bool:
    """Return whether a turn began in the silence that ended another party's last statement."""
    is_in_silence = other.last_end_ms <= turn.start_ms < other.last_ended_at_ms
    return is_in_silence and not other.last_is_question and not may_answer(turn.text)
