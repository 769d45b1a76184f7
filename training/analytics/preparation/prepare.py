"""Prepared calls of a recipe: one split by call, all forms, the manifest and the report."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from models.analytics.guide import load_guide
from models.store.manifest import sha256_of
from models.text.spoken_form import spoken_form
from training.analytics.corpus.files import write_lines
from training.analytics.corpus.manifest import MANIFEST, CorpusManifest, SourceUsed
from training.analytics.forms.files import forms_of, write_split
from training.analytics.forms.lengths import length_figures, plot_lengths
from training.analytics.forms.rows import FormWriter, Limits
from training.analytics.preparation.checks import (
    refuse_leaks,
    refuse_shared_phrasings,
    shared_turns,
)
from training.analytics.preparation.counts import count_answers
from training.analytics.preparation.report import (
    SHOWN,
    CorpusReport,
    FormReport,
    SourceReport,
    markdown,
    remark_report,
)
from training.analytics.preparation.small import small_subset
from training.analytics.sources.protocol import Found, LeftOut, Reading
from training.analytics.sources.readers import files_sha256, read_source, source_files
from training.analytics.sources.recipe import Composed
from training.core.errors import MissingDataError
from training.core.json_files import write_json
from training.core.splits import SPLITS, Split, Unsplit, assign_splits, group_together
from training.text.repeats import drop_copies, drop_near_copies

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from models.analytics.answers import AnswerForm
    from models.analytics.prompts import PromptForm
    from training.analytics.corpus.examples import Example
    from training.analytics.corpus.manifest import FileWritten
    from training.analytics.forms.rows import CallForms, Length
    from training.analytics.forms.tokens import TokenCounter
    from training.analytics.preparation.recipe import DataRecipe

DOCUMENT_FORM = "document's form"


def _silent(_: str) -> None:
    """Take in what is being done, and do nothing."""


class ModelForms(NamedTuple):
    """What the model that learns reads and writes, and how much of it."""

    prompt: PromptForm
    answer: AnswerForm
    limits: Limits


@dataclass(frozen=True)
class Order:
    """What is to be prepared, and where.

    Attributes:
        guide: What calls are asked: a guide that ships, or a path.
        seed: Of the splits, and of what is generated.
        model: What the model that learns reads and writes.
        data: The sources, and how they are divided.
        sources: Folder that the paths of sources are relative to.
        work: Folder of the run; all is written to ``data`` in it.
        small: Training calls of the small subset, which is written to ``small/data``; 0 for none.
        counter: Counts tokens.
    """

    guide: str
    seed: int
    model: ModelForms
    data: DataRecipe
    sources: Path
    work: Path
    counter: TokenCounter
    small: int = 0


def prepare(order: Order, progress: Callable[[str], None] = _silent) -> CorpusReport:
    """Write the calls of a recipe; the same files and seed give the same bytes.

    Args:
        order: What is to be prepared.
        progress: Is told what is being done.

    Raises:
        ConfigurationError: The recipe or the guide is not valid.
        MissingDataError: A source is not there, or nothing is left to learn from.
        LeakingSplitsError: A group or a phrasing is in two splits.
    """
    begun = time.monotonic()
    preparation = _Preparation(order, progress)
    examples = preparation.examples()
    progress("checks")
    refuse_leaks(examples)
    is_composed = any(isinstance(each, Composed) for each in order.data.sources.values())
    phrasings = refuse_shared_phrasings() if is_composed else 0
    progress("forms")
    data = order.work / "data"
    (data / MANIFEST).unlink(missing_ok=True)
    forms = {split: forms_of(examples[split], preparation.writer) for split in SPLITS}
    manifest = preparation.manifest(examples, _write(data, examples, forms))
    write_json(data / MANIFEST, manifest)
    write_lines(data / "left_out.jsonl", preparation.left_out)
    if order.small:
        _write_small(order, manifest, examples, forms)
    progress("report")
    report = preparation.report(examples, forms, phrasings, time.monotonic() - begun)
    write_json(data / "report.json", report)
    (data / "report.md").write_text(markdown(report), "utf-8")
    lengths = {split: [each.length for each in of_split] for split, of_split in forms.items()}
    plot_lengths(lengths, order.data.max_tokens, preparation.counter.name, data / "lengths.png")
    return report


class _Preparation:
    """The steps from the sources to the splits, with what each of them leaves out."""

    def __init__(self, order: Order, progress: Callable[[str], None]) -> None:
        self._order, self._progress = order, progress
        self._guide = load_guide(order.guide)
        self.counter = order.counter
        self.writer = FormWriter(
            self._guide, "document", "document", order.data.limits, self.counter.count
        )
        self.left_out: list[LeftOut] = []
        self._left_out: Counter[str] = Counter()
        self._read: Counter[str] = Counter()
        self._dropped: dict[str, Counter[str]] = defaultdict(Counter)
        self._remarks: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._source_of: dict[str, str] = {}

    def examples(self) -> dict[Split, list[Example]]:
        """Return the calls by split, in the order in which they were read."""
        found = self._found()
        if not found:
            raise MissingDataError(_no_calls(self.left_out))
        splits = self._divided(found)
        self._progress("copies")
        texts = {
            each.example.id: spoken_form(" ".join(turn.text for turn in each.example.turns))
            for each in found
        }
        splits = self._step("copies", splits, drop_copies(splits, texts))
        near = drop_near_copies(splits, texts, self._order.data.near_copy)
        splits = self._step("near_copies", splits, near)
        if not splits["train"]:
            raise MissingDataError("the sources leave no call to train on")
        return splits

    def manifest(
        self, examples: Mapping[Split, Sequence[Example]], files: dict[str, FileWritten]
    ) -> CorpusManifest:
        """Return what decides the calls."""
        order, used = self._order, {}
        for name, source in order.data.sources.items():
            paths = source_files(source, order.sources)
            used[name] = SourceUsed(
                kind=str(source.__struct_config__.tag),
                sha256=files_sha256(paths),
                files=0 if isinstance(source, Composed) else len(paths),
                examples=self._by_split(examples, name),
            )
        return CorpusManifest(
            guide=self._guide.versioned_name,
            seed=order.seed,
            test_share=order.data.test_share,
            validation_share=order.data.validation_share,
            near_copy=order.data.near_copy,
            sources=used,
            files=files,
        )

    def report(
        self,
        examples: Mapping[Split, Sequence[Example]],
        forms: Mapping[Split, Sequence[CallForms]],
        phrasings: int,
        seconds: float,
    ) -> CorpusReport:
        """Return what was done."""
        return CorpusReport(
            guide=self._guide.versioned_name,
            seed=self._order.seed,
            tokenizer=self.counter.name,
            sources={name: self._source(name, examples) for name in self._order.data.sources},
            examples={split: len(examples[split]) for split in SPLITS},
            groups={split: len({each.group for each in examples[split]}) for split in SPLITS},
            answers={split: count_answers(examples[split], self._guide) for split in SPLITS},
            forms=self._lengths(examples, forms),
            shared_turns=shared_turns(examples),
            phrasings=phrasings,
            remarks=tuple(
                remark_report(source, kind, texts)
                for (source, kind), texts in self._remarks.items()
            ),
            left_out=tuple(self.left_out[:SHOWN]),
            seconds=round(seconds, 1),
        )

    def _found(self) -> list[Found]:
        order, found = self._order, []
        for name, source in order.data.sources.items():
            self._progress(name)
            reading = Reading(
                name, source, order.sources, self._guide, order.data.calendar, order.seed
            )
            for each in read_source(reading):
                if isinstance(each, LeftOut):
                    self.left_out.append(each)
                    self._left_out[name] += 1
                    continue
                if each.example.id in self._source_of:
                    raise MissingDataError(f"{name} has two calls with the id {each.example.id!r}")
                self._source_of[each.example.id] = name
                self._read[name] += 1
                for remark in each.remarks:
                    self._remarks[(name, remark.kind)].append(remark.text)
                found.append(each)
        return found

    def _divided(self, found: Sequence[Found]) -> dict[Split, list[Example]]:
        def unsplit(each: Found) -> Unsplit:
            category = each.example.analysis.category
            label = category.name if category else ""
            return Unsplit(self._source_of[each.example.id], label, each.split)

        groups = group_together((each.example.group, unsplit(each)) for each in found)
        shares = dict.fromkeys(self._order.data.sources, self._order.data.shares)
        homes = assign_splits(groups, shares, self._order.seed)
        splits: dict[Split, list[Example]] = {split: [] for split in SPLITS}
        for each in found:
            splits[homes[each.example.group]].append(each.example)
        return splits

    def _step(
        self,
        reason: str,
        before: Mapping[Split, Sequence[Example]],
        after: dict[Split, list[Example]],
    ) -> dict[Split, list[Example]]:
        """Count what a step has left out, by source."""
        for split in SPLITS:
            kept = {each.id for each in after[split]}
            for each in before[split]:
                self._dropped[self._source_of[each.id]][reason] += each.id not in kept
        return after

    def _source(self, name: str, examples: Mapping[Split, Sequence[Example]]) -> SourceReport:
        kept = [each for of_split in examples.values() for each in of_split]
        return SourceReport(
            kind=str(self._order.data.sources[name].__struct_config__.tag),
            read=self._read[name],
            left_out=self._left_out[name],
            copies=self._dropped[name]["copies"],
            near_copies=self._dropped[name]["near_copies"],
            examples=self._by_split(examples, name),
            synthetic=sum(each.is_synthetic and self._source_of[each.id] == name for each in kept),
        )

    def _by_split(self, examples: Mapping[Split, Sequence[Example]], name: str) -> dict[Split, int]:
        return {
            split: sum(self._source_of[each.id] == name for each in examples[split])
            for split in SPLITS
        }

    def _lengths(
        self,
        examples: Mapping[Split, Sequence[Example]],
        forms: Mapping[Split, Sequence[CallForms]],
    ) -> dict[str, FormReport]:
        """Return the lengths in the document's form, and in that of the model that learns."""
        limits, model = self._order.data.limits, self._order.model
        of_document = {split: [each.length for each in forms[split]] for split in SPLITS}
        found = {DOCUMENT_FORM: _form_report(limits, of_document)}
        if model != ModelForms("document", "document", limits):
            writer = FormWriter(self._guide, *model, self.counter.count)
            lengths = {
                split: [writer.write(each, each.context).length for each in examples[split]]
                for split in SPLITS
            }
            name = f"recipe's form ({model.prompt}, {model.answer})"
            found[name] = _form_report(model.limits, lengths)
        return found


