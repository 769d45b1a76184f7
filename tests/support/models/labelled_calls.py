"""Small labelled data sets in the form of the real ones, for the label set contact-centre."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from tests.support.models.turn_sources import write_rows
from training.classification.corpus.rows import Row, RowTurn

if TYPE_CHECKING:
    from pathlib import Path

THINGS = (
    "parcel invoice garden window ladder kettle bottle engine pencil carpet mirror basket hammer "
    "candle saddle button guitar pillow cradle lantern"
).split()
DEEDS = "lift paint sell wash mend burn hide trade weigh polish wrap stack".split()
WHENS = "before breakfast,after sunset,last winter,every weekend,at midnight".split(",")
INTENTS = {
    "card_arrival": "card",
    "lost_or_stolen_card": "loss",
    "request_refund": "refund",
    "age_limit": "age",
}


def sentence(draw: random.Random) -> str:
    """Return one of some tens of thousands of sentences that have few runs in common."""
    words = [draw.choice(DEEDS), draw.choice(THINGS), draw.choice(DEEDS), draw.choice(THINGS)]
    return f"Could we {words[0]} the {words[1]} and {words[2]} a {words[3]} {draw.choice(WHENS)}?"


def row(
    text: str,
    *,
    name: str = "",
    group: str = "",
    source: str = "mine",
    label: str = "Refund",
) -> Row:
    """Return a row of one customer turn; without a name, which is its id, it is its text."""
    name = name or text
    turns = (RowTurn("customer", text),)
    return Row(name, source, group or name, turns, {"sub_category": (label,)})


def write_banking77(data: Path, *, of_each: int = 40, seed: int = 0) -> None:
    """Write as many questions of four intents as ``text/banking77``."""
    draw = random.Random(seed)
    questions = [
        {"text": f"{word} {index}: {sentence(draw)}", "category": intent}
        for intent, word in INTENTS.items()
        for index in range(of_each)
    ]
    write_rows(data / "text/banking77/train.jsonl.gz", questions)


def write_clinc150(data: Path, *, of_each: int = 20, seed: int = 1) -> None:
    """Write questions of two intents and out of scope as ``text/clinc150``."""
    draw = random.Random(seed)
    parts = [("train", "weather"), ("train", "recipe"), ("val", "weather"), ("oos_val", "oos")]
    questions = [
        {"text": f"{intent} {sentence(draw)}", "intent": intent, "domain": "x", "split": part}
        for part, intent in parts
        for _ in range(of_each)
    ]
    write_rows(data / "text/clinc150/train.jsonl.gz", questions)
