"""The figures of a model: of every test set, task and baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from training.analytics.measures.perplexity import Perplexities
from training.core.json_files import read_json, write_json
from training.measuring.bootstrap import Figure
from training.measuring.reliability import ReliabilityBin

if TYPE_CHECKING:
    from pathlib import Path

REPORT_JSON = "report.json"
SCORE = "eval_score"
COMMAND = "callstream train analytics-evaluate"


class MetricResult(msgspec.Struct, frozen=True, kw_only=True):
    """A metric on one set of calls.

    Attributes:
        title: For people.
        calls: That count for it.
        figure: Of the model.
        target: That is to be reached; None where there is none.
        documents: What the documents expect; empty where they say nothing.
        baselines: Likewise measured, by name.
    """

    title: str
    calls: int
    figure: Figure
    target: float | None = None
    documents: str = ""
    baselines: dict[str, Figure] = {}

    @property
    def is_reached(self) -> bool:
        """Return whether the target is reached; without one it is."""
        return self.target is None or self.figure.value >= self.target


class Confidences(msgspec.Struct, frozen=True):
    """How far the confidences of a task say how often it is right.

    Attributes:
        answers: With a known confidence.
        error: Expected calibration error.
        bins: Confidences against shares of right answers.
    """

    answers: int
    error: float
    bins: tuple[ReliabilityBin, ...]


class Spread(msgspec.Struct, frozen=True):
    """A measured quantity over calls."""

    mean: float
    p50: float
    p95: float


class Speed(msgspec.Struct, frozen=True):
    """What answers cost, over the calls that were answered.

    Attributes:
        prompt_tokens: Of a call.
        answer_tokens: Likewise.
        prompt_s: Seconds to read the prompt.
        answer_s: Seconds to write the answer.
        call_s: Both.
    """

    prompt_tokens: Spread
    answer_tokens: Spread
    prompt_s: Spread
    answer_s: Spread
    call_s: Spread


class SetResult(msgspec.Struct, frozen=True, kw_only=True):
    """A model on one set of calls.

    Attributes:
        calls: How many.
        failed: Calls for which the back-end gave no text.
        invalid: Reasons of texts that are no answer, and of failures, by how often.
        valid: Share of the calls whose text is an answer.
        score: Mean of the metrics that have a target: by it versions are compared.
        metrics: By name.
        confusions: By task: what is, what was answered, calls; null and no answer among them.
        confidences: By task.
        churn: What is, what was answered.
        mean_errors: Mean distance of scores, by task, of calls with both.
        speed: None where nothing was answered.
    """

    calls: int
    failed: int
    invalid: dict[str, int]
    valid: Figure
    score: float
    metrics: dict[str, MetricResult]
    confusions: dict[str, tuple[tuple[str, str, int], ...]] = {}
    confidences: dict[str, Confidences] = {}
    churn: tuple[tuple[int, int], ...] = ()
    mean_errors: dict[str, float] = {}
    speed: Speed | None = None


class Generations(msgspec.Struct, frozen=True, kw_only=True):
    """Several answers to the same calls at a temperature.

    Attributes:
        calls: How many.
        per_call: Answers to each.
        temperature: Of the samples.
        valid: Share of the texts that are an answer.
        agreement: By task, share of the pairs of answers to a call that say the same.
        identical: Share of the pairs whose texts are equal.
    """

    calls: int
    per_call: int
    temperature: float
    valid: Figure
    agreement: dict[str, Figure]
    identical: Figure


class ModelResult(msgspec.Struct, frozen=True, kw_only=True):
    """A model on all sets.

    Attributes:
        model: Name and version.
        sets: By name.
        perplexity: Of the targets of the first set; None where the back-end tells no losses.
        generations: Of calls of the first set; None where one answer a call was asked.
    """

    model: str
    sets: dict[str, SetResult]
    perplexity: Perplexities | None = None
    generations: Generations | None = None


class DataUsed(msgspec.Struct, frozen=True):
    """Calls that were measured, or learnt from by the baselines.

    Attributes:
        calls: How many.
        fingerprint: sha256 of their content.
        sources: Calls of each source.
    """

    calls: int
    fingerprint: str
    sources: dict[str, int]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """An evaluation.

    Attributes:
        guide: Versioned name.
        backend: That ran the models.
        began_at: ISO 8601, UTC.
        seconds: That it took.
        seed: Of the bootstrap and of samples.
        resamples: Of the bootstrap.
        machine: What it ran on.
        data: By set.
        models: By what they are: ``adapter``, ``base``.
        format: Of this file.
    """

    guide: str
    backend: str
    began_at: str
    seconds: float
    seed: int
    resamples: int
    machine: dict[str, str]
    data: dict[str, DataUsed]
    models: dict[str, ModelResult]
    format: Literal["callstream-analytics-report-1"] = "callstream-analytics-report-1"


def write_report_json(folder: Path, report: Report) -> Path:
    """Write a report into a folder in one go, and return its path."""
    write_json(folder / REPORT_JSON, report)
    return folder / REPORT_JSON


def read_report(path: Path) -> Report:
    """Return a report, by its file or its folder.

    Raises:
        MissingDataError: It is missing, or of another version.
    """
    file = path / REPORT_JSON if path.is_dir() else path
    return read_json(file, Report, what="an evaluation report", written_by=COMMAND)
