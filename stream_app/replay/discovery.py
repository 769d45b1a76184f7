"""The recorded calls in files and folders, and the files that belong to each."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from schemas.base import Party
from stream_app.replay.formats.suffixes import AUDIO_SUFFIXES, UNNAMED_RAW_SUFFIXES
from stream_app.replay.sidecar import PARTY_NAMES

_ROLES = "|".join(name for name in PARTY_NAMES if name != "unknown")
_ROLE_SUFFIX = re.compile(rf"(?P<call>.+)[_.-](?P<role>{_ROLES})", re.IGNORECASE)
_SIDES: tuple[Party, ...] = ("agent", "customer")  # of a call in two files
_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Recording:
    """The files of one call.

    Attributes:
        name: Safe in a call id; two recordings may share it.
        files: One file with all channels, or one for each channel.
        parties: Of the channels, from the file names; empty where they name none.
        sidecar: The JSON file beside it, if there is one.
    """

    name: str
    files: tuple[Path, ...]
    parties: tuple[Party, ...] = ()
    sidecar: Path | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    """The recordings that were found, and notices for the user."""

    recordings: tuple[Recording, ...]
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Candidate:
    path: Path
    name: str  # with the folders below the one that was given
    role: Party | None


def find_recordings(paths: Iterable[Path], *, extra_suffixes: frozenset[str]) -> Findings:
    """Return the calls in ``paths``, files and folders alike, in a stable order.

    Args:
        paths: A file is always taken; of a folder, all files with a suffix of audio are.
        extra_suffixes: Further suffixes, lower case, that count as audio in folders.
    """
    candidates: list[_Candidate] = []
    notices: list[str] = []
    for path in paths:
        if path.is_dir():
            found, skipped = _scan(path, AUDIO_SUFFIXES | extra_suffixes)
            candidates += found
            notices += skipped
        else:
            candidates.append(_candidate(path, path.parent))
    return Findings(tuple(_group(candidates)), tuple(notices))


def paired(agent_or_first: Path, second: Path) -> Recording:
    """Return two one-channel files as one call: the agent's, then the customer's."""
    first = _candidate(agent_or_first, agent_or_first.parent)
    files = (agent_or_first, second)
    return Recording(safe_name(first.name), files, _SIDES, _sidecar(first.name, files))


def _scan(folder: Path, suffixes: frozenset[str]) -> tuple[list[_Candidate], list[str]]:
    visible = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    audio = [path for path in visible if path.suffix.lower() in suffixes]
    others = [path for path in visible if path.suffix.lower() not in suffixes | {".json"}]
    notices = []
    if others:
        kinds = Counter(path.suffix.lower() or "no suffix" for path in others)
        listed = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        notices.append(f"{folder}: skipped what is not audio ({listed})")
        nameless = sorted(UNNAMED_RAW_SUFFIXES & kinds.keys())
        if nameless:
            names = ", ".join(nameless)
            notices.append(f"{folder}: {names} may be audio; --raw-encoding says how to read it")
    if not audio:
        notices.append(f"{folder}: no audio files in it")
    return [_candidate(path, folder) for path in audio], notices


def _candidate(path: Path, root: Path) -> _Candidate:
    stem = path.relative_to(root).with_suffix("").as_posix()
    match = _ROLE_SUFFIX.fullmatch(stem)
    if match is None:
        return _Candidate(path, stem, None)
    return _Candidate(path, match["call"], PARTY_NAMES[match["role"].lower()])


def _group(candidates: list[_Candidate]) -> list[Recording]:
    """Return a recording for each call: the files of an agent and a customer belong together."""
    by_call: dict[tuple[Path, str], list[_Candidate]] = {}
    for candidate in candidates:
        by_call.setdefault((candidate.path.parent, candidate.name), []).append(candidate)
    recordings: list[Recording] = []
    for members in by_call.values():
        sides = {member.role: member for member in members if member.role is not None}
        if len(members) == len(sides) == len(_SIDES):
            recordings.append(_recording(tuple(sides[side] for side in _SIDES)))
        else:
            recordings += [_recording((member,)) for member in members]
    return recordings


def _recording(members: tuple[_Candidate, ...]) -> Recording:
    files = tuple(member.path for member in members)
    parties = tuple(member.role for member in members if member.role is not None)
    name = members[0].name
    return Recording(safe_name(name), files, parties, _sidecar(name, files))


def _sidecar(name: str, files: tuple[Path, ...]) -> Path | None:
    beside = [files[0].with_name(f"{Path(name).name}.json")]
    beside += [path.with_suffix(".json") for path in files]
    return next((path for path in beside if path.is_file()), None)


def safe_name(name: str) -> str:
    """Return ``name`` with a dash for each character that a call id cannot have."""
    return _NOT_IN_IDS.sub("-", name).strip("-") or "call"
