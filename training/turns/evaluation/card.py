"""The model card: a README in each model's folder, written from its record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.turns.evaluation.summary import SUSPICIOUS_ACCURACY, published_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from training.turns.evaluation.measures import SetResult
    from training.turns.evaluation.record import TrainingRecord

_LIMITS = """\
- It judges words alone: it hears neither tone nor pauses. The live path adds silence and activity.
- Labels come from cutting utterances at word borders, so an "incomplete" example may by chance be
  a whole sentence, and a "complete" one a turn that went on: no model reaches 100 % honestly.
- Written and transcribed conversations stand in for recognized speech; recognition errors,
  hesitations and other languages than those above will cost accuracy.
- The licences of the training data and of the base apply; the figures of the reference document
  are on its own data, so that they show the order of size and are no ranking."""


def write_card(folder: Path, record: TrainingRecord) -> None:
    """Put the card of a model into its folder."""
    (folder / "README.md").write_text("\n".join(_lines(record)) + "\n", "utf-8")


def _lines(record: TrainingRecord) -> Iterator[str]:
    yield f"# Turn detection: {record.model}"
    yield ""
    yield "Whether what a speaker said so far is a whole utterance: label 1 complete, 0 incomplete."
    yield ""
    yield from _table(("", ""), _facts(record))
    yield ""
    yield "## Data"
    yield ""
    yield from _table(
        ("split", "examples", "complete", "conversations", "sources"),
        (
            (
                split,
                f"{about.examples:,}",
                f"{about.complete:,}",
                f"{about.conversations:,}",
                ", ".join(f"{name} {count:,}" for name, count in about.sources.items()),
            )
            for split, about in record.data.items()
        ),
    )
    yield ""
    yield "Each utterance appears once, whole or cut, never both; a conversation is in one split."
    yield from _baselines(record)
    yield ""
    yield "## Training"
    yield ""
    yield from _table(
        ("epoch", "training loss", "validation loss", "validation accuracy"),
        (
            (
                f"{one.epoch}{' (kept)' if one.epoch == record.outcome.best_epoch else ''}",
                f"{one.train_loss:.4f}",
                f"{one.validation_loss:.4f}",
                f"{one.validation_accuracy:.2%}",
            )
            for one in record.outcome.epochs
        ),
    )
    yield from _figures(record)
    yield ""
    yield "## Limits"
    yield ""
    yield _LIMITS


def _facts(record: TrainingRecord) -> Iterator[tuple[str, str]]:
    base, settings = record.base, record.settings
    cuts = [
        f"{count:,} {what}"
        for count, what in (
            (base.layers, "layers"),
            (base.vocabulary, "word pieces"),
            (base.positions, "positions"),
        )
        if count
    ]
    yield "base", base.model + (f", cut to {', '.join(cuts)}" if cuts else "")
    if record.encoder_of != record.model:
        yield "encoder", f"that of `{record.encoder_of}`, unchanged; the head is its own"
    yield "parameters", f"{record.parameters:,}"
    form = "as the recognizer writes: no capitals, no punctuation"
    yield "text", form if record.text_form == "spoken" else "with capitals and punctuation"
    yield (
        "length",
        f"{record.max_tokens} tokens, the tail of longer texts; padding {record.padding}",
    )
    yield "languages", ", ".join(record.languages)
    yield (
        "recipe",
        (
            f"`{record.experiment}`, set `{record.set}`, seed {record.seed}, "
            f"{settings.epochs} epochs, batch {settings.batch}, "
            f"learning rate {settings.learning_rate:g}"
        ),
    )
    if record.temperature != 1.0:
        yield "calibration", f"logits divided by {record.temperature:.3f}, from the validation set"
    yield "versions", ", ".join(f"{name} {which}" for name, which in record.versions.items())


def _baselines(record: TrainingRecord) -> Iterator[str]:
    if record.audit is None:
        return
    known = record.audit.baselines
    yield ""
    yield (
        f"What needs no model reaches on its test split: the last word {known.last_word:.1%}, the "
        f"last two words {known.last_two_words:.1%}, the length {known.length:.1%}, the last "
        f"character {known.last_character:.1%}; with punctuation left in, the last character alone "
        f"{known.last_written_character:.1%}. That is why punctuation is taken out."
    )


def _figures(record: TrainingRecord) -> Iterator[str]:
    if not record.measured:
        return
    yield ""
    yield "## Figures"
    yield ""
    header = (
        *("test set", "examples", "accuracy", "95 %", "interrupts", "waits"),
        *("precision", "recall", "F1", "AUC", "reference"),
    )
    yield from _table(header, (_figure_row(record, one) for one in record.measured))
    yield ""
    yield (
        f"At the threshold {record.measured[0].threshold:g}. Interrupts: incomplete utterances "
        "judged complete. Waits: complete ones judged incomplete. Reference: accuracy of the "
        "reference document, on its own data."
    )
    if record.before:
        yield ""
        found = ", ".join(f"{one.accuracy:.2%} on {one.set}" for one in record.before)
        yield f"The weights that it started from reach {found}."
    own = record.on(record.set) or record.measured[0]
    yield ""
    unlike = own.unlike_training
    if unlike is not None and unlike.examples:
        yield (
            f"On the {unlike.examples:,} examples of `{own.set}` that resemble no training example "
            f"(no eight words in a row, no near duplicate): {unlike.accuracy:.2%}."
        )
        yield ""
    sources = ((name, f"{s.examples:,}", f"{s.accuracy:.2%}") for name, s in own.sources.items())
    yield from _table((f"source in {own.set}", "examples", "accuracy"), sources)
    yield from _suspicion(record)


def _figure_row(record: TrainingRecord, one: SetResult) -> tuple[str, ...]:
    published = published_for(record, one.set)
    bounds = one.overall.interval
    return (
        one.set,
        f"{one.overall.examples:,}",
        f"{one.accuracy:.2%}",
        f"{bounds.low:.1%} - {bounds.high:.1%}",
        f"{one.false_interrupts:,}",
        f"{one.false_waits:,}",
        f"{one.precision:.3f}",
        f"{one.recall:.3f}",
        f"{one.f1:.3f}",
        "" if one.auc is None else f"{one.auc:.3f}",
        "" if published is None else f"{published.accuracy:.1%}",
    )


def _suspicion(record: TrainingRecord) -> Iterator[str]:
    too_good = [one.set for one in record.measured if one.accuracy > SUSPICIOUS_ACCURACY]
    if not too_good or record.audit is None:
        return
    repeats = record.audit.test
    yield ""
    yield (
        f"Above {SUSPICIOUS_ACCURACY:.0%} on {', '.join(too_good)}, so look for leaks: "
        f"{repeats.conversations} conversations of the test split are also in the train split, "
        f"{repeats.same_text:.2%} of its texts are repeated there, {repeats.near_duplicates:.2%} "
        f"nearly so, {repeats.shared_run:.2%} of its longer texts share eight words in a row."
    )


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield "| " + " | ".join(header) + " |"
    yield "|" + "---|" * len(header)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
