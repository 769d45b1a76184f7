"""Small data sets in the form of the real ones."""

from __future__ import annotations

import gzip
import random
from typing import TYPE_CHECKING, Any

import orjson

from training.turns.corpus.data_recipe import DataRecipe, SetRecipe
from training.turns.sources.recipe import Source

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_PEOPLE = "adam betty carlos dana erik fatima george hanna ivan julia karl laura".split()
_THINGS = "invoice parcel ticket router contract meter policy booking refund password".split()
_DEEDS = "cancel move check renew pay return change find send print".split()
_WHEN = "today tomorrow on monday next week in the morning at noon".split()


def write_rows(path: Path, rows: Iterable[Any]) -> None:
    """Write JSON lines, compressed as the real data are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wb") as lines:
        lines.writelines(orjson.dumps(row) + b"\n" for row in rows)


def request(draw: random.Random) -> str:
    """Return one of some tens of thousands of sentences."""
    person, thing, deed = draw.choice(_PEOPLE), draw.choice(_THINGS), draw.choice(_DEEDS)
    count, when = draw.randint(2, 40), draw.choice(_WHEN)
    return f"This is {person.title()}, please {deed} my {thing} number {count} {when}."


def write_sgd(data: Path, *, dialogues: int = 60, seed: int = 0) -> None:
    """Write dialogues of eight turns as ``text/sgd``."""
    draw = random.Random(seed)
    rows = [
        {
            "dialogue_id": f"1_{index:05}",
            "turns": [
                {"speaker": ("USER", "SYSTEM")[turn % 2], "utterance": request(draw)}
                for turn in range(8)
            ],
        }
        for index in range(dialogues)
    ]
    write_rows(data / "text/sgd/train.jsonl.gz", rows)
    write_rows(data / "text/sgd/dev.jsonl.gz", [])


def write_taskmaster(data: Path, *, dialogues: int = 60, seed: int = 1) -> None:
    """Write dialogues of four turns as ``text/taskmaster4``."""
    draw = random.Random(seed)
    rows = [
        {
            "id": f"dlg-{index}",
            "turns": [
                {"speaker": ("user", "assistant")[turn % 2], "text": request(draw).lower()}
                for turn in range(4)
            ],
        }
        for index in range(dialogues)
    ]
    write_rows(data / "text/taskmaster4/dialogues.jsonl.gz", rows)


def small_recipe(**changes: Any) -> DataRecipe:
    """Return a recipe over ``write_sgd`` and ``write_taskmaster``."""
    both = {"sgd": 2.0, "taskmaster4": 1.0}
    settings: dict[str, Any] = {
        "sources": {
            "sgd": Source(kind="sgd", path="text/sgd"),
            "taskmaster4": Source(kind="taskmaster4", path="text/taskmaster4"),
        },
        "sets": {
            "general": SetRecipe(train=120, validation=10, test=40, sources={"sgd": 1}),
            "domain": SetRecipe(train=60, validation=5, test=20, sources={"taskmaster4": 1}),
            "agent": SetRecipe(train=60, validation=5, test=20, sources=both, roles=("agent",)),
            "multi": SetRecipe(union=("general", "domain")),
        },
    }
    return DataRecipe(**(settings | changes))
