"""Reader of own calls: a folder of transcripts and one of analyses, joined by file name."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from models.console import tracked
from training.analytics.sources.own_calls import own_call
from training.analytics.sources.protocol import LeftOut, UnusableError
from training.analytics.sources.text_files import read_object, read_text
from training.analytics.sources.transcripts import SUFFIXES, read_transcript
from training.core.errors import MissingDataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from training.analytics.sources.protocol import Found, Reading
    from training.analytics.sources.recipe import Analysed

_ANALYSES = (".json",)


def read_analysed(reading: Reading[Analysed]) -> Iterator[Found | LeftOut]:
    """Yield the calls that have a transcript and an analysis, and what had to be left out.

    Raises:
        MissingDataError: A folder is not there, or has no files.
    """
    source = reading.source
    folders = reading.data / source.transcripts, reading.data / source.analyses
    transcripts = _by_stem(folders[0], SUFFIXES)
    analyses = _by_stem(folders[1], _ANALYSES)
    for stem in tracked(sorted(transcripts.keys() | analyses.keys()), reading.name):
        yield _joined(reading, stem, transcripts.get(stem, ()), analyses.get(stem, ()))


def analysed_files(source: Analysed, data: Path) -> list[Path]:
    """Return the files of a source.

    Raises:
        MissingDataError: As of `read_analysed`.
    """
    transcripts = _by_stem(data / source.transcripts, SUFFIXES)
    analyses = _by_stem(data / source.analyses, _ANALYSES)
    return sorted(path for found in (transcripts, analyses) for ps in found.values() for path in ps)


def _joined(
    reading: Reading[Analysed], stem: str, transcripts: Sequence[Path], analyses: Sequence[Path]
) -> Found | LeftOut:
    if not analyses:
        return LeftOut(str(transcripts[0]), "it has no analysis")
    if not transcripts:
        return LeftOut(str(analyses[0]), "it has no transcript")
    where = transcripts[0]
    try:
        where = _only(transcripts)
        transcript = read_transcript(where, reading.calendar)
        where = _only(analyses)
        content = read_object(read_text(where))
        provenance = {"transcript": transcripts[0].name, "analysis": where.name}
        return own_call(reading, stem, transcript, content, provenance)
    except UnusableError as error:
        return LeftOut(str(where), str(error))


def _only(paths: Sequence[Path]) -> Path:
    """Return the one file of a name; copies of it are none of their own.

    Raises:
        UnusableError: Several files of the name differ.
    """
    first = paths[0]
    try:
        differing = [path for path in paths[1:] if path.read_bytes() != first.read_bytes()]
    except OSError as error:
        raise UnusableError(f"it cannot be read: {error.strerror}") from error
    if differing:
        raise UnusableError(f"{differing[0]} has the same name and another content: remove one")
    return first


def _by_stem(folder: Path, suffixes: Sequence[str]) -> Mapping[str, list[Path]]:
    if not folder.is_dir():
        raise MissingDataError(f"there is no folder {folder}")
    found: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.rglob("*")):
        if path.suffix.casefold() in suffixes and path.is_file():
            found[path.stem].append(path)
    if not found:
        raise MissingDataError(f"{folder} has no files that end with {' or '.join(suffixes)}")
    return found
