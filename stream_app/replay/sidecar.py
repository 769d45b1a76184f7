"""The JSON file beside a recording: its context, its parties, its holds and keys."""

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
_OWN_KEYS = frozenset({"call_id", "parties", "channel_parties", "events", "attributes"})
_CONTEXT_KEYS = frozenset(CallContext.__struct_fields__) - {"attributes"}
_MAX_SIDECAR_BYTES = 1_000_000


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
    """

    call_id: str = ""
    parties: tuple[Party, ...] = ()
    context: CallContext = CallContext()
    events: tuple[TimedEvent, ...] = ()


def read_sidecar(path: Path) -> Sidecar:
    """Return the content of ``path``; unknown keys become attributes of the context.

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
        return _parse(content)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{path}: {error}") from error


def parse_parties(text: str) -> tuple[Party, ...]:
    """Return the parties named in ``agent,customer``, in the order of the channels.

    Raises:
        ConfigurationError: A name that is not a party.
    """
    names = [name.strip().lower() for name in text.split(",")]
    for name in names:
        if name not in PARTY_NAMES:
            raise ConfigurationError(
                f"'{name}' is not a party; use {', '.join(PARTIES)}, one for each channel"
            )
    return tuple(PARTY_NAMES[name] for name in names)


def _parse(content: dict[str, Any]) -> Sidecar:
    known = {key: content[key] for key in _CONTEXT_KEYS & content.keys()}
    others = {key: content[key] for key in content.keys() - _CONTEXT_KEYS - _OWN_KEYS}
    attributes = msgspec.convert(content.get("attributes", {}), dict[str, Any])
    known["attributes"] = {
        key: _as_text(value) for key, value in sorted({**others, **attributes}.items())
    }
    events = msgspec.convert(content.get("events", []), list[TimedEvent])
    return Sidecar(
        call_id=msgspec.convert(content.get("call_id", ""), str),
        parties=msgspec.convert(
            content.get("parties", content.get("channel_parties", ())), tuple[Party, ...]
        ),
        context=msgspec.convert(known, CallContext),
        events=tuple(sorted(events, key=lambda event: event.at_ms)),
    )


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