def _no_calls(left_out: Sequence[LeftOut]) -> str:
    if not left_out:
        return "the sources give no call: their counts are 0"
    first = left_out[0]
    return (
        f"the sources give no call; {len(left_out):,} could not be used, the first of them "
        f"{first.where}: {first.reason}"
    )


def _form_report(limits: Limits, lengths: Mapping[Split, Sequence[Length]]) -> FormReport:
    return FormReport(
        max_tokens=limits.max_tokens,
        answer_tokens=limits.answer_tokens,
        splits={split: length_figures(lengths[split], limits.max_tokens) for split in SPLITS},
    )


def _write(
    data: Path,
    examples: Mapping[Split, Sequence[Example]],
    forms: Mapping[Split, Sequence[CallForms]],
) -> dict[str, FileWritten]:
    files: dict[str, FileWritten] = {}
    for split in SPLITS:
        files |= write_split(data, split, examples[split], forms[split])
    return files


def _write_small(
    order: Order,
    manifest: CorpusManifest,
    examples: Mapping[Split, Sequence[Example]],
    forms: Mapping[Split, Sequence[CallForms]],
) -> None:
    """Write the subset beside the whole set, in the same forms."""
    places = small_subset(examples, order.small)
    data = order.work / "small" / "data"
    chosen = {split: [examples[split][place] for place in places[split]] for split in SPLITS}
    of_chosen = {split: [forms[split][place] for place in places[split]] for split in SPLITS}
    (data / MANIFEST).unlink(missing_ok=True)
    files = _write(data, chosen, of_chosen)
    whole = sha256_of(order.work / "data" / MANIFEST)
    write_json(data / MANIFEST, replace(manifest, files=files, subset_of=whole))
