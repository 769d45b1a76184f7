"""The reader of ``helpline_calls``: synthetic whole calls with spans, many of which are broken."""

from __future__ import annotations

import hashlib
import tomllib
from typing import TYPE_CHECKING

import msgspec

from training.classification.corpus.rows import Row, RowTurn
from training.classification.sources.intents import FOLDER
from training.classification.sources.labels import named_labels
from training.classification.sources.protocol import Found
from training.core.errors import RecipeError
from training.core.json_lines import read_gzip_lines
from training.text.spoken_words import split_sentences

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from training.classification.sources.protocol import Reading

RULES = FOLDER / "helpline_incidents.toml"
_SPAN = "INCIDENT_TYPE"
_SUB_CATEGORY = "sub_category"


class Span(msgspec.Struct, frozen=True):
    """A part of a call that names something, as the data set has it."""

    start: int
    end: int
    label: str


class HelplineCall(msgspec.Struct, frozen=True):
    """A call as the data set has it."""

    text: str
    entities: tuple[Span, ...]


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a span says what a call is about.

    Attributes:
        incidents: Texts of the span, in lower case.
        sub_category: Of the call.
        said: One of them must be in the text of the call, if there are any.
        unless: None of them may be.
    """

    incidents: tuple[str, ...]
    sub_category: str
    said: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()

    def fits(self, incident: str, text: str) -> bool:
        """Return whether the rule says what a call in lower case is about."""
        return (
            incident in self.incidents
            and (not self.said or any(phrase in text for phrase in self.said))
            and not any(phrase in text for phrase in self.unless)
        )


def read_helpline(reading: Reading) -> Iterator[Found]:
    """Yield the calls whose spans agree on one sub-category.

    A call is divided into sentences without speakers, since the data do not say where the speaker
    changes. It has no label for what its text does not settle: priority and intervention.

    Raises:
        RecipeError: The rules are not valid.
    """
    rules = incident_rules()
    calls = read_gzip_lines(reading.path / "calls.jsonl.gz", HelplineCall)
    for index, call in enumerate(calls):
        text = call.text
        found = sub_categories(call, rules)
        if len(found) != 1:
            continue
        (sub_category,) = found
        name = f"helpline_calls/{index:04}"
        row = Row(
            id=f"{reading.name}/{index:04}",
            source=reading.name,
            group=f"{reading.name}/{hashlib.sha256(text.encode()).hexdigest()[:16]}",
            turns=tuple(RowTurn("unknown", sentence) for sentence in split_sentences(text)),
            labels=named_labels(reading.label_set, {_SUB_CATEGORY: sub_category}, name),
            is_synthetic=True,
            provenance={"set": name, "incident": found[sub_category]},
        )
        yield Found(row)


def sub_categories(call: HelplineCall, rules: Sequence[Rule]) -> dict[str, str]:
    """Return the sub-categories that the spans of a call name, each with the text of its span.

    Spans outside the text, or cut so that no rule knows them, say nothing.
    """
    text = call.text.lower()
    found: dict[str, str] = {}
    for span in call.entities:
        if span.label != _SPAN or not 0 <= span.start < span.end <= len(call.text):
            continue
        incident = text[span.start : span.end]
        rule = next((rule for rule in rules if rule.fits(incident, text)), None)
        if rule:
            found.setdefault(rule.sub_category, incident)
    return found


def incident_rules() -> tuple[Rule, ...]:
    """Return the committed rules, the first that fits counts.

    Raises:
        RecipeError: They are not valid.
    """
    try:
        content = tomllib.loads(RULES.read_text("utf-8"))
        return msgspec.convert(content.get("rules"), tuple[Rule, ...])
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise RecipeError(f"the rules {RULES} are not valid: {error}") from error
