"""The report of a training: duration, memory, speed, sizes, costs and the curve of the losses."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from training.analytics.learning.answer_learner import ACCURACY, VALIDATION_LOSS
from training.core.curves import plot_curves
from training.core.json_files import write_json
from training.core.run_metrics import read_metrics

if TYPE_CHECKING:
    from pathlib import Path

    from training.analytics.learning.recipe import AnalyticsRecipe
    from training.core.loop import Progress

REPORT_NAME, MARKDOWN_NAME, CURVE_NAME = "report.json", "report.md", "curve.png"
_LIBRARIES = ("transformers", "tokenizers", "llguidance")
_HOUR_S = 3600.0
_MB = 1_000_000


class ReportedNetwork(Protocol):
    """Base and adapter, as a report counts and keeps them.

    Attributes:
        libraries: That compute, beside those of every run.
    """

    libraries: tuple[str, ...]

    def parameters(self) -> int:
        """Return the number of all parameters, those of base and adapter."""

    def trainable_parameters(self) -> int:
        """Return the number of parameters of the adapter."""

    def peak_memory(self) -> int:
        """Return the bytes that this process took at most, or those on the device."""

    def device_name(self) -> str:
        """Return where it is computed."""

    def save_adapter(self, folder: Path) -> None:
        """Write the adapter."""


class RunFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a run counted.

    Attributes:
        base_sha256: Of the base.
        fingerprint: Of everything that decides the weights.
        rows: By split.
        longest_row: In tokens.
        planned_steps: Of the whole run.
        steps: That were taken.
        tokens: Of prompts and answers that the steps read.
        step_seconds: That they took.
        validation_seconds: That validations took.
    """

    base_sha256: str
    fingerprint: str
    rows: dict[str, int]
    longest_row: int
    planned_steps: int
    steps: int
    tokens: int
    step_seconds: float
    validation_seconds: float


class Cost(msgspec.Struct, frozen=True):
    """What the run costs somewhere.

    Attributes:
        platform: Its name.
        per_hour: In US dollars.
        hours: Counted.
        is_measured: The hours are this run's; else they are the recipe's.
        dollars: The product.
    """

    platform: str
    per_hour: float
    hours: float
    is_measured: bool
    dollars: float


class ValidationRow(msgspec.Struct, frozen=True):
    """A validation.

    Attributes:
        step: After which it was.
        loss: Weighted mean over the tokens of the answers.
        choice_accuracy: Share of right choices, each after the right tokens before it.
    """

    step: int
    loss: float
    choice_accuracy: float


class RunReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a run took and made.

    Attributes:
        name: Of the adapter.
        recipe: Of the run.
        facts: What it counted.
        ended: Why it ended: ``steps``, ``patience``, or ``stopped`` by whoever finished it.
        best_step: Whose weights were kept; of equal losses the earlier.
        best: Figures of that validation.
        validations: In order; that of step 0 is of the base alone.
        seconds: Of steps and validations.
        tokens_per_second: That the steps read.
        peak_memory_bytes: Of this process, or on CUDA of the device.
        trainable_parameters: Of the adapter.
        parameters: Of base and adapter.
        adapter_bytes: Of its file.
        costs: By platform.
        device: Where it was computed.
        machine: Processor and system.
        versions: Of the libraries that decide the weights.
    """

    name: str
    recipe: dict[str, Any]
    facts: RunFacts
    ended: str
    best_step: int
    best: dict[str, float]
    validations: tuple[ValidationRow, ...]
    seconds: float
    tokens_per_second: float
    peak_memory_bytes: int
    trainable_parameters: int
    parameters: int
    adapter_bytes: int
    costs: tuple[Cost, ...]
    device: str
    machine: str
    versions: dict[str, str]


def make_report(
    recipe: AnalyticsRecipe,
    facts: RunFacts,
    network: ReportedNetwork,
    progress: Progress,
    adapter: Path,
) -> RunReport:
    """Return the report of a run whose adapter and metrics are written."""
    seconds = facts.step_seconds + facts.validation_seconds
    return RunReport(
        name=recipe.name,
        recipe=msgspec.to_builtins(recipe),
        facts=facts,
        ended=_end_of(recipe, facts, progress),
        best_step=progress.step,
        best=progress.figures,
        validations=tuple(
            ValidationRow(row["step"], row[VALIDATION_LOSS], row[ACCURACY])
            for row in read_metrics(adapter.parent)
            if VALIDATION_LOSS in row
        ),
        seconds=round(seconds, 1),
        tokens_per_second=round(facts.tokens / max(facts.step_seconds, 1e-9), 1),
        peak_memory_bytes=network.peak_memory(),
        trainable_parameters=network.trainable_parameters(),
        parameters=network.parameters(),
        adapter_bytes=sum(path.stat().st_size for path in adapter.glob("*.safetensors")),
        costs=_costs(recipe, seconds / _HOUR_S),
        device=network.device_name(),
        machine=f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}",
        versions={name: version(name) for name in (*network.libraries, *_LIBRARIES)},
    )


def _end_of(recipe: AnalyticsRecipe, facts: RunFacts, progress: Progress) -> str:
    if facts.steps >= facts.planned_steps:
        return "steps"
    return "patience" if progress.is_over(recipe.learning.patience) else "stopped"


def write_report(report: RunReport, folder: Path) -> None:
    """Write the report as JSON and Markdown, and the curve."""
    plot_curves(read_metrics(folder), folder / CURVE_NAME)
    (folder / MARKDOWN_NAME).write_text(_markdown(report), "utf-8")
    write_json(folder / REPORT_NAME, report)


def _costs(recipe: AnalyticsRecipe, hours: float) -> tuple[Cost, ...]:
    return tuple(
        Cost(
            each.platform,
            each.per_hour,
            round(each.hours or hours, 3),
            not each.hours,
            round(each.per_hour * (each.hours or hours), 2),
        )
        for each in recipe.prices
    )


def _markdown(report: RunReport) -> str:
    facts = report.facts
    share = report.trainable_parameters / report.parameters
    threads = f", {report.recipe['threads']} thread(s)" if report.device == "cpu" else ""
    figures = {
        "base": f"{report.recipe['base']['model']} (sha256 {facts.base_sha256[:12]})",
        "computed on": f"{report.device}{threads}, {report.machine}",
        "rows": ", ".join(f"{count:,} {split}" for split, count in facts.rows.items()),
        "longest row": f"{facts.longest_row:,} tokens",
        "steps": f"{facts.steps:,} of {facts.planned_steps:,}, ended by {report.ended}",
        "duration": f"{report.seconds / _HOUR_S:.2f} h, {facts.validation_seconds:,.0f} s of it "
        "in validations",
        "speed": f"{report.tokens_per_second:,.0f} tokens a second, "
        f"{facts.step_seconds / max(facts.steps, 1):.2f} s a step",
        "peak memory": f"{report.peak_memory_bytes / _MB:,.0f} MB",
        "trainable parameters": f"{report.trainable_parameters:,} of {report.parameters:,} "
        f"({share:.3%})",
        "adapter": f"{report.adapter_bytes / _MB:.2f} MB",
        "kept": f"step {report.best_step:,}; of equal losses the earlier step",
    }
    lines = [f"# Training of {report.name}", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in figures.items()]
    lines += ["", "## Validation", "", "| step | answer loss | right choices |", "|---|---|---|"]
    lines += [
        f"| {row.step:,} | {row.loss:.4f} | {row.choice_accuracy:.1%} |"
        for row in report.validations
    ]
    lines += ["", f"![losses]({CURVE_NAME})", ""]
    if report.costs:
        lines += ["## Costs", "", "| platform | $ an hour | hours | $ |", "|---|---|---|---|"]
        lines += [
            f"| {cost.platform} | {cost.per_hour:.2f} | {cost.hours:.2f} "
            f"({'measured' if cost.is_measured else 'by the recipe'}) | {cost.dollars:.2f} |"
            for cost in report.costs
        ]
    return "\n".join(lines) + "\n"
