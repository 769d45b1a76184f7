"""The report of an evaluation, for people: data, figures beside targets, perplexity, speed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.analytics.measures.perplexity import DOCUMENT, DOCUMENT_LOSSES
from training.measuring.markdown import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from training.analytics.evaluation.results import (
        Generations,
        MetricResult,
        ModelResult,
        Report,
        SetResult,
        Spread,
    )
    from training.analytics.measures.perplexity import Perplexities

REPORT_MD = "report.md"
_CONFUSIONS = 12
_SPEEDS = {
    "prompt_tokens": "tokens of the prompt",
    "answer_tokens": "tokens of the answer",
    "prompt_s": "seconds for the prompt",
    "answer_s": "seconds for the answer",
    "call_s": "seconds for a call",
}


def write_report_md(folder: Path, report: Report, plots: Iterable[Path]) -> Path:
    """Write the report into a folder, with links to the plots, and return its path."""
    lines = ["# Call analytics: evaluation", "", *report_lines(report), ""]
    lines += [f"![{path.stem}]({path.relative_to(folder).as_posix()})" for path in plots]
    path = folder / REPORT_MD
    path.write_text("\n".join(lines).rstrip() + "\n", "utf-8")
    return path


def report_lines(report: Report) -> Iterator[str]:
    """Yield the lines of the report, without its title."""
    yield f"Guide `{report.guide}`, back-end `{report.backend}`, begun {report.began_at}, "
    yield f"{report.seconds:.0f} s, seed {report.seed}."
    yield ""
    yield "Intervals: 95 %, by the bootstrap over calls "
    yield f"({report.resamples:,} samples); Wilson's where all or none are right."
    yield ""
    machine = ((name, what) for name, what in report.machine.items())
    yield from table(("machine", ""), machine)
    yield ""
    yield from table(
        ("data", "calls", "sources", "sha256"),
        (
            (
                name,
                f"{used.calls:,}",
                ", ".join(f"{source} {count:,}" for source, count in used.sources.items()),
                used.fingerprint[:12],
            )
            for name, used in report.data.items()
        ),
    )
    for kind, model in report.models.items():
        yield ""
        yield f"## {kind}: {model.model}"
        yield from _model(model)
    yield ""
    yield "## What is measured"
    yield ""
    yield _DEFINITIONS


def _model(model: ModelResult) -> Iterator[str]:
    for name, result in model.sets.items():
        yield ""
        yield f"### {name}: {result.calls:,} calls"
        yield ""
        yield from _set(result)
    if model.perplexity is not None:
        yield ""
        yield "### Perplexity of the targets"
        yield ""
        yield from _perplexity(model.perplexity)
    if model.generations is not None:
        yield ""
        yield "### Several answers to a call"
        yield ""
        yield from _generations(model.generations)


def _set(result: SetResult) -> Iterator[str]:
    yield f"Valid JSON: {result.valid}; the back-end failed for {result.failed:,} calls. "
    yield f"Mean of the figures with a target (`eval_score`): {result.score:.4f}."
    if result.invalid:
        reasons = (f"{count:,} times {reason}" for reason, count in result.invalid.items())
        yield f"Without an answer: {'; '.join(reasons)}."
    yield ""
    yield from metrics_table(result.metrics)
    if result.mean_errors:
        yield ""
        errors = (f"{task} {points:.1f}" for task, points in result.mean_errors.items())
        yield f"Mean distance of scores, in points: {', '.join(errors)}."
    if result.confidences:
        yield ""
        yield from table(
            ("confidences", "answers", "calibration error"),
            (
                (task, f"{each.answers:,}", f"{each.error:.3f}")
                for task, each in result.confidences.items()
            ),
        )
    wrong = [
        (task, has, given, f"{count:,}")
        for task, pairs in result.confusions.items()
        for has, given, count in sorted(pairs, key=lambda each: -each[2])
        if has != given
    ]
    if wrong:
        yield ""
        wrong.sort(key=lambda each: -int(each[3].replace(",", "")))
        yield from table(("task", "is", "was answered", "calls"), wrong[:_CONFUSIONS])
    if result.speed is not None:
        yield ""
        spreads: list[tuple[str, Spread]] = [
            (title, getattr(result.speed, name)) for name, title in _SPEEDS.items()
        ]
        yield from table(
            ("of a call", "mean", "p50", "p95"),
            (
                (title, f"{each.mean:.2f}", f"{each.p50:.2f}", f"{each.p95:.2f}")
                for title, each in spreads
            ),
        )


def metrics_table(metrics: Mapping[str, MetricResult]) -> Iterator[str]:
    """Yield the figures beside the targets and the baselines."""
    names = tuple(dict.fromkeys(name for each in metrics.values() for name in each.baselines))
    yield from table(
        ("figure", "calls", "model", "target", "documents", "reached", *names),
        (
            (
                each.title,
                f"{each.calls:,}",
                str(each.figure),
                "" if each.target is None else f"{each.target:.0%}",
                each.documents,
                "" if each.target is None else "yes" if each.is_reached else "no",
                *(str(each.baselines[name]) if name in each.baselines else "" for name in names),
            )
            for each in metrics.values()
        ),
    )


def _perplexity(found: Perplexities) -> Iterator[str]:
    answer, sampled = found.answer, found.sampled
    columns = {"all tokens of the answer": answer, "sampled tokens alone": sampled}
    yield from table(
        ("perplexity", *columns, "document"),
        [
            *(
                (
                    name,
                    *(f"{getattr(each, name):.4f}" for each in columns.values()),
                    f"{DOCUMENT[name]:.4f}",
                )
                for name in ("mean", "median", "std", "min", "max")
            ),
            ("grade", answer.grade, sampled.grade, "excellent"),
            ("loss, mean over tokens", f"{answer.loss:.4f}", f"{sampled.loss:.4f}", ""),
            (
                "`exp` of that loss",
                f"{answer.of_all_tokens:.4f}",
                f"{sampled.of_all_tokens:.4f}",
                "",
            ),
            ("tokens", f"{answer.tokens:,}", f"{sampled.tokens:,}", ""),
        ],
    )
    before, after = DOCUMENT_LOSSES
    yield ""
    yield "Of each call `exp` of the mean loss of its tokens, then over the "
    yield f"{answer.calls:,} calls. All tokens: those of the target answer and its end, none of "
    yield "the prompt. Sampled tokens: those of them where the grammar allows another one; the "
    yield "others are forced when the model serves, and are easy here. The document's model is "
    yield "another one (7B, keys in full) on other data, so its figures are no measure for these; "
    yield f"its validation loss went from {before} to {after}, and `exp({after})` is 1.307, not "
    yield f"its {DOCUMENT['mean']}: it averages over calls too, or over other tokens."


def _generations(found: Generations) -> Iterator[str]:
    yield f"{found.per_call} answers to each of {found.calls:,} calls at temperature "
    yield f"{found.temperature:g}: valid JSON {found.valid}; equal texts in {found.identical} of "
    yield "the pairs of answers to a call."
    yield ""
    yield from table(
        ("task", "pairs that say the same"),
        ((task, str(figure)) for task, figure in found.agreement.items()),
    )


_DEFINITIONS = """\
- A call without a valid answer counts everywhere, with nothing right in it.
- Scores within points, accuracies, the churn band and the effectiveness rating: of the calls whose
  target has a value; null is then wrong. Bands of churn: low to 39, medium to 69, high above.
- Null where null is right: F1 of the nulls of category, journey, action, outcome, CSAT, churn risk
  and quality.
- Coaching F1: over the faults of all calls together; a recommendation where no fault was planted
  lowers it.
- Summary slots F1: over issue, action and outcome of all calls together.
- Evidence F1: over findings; one is right if it is in the target and all turns given for it are
  turns that show it there. Whether its value is right does not matter.
- Scorecard accuracy: over questions; that one does not apply is an answer.
- Majority: the labels that are right most often in the training split, the same for every call.
- Keywords: the label whose training calls have the most similar words (TF-IDF, nearest mean), and
  the turn most similar to those that showed it."""
