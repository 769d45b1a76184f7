"""The card of a version: what it is, how it was trained, what it reaches, what it cannot do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.analytics.evaluation.opening import ADAPTER, BASE
from training.measuring.markdown import table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from models.analytics.manifest import AnalyticsManifest
    from training.analytics.evaluation.results import Report, SetResult
    from training.analytics.learning.report import RunReport

_LIMITS = """\
- It reads words alone; errors of the recognizer cost accuracy.
- Figures on generated calls say how well the generator is learnt, not how well real calls are
  answered.
- A grammar keeps every answer valid; that says nothing of whether it is right.
- The licence of the base applies."""


def write_card(
    path: Path, manifest: AnalyticsManifest, report: RunReport, measured: Report | None
) -> None:
    """Write the card of a version."""
    path.write_text("\n".join(_lines(manifest, report, measured)) + "\n", "utf-8")


def _lines(
    manifest: AnalyticsManifest, report: RunReport, measured: Report | None
) -> Iterator[str]:
    yield f"# Call analytics: {manifest.name}"
    yield ""
    yield f"A LoRA adapter to {manifest.base}, which is fetched apart from it."
    yield ""
    yield from table(("", ""), _facts(manifest, report))
    yield ""
    yield "## Training"
    yield ""
    yield from table(
        ("step", "answer loss", "right choices"),
        (
            (
                f"{one.step:,}{' (kept)' if one.step == report.best_step else ''}",
                f"{one.loss:.4f}",
                f"{one.choice_accuracy:.1%}",
            )
            for one in report.validations
        ),
    )
    yield ""
    yield "## Figures"
    yield ""
    if measured is None:
        yield "It was exported without an evaluation."
    else:
        yield from _figures(measured)
    yield ""
    yield "## Limits"
    yield ""
    yield _LIMITS


def _figures(measured: Report) -> Iterator[str]:
    """Yield a line for each figure: of every set of calls, and of the base on the first one."""
    adapted, base = measured.models[ADAPTER].sets, measured.models.get(BASE)
    first = next(iter(adapted))
    yield f"Guide `{measured.guide}`, back-end `{measured.backend}`, begun {measured.began_at}. "
    yield "Intervals: 95 %, by the bootstrap over calls."
    yield ""
    names = list(dict.fromkeys(name for each in adapted.values() for name in each.metrics))
    sets = list(adapted.items())
    sets += [(f"the base alone, {first}", base.sets[first])] if base else []
    yield from table(
        ("figure", "target", *(f"{name} ({each.calls:,})" for name, each in sets)),
        [
            ("valid answers", "", *(str(each.valid) for _, each in sets)),
            *(
                (
                    *_title(adapted, name),
                    *(
                        str(each.metrics[name].figure) if name in each.metrics else ""
                        for _, each in sets
                    ),
                )
                for name in names
            ),
        ],
    )


def _title(sets: Mapping[str, SetResult], name: str) -> tuple[str, str]:
    """Return the title of a figure, and its target."""
    metric = next(each.metrics[name] for each in sets.values() if name in each.metrics)
    return metric.title, "" if metric.target is None else f"{metric.target:.0%}"


def _facts(manifest: AnalyticsManifest, report: RunReport) -> Iterator[tuple[str, str]]:
    lora, facts = report.recipe["lora"], report.facts
    yield (
        "base",
        f"{manifest.base} (sha256 {facts.base_sha256[:12]}), {manifest.licence or 'see it'}",
    )
    yield "adapter", f"rank {lora['rank']}, alpha {lora['alpha']:g}, {', '.join(lora['targets'])}"
    if lora["start"]:
        what = "an adapter of an earlier run; rows, steps and duration are of the last one"
        yield "begins with", what
    yield "parameters", f"{report.trainable_parameters:,} of {report.parameters:,}"
    yield "prompt and answer", f"`{manifest.prompt_form}`, `{manifest.answer_form}`"
    yield "longest call", f"{manifest.max_prompt_tokens:,} tokens, then its middle is left out"
    yield "rows", ", ".join(f"{count:,} {split}" for split, count in facts.rows.items())
    yield "steps", f"{facts.steps:,} of {facts.planned_steps:,}, ended by {report.ended}"
    yield "duration", f"{report.seconds / 3600:.2f} h on {report.device}, {report.machine}"
