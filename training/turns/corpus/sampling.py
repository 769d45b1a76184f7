"""The examples of each set, drawn from the candidates."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import TYPE_CHECKING

from training.core.errors import MissingDataError
from training.core.sampling import fill_quotas
from training.turns.corpus.examples import SPLITS, Example, Split

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from training.turns.corpus.candidates import Candidate
    from training.turns.corpus.data_recipe import SetRecipe

Chosen = dict[str, dict[Split, list["Candidate"]]]
_Stratum = tuple[str, bool]
ENOUGH = 2.5  # utterances for each training example needed: splits and repeats take some
MIXED = 5  # utterances of a conversation on average, above which splits become uneven


def choose_sets(
    sets: Mapping[str, SetRecipe], candidates: Sequence[Candidate], seed: int
) -> dict[str, dict[Split, list[Example]]]:
    """Return the examples of each set and split, mixed, complete and incomplete in equal parts.

    The splits are filled one after the other over all sets, and no text of an earlier split
    occurs in a later one, in any set.

    Raises:
        MissingDataError: A set has too few examples, or only such of one label.
    """
    chosen: Chosen = {name: {} for name in sets}
    taken: set[str] = set()
    for split in SPLITS:
        free = [one for one in candidates if one.split == split and one.example.text not in taken]
        for name, wanted in sets.items():
            if not wanted.union:
                draw = random.Random(f"{seed}/set/{name}/{split}")
                chosen[name][split] = _choose(wanted, split, free, draw)
        for name, wanted in sets.items():
            if wanted.union:
                draw = random.Random(f"{seed}/set/{name}/{split}")
                chosen[name][split] = _unite([chosen[part][split] for part in wanted.union], draw)
        taken.update(one.example.text for by_split in chosen.values() for one in by_split[split])
    for name, wanted in sets.items():
        _check(name, wanted, chosen[name], candidates)
    return {
        name: {split: [one.example for one in ones] for split, ones in by_split.items()}
        for name, by_split in chosen.items()
    }


def _check(
    name: str,
    wanted: SetRecipe,
    chosen: Mapping[Split, Sequence[Candidate]],
    candidates: Sequence[Candidate],
) -> None:
    there = [one for one in candidates if wanted.union or one.example.source in wanted.sources]
    conversations = len({one.example.conversation for one in there})
    for split in SPLITS:
        found = len(chosen[split])
        needed = max(wanted.needed(split), int(split != "validation"))
        if found < needed:
            message = (
                f"the set {name!r} has {found} examples in its {split} split and needs {needed}: "
                f"its sources have {len(there)} utterances of {conversations} conversations, each "
                f"in one split; {_advice(wanted, len(there), conversations)}"
            )
            raise MissingDataError(message)
    labels = {one.example.is_complete for one in chosen["train"]}
    if wanted.least > 1 and len(labels) == 1:
        what, other = ("complete", "cut") if labels == {True} else ("incomplete", "whole")
        message = (
            f"every training example of the set {name!r} is {what}, so that there is nothing to "
            f"tell apart: leave the label out of lines that may be {other}"
        )
        raise MissingDataError(message)


def _advice(wanted: SetRecipe, utterances: int, conversations: int) -> str:
    enough = round(wanted.least * ENOUGH)
    if wanted.least > 1 and utterances >= enough and conversations * MIXED < enough:
        return "divide them into more conversations, or leave out what names the conversation"
    is_short = wanted.least > 1 and enough > utterances
    return f"give it {enough} or more" if is_short else "give it more of them"


def _choose(
    wanted: SetRecipe, split: Split, free: Iterable[Candidate], draw: random.Random
) -> list[Candidate]:
    strata: dict[_Stratum, list[Candidate]] = defaultdict(list)
    for one in _distinct(_fitting(wanted, free), split):
        strata[(one.example.source, one.example.is_complete)].append(one)
    halves = {
        (source, is_complete): weight / 2
        for source, weight in wanted.sources.items()
        for is_complete in (True, False)
    }
    sizes = {stratum: len(strata[stratum]) for stratum in halves}
    chosen = [
        one
        for stratum, count in fill_quotas(wanted.asked(split), halves, sizes).items()
        for one in draw.sample(strata[stratum], count)
    ]
    draw.shuffle(chosen)
    return chosen


def _fitting(wanted: SetRecipe, free: Iterable[Candidate]) -> Iterable[Candidate]:
    for one in free:
        is_wanted_role = not wanted.roles or one.example.role in wanted.roles
        if one.example.source in wanted.sources and is_wanted_role:
            yield one


def _distinct(candidates: Iterable[Candidate], split: Split) -> Iterable[Candidate]:
    """Yield one candidate of a key, and one of a text; a test text may keep both labels."""
    keys: set[str] = set()
    texts: set[object] = set()
    for one in candidates:
        example = one.example
        text = example.text if split == "train" else (example.text, example.is_complete)
        if one.key not in keys and text not in texts:
            keys.add(one.key)
            texts.add(text)
            yield one


def _unite(parts: Collection[Sequence[Candidate]], draw: random.Random) -> list[Candidate]:
    texts: dict[str, Candidate] = {}
    keys: set[str] = set()
    for one in (one for part in parts for one in part):
        if one.key not in keys:
            keys.add(one.key)
            texts.setdefault(one.example.text, one)
    united = list(texts.values())
    draw.shuffle(united)
    return united
