"""The report of an evaluation, as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.classification.evaluation.abstention import NONE
from training.classification.evaluation.results import worst_labels
from training.measuring.markdown import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from models.classification.readings import Reading
    from training.classification.evaluation.calibration import Calibration
    from training.classification.evaluation.results import Evaluation, SplitResult

REPORT_NAME = "report.md"
_WORST = 12
_CONFUSIONS = 12


def write_report(folder: Path, evaluation: Evaluation, plots: Iterable[Path]) -> None:
    """Write the report into a folder, with links to the plots."""
    lines = [f"# {evaluation.model}: figures", "", *report_lines(evaluation), ""]
    lines += [f"![{path.stem}]({path.relative_to(folder).as_posix()})" for path in plots]
    (folder / REPORT_NAME).write_text("\n".join(lines) + "\n", "utf-8")


def report_lines(evaluation: Evaluation) -> Iterator[str]:
    """Yield the lines of the report, without its title."""
    yield f"Label set `{evaluation.label_set}`, measured as {evaluation.form}. Intervals: 95 %, by "
    yield "the bootstrap over groups of rows."
    yield ""
    yield from _calibration(evaluation)
    for split in evaluation.splits.values():
        yield ""
        yield from _split(split)


def _readings(found: Calibration) -> Iterator[str]:
    if not found.readings:
        return
    yield "Calls are read in further ways; the answers are averaged, that in windows of the whole"
    yield "call with the weight 1:"
    yield ""
    for reading in found.readings:
        turns = f"the turns of all but {' and '.join(reading.skips)}, " if reading.skips else ""
        tasks = f", for {', '.join(reading.tasks)}" if reading.tasks else ""
        yield (
            f"- {_whose_length(reading)}: {turns}in windows of {reading.max_tokens} tokens that "
            f"share {reading.overlap_tokens}, weight {reading.weight:g}{tasks}"
        )
    yield ""


def _whose_length(reading: Reading) -> str:
    least, most = reading.min_call_tokens, reading.max_call_tokens
    if not most:
        return f"calls of {least:,} tokens or more" if least else "all calls"
    return f"calls of {least:,} to {most:,} tokens" if least else f"calls of up to {most:,} tokens"


def _calibration(evaluation: Evaluation) -> Iterator[str]:
    found = evaluation.calibration
    if found.trials:
        trials = ", ".join(f"{name} {value:.2%}" for name, value in found.trials.items())
        yield f"Windows of a call, mean accuracy on the validation set: {trials}; "
        yield f"`{found.aggregation}` is used, with {found.overlap_tokens} tokens of overlap."
        yield ""
    yield from _readings(found)
    head: tuple[str, ...] = ("task", "temperature")
    if found.errors:
        head += ("calibration error before", "after")
    yield from table(
        head,
        (
            (task, f"{temperature:.3f}", *(f"{each:.3f}" for each in found.errors.get(task, ())))
            for task, temperature in found.temperatures.items()
        ),
    )
    yield ""
    for task, labels in found.given_from.items():
        for label, least in labels.items():
            yield f"A call is given {label} ({task}) from a probability of {least:.4f}: the"
            yield "recipe wants a recall, and the validation set decides what that takes."
            yield ""
    if evaluation.abstention == NONE:
        yield "No threshold for abstention makes the first task as accurate as wanted."
    elif evaluation.abstention == 0:
        yield "The answers to the first task are as accurate as the recipe wants, however unsure."
    else:
        yield (
            f"From a confidence of {evaluation.abstention:.2f} the answers to the first task are "
            "as accurate on the validation set as the recipe wants."
        )


def _split(split: SplitResult) -> Iterator[str]:
    yield f"## {split.split}: {split.rows:,} calls, {split.long_calls:,} of several windows"
    yield ""
    yield f"Mean accuracy of the tasks: {split.avg_acc}."
    yield ""
    yield from _tasks(split)
    if split.targets:
        yield ""
        alone = split.targets_without_rules
        yield from table(
            ("target", "reached", *(("without the rules",) if alone else ())),
            (
                (name, str(each), *((str(alone[name]),) if name in alone else ()))
                for name, each in split.targets.items()
            ),
        )
    for title, parts in (("written or generated", split.parts), ("source", split.sources)):
        yield ""
        yield from table(
            (title, "calls", "accuracy", "macro F1"),
            (
                (
                    name,
                    f"{part.rows:,}",
                    "; ".join(f"{task} {each}" for task, each in part.accuracy.items()),
                    "; ".join(f"{task} {each.value:.3f}" for task, each in part.macro_f1.items()),
                )
                for name, part in parts.items()
            ),
        )
    for name, task in split.tasks.items():
        yield ""
        yield f"### {name}"
        yield ""
        yield from table(
            ("label (lowest F1 first)", "precision", "recall", "F1", "calls"),
            (
                (
                    each.label,
                    f"{each.precision:.1%}",
                    f"{each.recall:.1%}",
                    f"{each.f1:.3f}",
                    f"{each.has:,}",
                )
                for each in worst_labels(task.figures, _WORST)
            ),
        )
        if task.confusions:
            yield ""
            yield from table(
                ("is", "was answered", "calls"),
                ((has, given, f"{count:,}") for has, given, count in task.confusions[:_CONFUSIONS]),
            )


def _tasks(split: SplitResult) -> Iterator[str]:
    kinds = tuple(split.baselines)
    yield from table(
        (
            *("task", "calls", "accuracy", "micro F1", "macro F1", "weighted F1"),
            *("macro P / R", "calibration error", *(f"keywords: {kind}" for kind in kinds)),
        ),
        (
            (
                name,
                f"{task.figures.rows:,}",
                str(task.figures.accuracy),
                str(task.figures.micro_f1),
                str(task.figures.macro_f1),
                str(task.figures.weighted_f1),
                f"{task.figures.macro_precision:.1%} / {task.figures.macro_recall:.1%}",
                f"{task.calibration_error:.3f}",
                *(
                    f"{split.baselines[kind][name]:.1%}" if name in split.baselines[kind] else ""
                    for kind in kinds
                ),
            )
            for name, task in split.tasks.items()
        ),
    )
