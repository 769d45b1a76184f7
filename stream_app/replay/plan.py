"""Calls to replay, made of recordings: ids, parties, context."""

import hashlib
import re
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass

from schemas.base import MAX_CALL_ID, RUN_SEPARATOR, Party
from schemas.errors import CallstreamError, ConfigurationError
from stream_app.replay.discovery import Recording, safe_name
from stream_app.replay.sidecar import Sidecar, read_sidecar

_RUN = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LONGEST_NAME = MAX_CALL_ID - 96  # leaves room for the run and the number of a copy
_DIGEST_BYTES = 4


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """A call that will be replayed.

    Attributes:
        parties: One for each channel where they were named, else empty.
        problem: Why it cannot be replayed; empty if it can.
    """

    call_id: str
    recording: Recording
    sidecar: Sidecar
    parties: tuple[Party, ...]
    problem: str = ""


def mint_run() -> str:
    """Return a new run id; later ones sort after earlier ones."""
    return time.strftime("%Y%m%dT%H%M%S", time.gmtime()) + "-" + secrets.token_hex(2)


def check_run(run: str) -> str:
    """Return ``run`` if it can be part of a call id.

    Raises:
        ConfigurationError: It cannot.
    """
    if not _RUN.fullmatch(run):
        raise ConfigurationError(
            f"'{run}' cannot be a run id: use up to 64 letters, digits, dots, dashes, underscores"
        )
    return run


def plan_calls(
    recordings: Iterable[Recording], *, run: str, copies: int = 1, parties: tuple[Party, ...] = ()
) -> list[PlannedCall]:
    """Return the calls of ``recordings``: every copy is a run of its own.

    Args:
        recordings: To replay.
        run: Appended to the name of each call; copies get ``<run>-1``, ``<run>-2`` ..
        copies: How many calls to make of each recording.
        parties: One for each channel; they override those of files and names.
    """
    taken: set[str] = set()
    singles = [_plan(recording, parties, taken) for recording in recordings]
    if copies == 1:
        return [_in_run(call, run) for call in singles]
    return [_in_run(call, f"{run}-{copy}") for copy in range(1, copies + 1) for call in singles]


def _plan(recording: Recording, parties: tuple[Party, ...], taken: set[str]) -> PlannedCall:
    sidecar, problem = Sidecar(), ""
    if recording.sidecar is not None:
        try:
            sidecar = read_sidecar(recording.sidecar)
        except CallstreamError as error:
            problem = str(error)
    name = _shortened(safe_name(sidecar.call_id) if sidecar.call_id else recording.name)
    return PlannedCall(
        call_id=_untaken(name, taken),
        recording=recording,
        sidecar=sidecar,
        parties=parties or sidecar.parties or recording.parties,
        problem=problem,
    )


def _in_run(call: PlannedCall, run: str) -> PlannedCall:
    return PlannedCall(
        call_id=f"{call.call_id}{RUN_SEPARATOR}{run}",
        recording=call.recording,
        sidecar=call.sidecar,
        parties=call.parties,
        problem=call.problem,
    )


def _shortened(name: str) -> str:
    """Return a name that fits into a call id; a long one ends in its digest."""
    if len(name) <= _LONGEST_NAME:
        return name
    digest = hashlib.blake2b(name.encode(), digest_size=_DIGEST_BYTES).hexdigest()
    return f"{name[: _LONGEST_NAME - len(digest) - 1]}.{digest}"


def _untaken(name: str, taken: set[str]) -> str:
    free, count = name, 1
    while free in taken:
        count += 1
        free = f"{name}.{count}"
    taken.add(free)
    return free
