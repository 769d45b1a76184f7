"""The JSON file beside a recording: its context, its parties, its start, its holds and keys."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec
import orjson

from schemas.base import MAX_CALL_MS, MAX_CHANNELS, CallContext, Party
from schemas.errors import ConfigurationError

PARTIES: tuple[Party, ...] = get_args(Party)
PARTY_NAMES: dict[str, Party] = {
    "agent": "agent",
    "operator": "agent",
    "customer": "customer",
    "caller": "customer",
    "client": "customer",
    "unknown": "unknown",
}
_OWN_KEYS = frozenset(
    {"call_id", "parties", "channel_parties", "events", "attributes", "started_at"}
)
_CONTEXT_KEYS = frozenset(CallContext.__struct_fields__) - {"attributes"}
_MAX_SIDECAR_BYTES = 1_000_000
_SIMILARITY = 0.8  # of names, from which on one is taken for a misspelling of the other
_SHORTEST_BEGINNING = 4  # letters that say which name is meant
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_DAY = 106_000  # since 1970; 63 bits of nanoseconds end in 2262
_NS_PER_US = 1_000
_NO_TIME = "`started_at` must be a time such as 2026-03-01T14:05:00+01:00, or Unix seconds"
_NO_TIME_ZONE = "`started_at` has no time zone and is taken as UTC"


class TimedEvent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An event of a call beside its audio."""

    kind: Literal["held", "resumed", "dtmf"]
    at_ms: int
    channel: int = 0
    digit: str = ""

    def __post_init__(self) -> None:
        """Refuse values that no message can carry."""
        if not 0 <= self.at_ms <= MAX_CALL_MS:
            raise ValueError("`at_ms` must lie within 24 hours")
        if not 0 <= self.channel < MAX_CHANNELS:
            raise ValueError(f"`channel` must be 0 to {MAX_CHANNELS - 1}")
        if self.kind == "dtmf" and (len(self.digit) != 1 or self.digit not in "0123456789*#ABCD"):
            raise ValueError("`digit` must be one of 0-9, *, #, A-D")


class Sidecar(msgspec.Struct, frozen=True, kw_only=True):
    """The content of the file beside a recording.

    Attributes:
        call_id: Name of the call; where empty, the file name is used.
        parties: One entry for each channel; empty where they are not given.
        events: Ordered by the audio clock.
        notices: What the user should know of the file, a line each.
    """

    call_id: str = ""
    parties: tuple[Party, ...] = ()
    context: CallContext = CallContext()
    events: tuple[TimedEvent, ...] = ()
    notices: tuple[str, ...] = ()


def read_sidecar(path: Path) -> Sidecar:
    """Return the content of ``path``; unknown keys become attributes of the context.

    A key that looks like a misspelt one is an attribute too, with a notice.

    Raises:
        ConfigurationError: Not JSON, or a value of a wrong type; the message names the file.
    """
    try:
        if path.stat().st_size > _MAX_SIDECAR_BYTES:
            raise ConfigurationError(f"{path}: too large for the context of a call")
        content = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise ConfigurationError(f"{path}: not a JSON file ({error})") from error
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path}: must hold a JSON object")
    try:
        sidecar = _parse(content)
    except (msgspec.ValidationError, ConfigurationError) as error:
        raise ConfigurationError(f"{path}: {error}") from error
    notices = tuple(f"{path}: {notice}" for notice in sidecar.notices)
    return msgspec.structs.replace(sidecar, notices=notices)


def parse_parties(text: str) -> tuple[Party, ...]:
    """Return the parties named in ``agent,customer``, in the order of the channels.

    Raises:
        ConfigurationError: A name that is not a party.
    """
    return _parties(text.split(","))


def _parties(names: list[str]) -> tuple[Party, ...]:
    lowered = [name.strip().lower() for name in names]
    for name in lowered:
        if name not in PARTY_NAMES:
            raise ConfigurationError(
                f"'{name}' is not a party; use {', '.join(PARTIES)}, one for each channel"
            )
    return tuple(PARTY_NAMES[name] for name in lowered)


def _parse(content: dict[str, Any]) -> Sidecar:
    known = {key: content[key] for key in _CONTEXT_KEYS & content.keys()}
    others = {key: content[key] for key in content.keys() - _CONTEXT_KEYS - _OWN_KEYS}
    notices = _misspellings(sorted(others), _CONTEXT_KEYS | _OWN_KEYS)
    attributes = msgspec.convert(content.get("attributes", {}), dict[str, Any])
    known["attributes"] = {
        key: _as_text(value) for key, value in sorted({**others, **attributes}.items())
    }
    if "started_at" in content:
        known["started_at_ns"], doubts = _started_at(content)
        notices += doubts
    parties = content.get("parties", content.get("channel_parties", []))
    events = [_event(number, event) for number, event in enumerate(_list(content, "events"))]
    return Sidecar(
        call_id=msgspec.convert(content.get("call_id", ""), str),
        parties=_parties(msgspec.convert(parties, list[str])),
        context=msgspec.convert(known, CallContext),
        events=tuple(sorted(events, key=lambda event: event.at_ms)),
        notices=notices,
    )


def _list(content: dict[str, Any], key: str) -> list[Any]:
    return msgspec.convert(content.get(key, []), list[Any])


def _event(number: int, content: object) -> TimedEvent:
    fields = TimedEvent.__struct_fields__
    where = f"event {number + 1}"
    for key in content if isinstance(content, dict) else ():
        if key not in fields:
            hint = _meant(key, fields) or f"an event has {', '.join(fields)}"
            raise ConfigurationError(f"{where}: unknown field '{key}'; {hint}")
    try:
        return msgspec.convert(content, TimedEvent)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{where}: {error}") from error


def _started_at(content: dict[str, Any]) -> tuple[int, tuple[str, ...]]:
    """Return the wall clock (Unix, ns) of the first audio, and what is doubtful about it."""
    if "started_at_ns" in content:
        raise ConfigurationError("has `started_at` and `started_at_ns`; give one of them")
    try:
        moment = _moment(content["started_at"])
        doubts = (_NO_TIME_ZONE,) if moment.tzinfo is None else ()
        since_epoch = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
    except (ValueError, OverflowError, msgspec.ValidationError) as error:
        raise ConfigurationError(_NO_TIME) from error
    if not 0 <= since_epoch.days < _LATEST_DAY:
        raise ConfigurationError(_NO_TIME)
    return since_epoch // timedelta(microseconds=1) * _NS_PER_US, doubts


def _moment(value: object) -> datetime:
    if isinstance(value, str):
        return datetime.fromisoformat(value)
    return _EPOCH + timedelta(seconds=msgspec.convert(value, float))


def _misspellings(keys: list[str], known: Collection[str]) -> tuple[str, ...]:
    hints = {key: _meant(key, known) for key in keys}
    return tuple(
        f"unknown field '{key}' is kept as an attribute; {hint}"
        for key, hint in hints.items()
        if hint
    )


def _meant(key: str, known: Collection[str]) -> str:
    """Return which of the known names ``key`` may stand for, as a question, or nothing."""
    plain = _plain(key)
    for name in sorted(known):
        is_beginning = len(plain) >= _SHORTEST_BEGINNING and _plain(name).startswith(plain)
        if _plain(name) == plain or is_beginning:
            return f"did you mean '{name}'?"
    close = get_close_matches(key.lower(), sorted(known), n=1, cutoff=_SIMILARITY)
    return f"did you mean '{close[0]}'?" if close else ""


def _plain(name: str) -> str:
    """Return ``name`` as it is in each way of writing it: started_at, startedAt, started-at."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
