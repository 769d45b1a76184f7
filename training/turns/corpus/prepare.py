"""Prepared data of a run: the files of every set, and the report about them."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from models.store.manifest import sha256_of
from training.core.errors import MissingDataError
from training.turns.corpus.audit import Audit, audit_set
from training.turns.corpus.candidates import ExampleMaker, SourceReport, find_utterances
from training.turns.corpus.data_recipe import DataRecipe, check_recipe
from training.turns.corpus.examples import Example, Split, set_path, write_examples
from training.turns.corpus.sampling import choose_sets
from training.turns.sources.readers import source_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

_FORM = 3  # version of the files; data of another one are prepared again
_REPORT = "report.json"


class SplitReport(msgspec.Struct, frozen=True):
    """One file of examples.

    Attributes:
        asked: Examples that the recipe asks for; 0 in a union.
        examples: In the file.
        complete: Of these.
        conversations: That they come from.
        sources: Examples of each source.
        roles: Examples of each role.
        mean_words: Of a text.
        sha256: Of the file.
    """

    asked: int
    examples: int
    complete: int
    conversations: int
    sources: dict[str, int]
    roles: dict[str, int]
    mean_words: float
    sha256: str


class DataReport(msgspec.Struct, frozen=True):
    """The prepared data: their sources, their sets, their leakage audit.

    Attributes:
        fingerprint: Of the recipe, the seed and the source files.
        seed: Of the run.
        sources: By name.
        sets: By set and split.
        audit: By set.
    """

    fingerprint: str
    seed: int
    sources: dict[str, SourceReport]
    sets: dict[str, dict[Split, SplitReport]]
    audit: dict[str, Audit]


def _silent(_: str) -> None:
    """Take in what is being done, and do nothing."""


def prepare(
    recipe: DataRecipe,
    data: Path,
    work: Path,
    seed: int,
    progress: Callable[[str], None] = _silent,
) -> DataReport:
    """Write the sets of a recipe below ``work/data``; the same seed writes the same bytes.

    Data that were prepared before from the same recipe, seed and source files are kept.

    Args:
        recipe: Table ``[data]`` of a run.
        data: Folder that the sources' paths are relative to.
        work: Folder of the run.
        seed: Of the run.
        progress: Is told what is being done.

    Raises:
        RecipeError: The recipe is not valid.
        MissingDataError: A source is not there, or too small for a set.
    """
    check_recipe(recipe)
    fingerprint = _fingerprint(recipe, data, seed)
    existing = _existing_report(work, fingerprint)
    if existing:
        return existing
    sources, sets = _make(recipe, data, seed, progress)
    progress("writing")
    reports = _write_sets(recipe, sets, work)
    audit = {}
    for name, by_split in sets.items():
        progress(f"audit of {name}")
        audit[name] = audit_set(by_split)
    report = DataReport(fingerprint, seed, sources, reports, audit)
    _write_report(work, report)
    return report


def read_report(work: Path) -> DataReport:
    """Return the report about the data of a run.

    Raises:
        MissingDataError: No data were prepared, or another version prepared them.
    """
    path = work / "data" / _REPORT
    try:
        return msgspec.json.decode(path.read_bytes(), type=DataReport)
    except (OSError, msgspec.DecodeError) as error:
        message = f"{path} is not a report of prepared data ({error}); prepare the data again"
        raise MissingDataError(message) from error


def _make(
    recipe: DataRecipe, data: Path, seed: int, progress: Callable[[str], None]
) -> tuple[dict[str, SourceReport], dict[str, dict[Split, list[Example]]]]:
    found, sources = find_utterances(recipe, data, seed, progress)
    progress("one-shot rule")
    maker = ExampleMaker(recipe, seed, found)
    candidates = [maker.make(one) for one in found]
    progress("drawing")
    return sources, choose_sets(recipe.sets, candidates, seed)


def _write_sets(
    recipe: DataRecipe, sets: dict[str, dict[Split, list[Example]]], work: Path
) -> dict[str, dict[Split, SplitReport]]:
    reports: dict[str, dict[Split, SplitReport]] = {}
    for name, by_split in sets.items():
        reports[name] = {}
        for split, examples in by_split.items():
            path = set_path(work, name, split)
            write_examples(path, examples)
            asked = recipe.sets[name].asked(split)
            reports[name][split] = _split_report(asked, examples, _sha256(path))
    return reports


def _split_report(asked: int, examples: Sequence[Example], sha256: str) -> SplitReport:
    words = sum(len(example.text.split()) for example in examples)
    return SplitReport(
        asked=asked,
        examples=len(examples),
        complete=sum(example.is_complete for example in examples),
        conversations=len({example.conversation for example in examples}),
        sources=_counts(example.source for example in examples),
        roles=_counts(example.role for example in examples),
        mean_words=round(words / max(1, len(examples)), 2),
        sha256=sha256,
    )


def _counts(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def _write_report(work: Path, report: DataReport) -> None:
    path = work / "data" / _REPORT
    partial = path.with_suffix(".partial")
    partial.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2))
    partial.replace(path)


def _existing_report(work: Path, fingerprint: str) -> DataReport | None:
    try:
        report = read_report(work)
    except MissingDataError:
        return None
    files = [
        (set_path(work, name, split), about.sha256)
        for name, by_split in report.sets.items()
        for split, about in by_split.items()
    ]
    is_whole = all(path.is_file() and _sha256(path) == sha256 for path, sha256 in files)
    return report if is_whole and report.fingerprint == fingerprint else None


def _fingerprint(recipe: DataRecipe, data: Path, seed: int) -> str:
    parts = [str(_FORM), str(seed), msgspec.json.encode(recipe, order="sorted").decode()]
    for source in recipe.sources.values():
        parts += [f"{path.name} {_sha256(path)}" for path in source_files(source, data)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _sha256(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}"
        raise MissingDataError(message) from error
