"""The exact words of a recording with their true times: what delays and errors are taken from."""

from pathlib import Path

import msgspec
import orjson

from schemas.errors import ConfigurationError


class TrueWord(msgspec.Struct, frozen=True):
    """A word and where it is spoken, in ms of the recording."""

    text: str
    start_ms: int
    end_ms: int


class TrueUtterance(msgspec.Struct, frozen=True):
    """What a channel says without a long pause."""

    channel: int
    start_ms: int
    end_ms: int
    words: tuple[TrueWord, ...]


class TrueCall(msgspec.Struct, frozen=True):
    """Everything that is said in a recording."""

    duration_ms: int
    utterances: tuple[TrueUtterance, ...]

    @property
    def channels(self) -> list[int]:
        """Channels on which something is said."""
        return sorted({utterance.channel for utterance in self.utterances})

    def words(self, channel: int) -> list[TrueWord]:
        """Return the words of a channel in order."""
        own = (one for one in self.utterances if one.channel == channel)
        return [word for one in sorted(own, key=lambda u: u.start_ms) for word in one.words]

    @property
    def speech_ms(self) -> int:
        """Duration of all utterances of all channels."""
        return sum(one.end_ms - one.start_ms for one in self.utterances)

    @property
    def speech_share(self) -> float:
        """Speech of all channels for each unit of the call's duration; overlaps count twice."""
        return self.speech_ms / self.duration_ms if self.duration_ms else 0.0


def read_true_call(recording: Path) -> TrueCall:
    """Return what is said in a recording: ``<stem>.reference.json`` or ``reference.json`` beside.

    Raises:
        ConfigurationError: It is missing or holds no word times.
    """
    own = recording.with_name(f"{recording.stem}.reference.json")
    path = own if own.is_file() else recording.with_name("reference.json")
    try:
        return msgspec.convert(orjson.loads(path.read_bytes()), TrueCall)
    except (OSError, orjson.JSONDecodeError, msgspec.ValidationError) as error:
        raise ConfigurationError(
            f"{path}: no reference with word times, so no delay can be taken ({error})"
        ) from error
