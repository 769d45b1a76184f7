"""Generated calls with the answers that follow from what was planted; the same ones for a seed.

    for example in generate("train", 3_600, seed=1, noise_share=0.3, dialogues=dialogues):
        ..

A call has the phrasings of one split only. Without dialogues, all calls are composed.
"""

from __future__ import annotations

import random
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from models.analytics.guide import load_guide
from models.analytics.turns import SpokenTurn
from training.analytics.composed.calls import ComposedCall
from training.analytics.composed.content import content_of
from training.analytics.composed.dialogues import (
    DialogueCall,
    companies,
    dialogues_of,
    plan_dialogue,
)
from training.analytics.composed.facts import Facts, analysis_of
from training.analytics.composed.noise import heard
from training.analytics.composed.people import context_of, slots_of_call
from training.analytics.composed.phrasings import stable_hash
from training.analytics.composed.plan import band_of, draw_plan, is_long
from training.analytics.composed.stage import Planted, Stage, WrittenTurn, estimated_tokens
from training.analytics.corpus.examples import Example

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from models.analytics.guide import AnalysisGuide
    from models.analytics.turns import TemporalContext
    from training.analytics.composed.content import Content
    from training.analytics.composed.dialogues import PlantableDialogue
    from training.analytics.composed.plan import Plan
    from training.core.splits import Split

GUIDE = "contact-centre"
TASKS = (
    "category", "journey", "action", "outcome", "faults", "scorecard", "csat", "churn", "quality",
)  # fmt: skip
_DIALOGUE_SHARES = {False: 0.12, True: 0.5}  # of the calls, by whether they are long
_SHORT_TOKENS = 215.0  # of the turns; the prompt's other lines take about 35
_LONG_TOKENS = 540.0
_EXTRAS = {False: 0.25, True: 0.9}  # chance of each part that no fact needs
_TRIES = 6
_SHORT_TURNS = 6  # of a dialogue that fits a short call


@cache
def the_guide() -> AnalysisGuide:
    """Return the guide that the calls are analysed by."""
    return load_guide(GUIDE)


class Composed(NamedTuple):
    """A call before noise.

    Attributes:
        facts: That were planted.
        turns: With the facts that each of them shows.
        planted: Every part of the turns.
        source: ``composed`` or ``sgd``.
        group: What shares it stays in one split.
        context: When the call took place.
    """

    facts: Facts
    turns: tuple[WrittenTurn, ...]
    planted: tuple[Planted, ...]
    source: str
    group: str
    context: TemporalContext


def generate(
    split: Split,
    count: int,
    seed: int,
    noise_share: float,
    dialogues: Sequence[PlantableDialogue] = (),
) -> Iterator[Example]:
    """Yield the calls of a split.

    Args:
        split: Whose phrasings and dialogues are used.
        count: Of the calls.
        seed: Of everything that is drawn.
        noise_share: Of the calls, as a recognizer writes them.
        dialogues: Of `read_dialogues`; those of the other splits are left out.
    """
    guide = the_guide()
    of_split = dialogues_of(dialogues, split)
    by_length = {
        long: [each for each in of_split if (len(each.turns) > _SHORT_TURNS) == long]
        for long in (False, True)
    }
    for index in range(count):
        name = f"{seed}/{split}/{index:05}"
        call = compose(split, index, name, by_length[is_long(index)])
        draw = random.Random(f"{name}/noise")
        turns = tuple(SpokenTurn(turn.party, turn.text) for turn in call.turns)
        is_heard = draw.random() < noise_share
        yield Example(
            id=f"composed/{name}",
            source=call.source,
            group=call.group,
            guide=guide.versioned_name,
            turns=heard(turns, draw) if is_heard else turns,
            context=call.context,
            analysis=analysis_of(call.facts, [turn.marks for turn in call.turns], guide),
            tasks=TASKS,
            is_synthetic=True,
            provenance={
                "generator": "training.analytics.composed",
                "seed": name,
                "split": split,
                "from": call.group,
                "heard": "yes" if is_heard else "no",
                "long": "yes" if is_long(index) else "no",
                "tone": call.facts.tone or "",
                "cues": ",".join(call.facts.cues),
            },
        )


def compose(
    split: Split, index: int, name: str, dialogues: Sequence[PlantableDialogue] = ()
) -> Composed:
    """Return the call at a position, before noise.

    Args:
        split: Whose phrasings are used.
        index: Of the call.
        name: Seed of what is drawn.
        dialogues: Of the split, that fit the length of this call.
    """
    content, guide = content_of(split), the_guide()
    long = is_long(index)
    most = _LONG_TOKENS if long else _SHORT_TOKENS
    draw = random.Random(name)
    from_dialogue = bool(dialogues) and draw.random() < _DIALOGUE_SHARES[long]
    plan = draw_plan(index, content, guide, draw)
    calls = []
    for attempt in range(_TRIES):
        again = random.Random(f"{name}/{attempt}")
        extras = _EXTRAS[long] / 2**attempt
        if from_dialogue:
            call = _around(again.choice(dialogues), index, content, extras, again)
        else:
            call = _composed(plan, content, extras, again)
        calls.append(call)
        if estimated_tokens(call.turns) <= most:
            return call
    return min(calls, key=lambda call: estimated_tokens(call.turns))


def _composed(plan: Plan, content: Content, extras: float, draw: random.Random) -> Composed:
    context = context_of(draw)
    names = next(each.companies for each in content.categories if each.name == plan.category)
    stage = Stage(slots_of_call(names, plan.problem.gist, context, draw), draw)
    call = ComposedCall(stage, content, plan, extras)
    call.write()
    group = f"composed/{stable_hash(plan.problem.written)[:12]}"
    return Composed(call.facts(), stage.turns, tuple(stage.planted), "composed", group, context)


def _around(
    dialogue: PlantableDialogue,
    index: int,
    content: Content,
    extras: float,
    draw: random.Random,
) -> Composed:
    context = context_of(draw)
    plan = plan_dialogue(dialogue, band_of(index), the_guide(), draw, is_long=is_long(index))
    stage = Stage(slots_of_call(companies(), dialogue.problem.gist, context, draw), draw)
    call = DialogueCall(stage, content, plan, extras)
    call.write(dialogue)
    return Composed(call.facts(), stage.turns, tuple(stage.planted), "sgd", dialogue.name, context)
