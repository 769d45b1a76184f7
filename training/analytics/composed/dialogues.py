"""Dialogues of Schema-Guided Dialogue (``sgd``) into which an opening, faults and cues are planted.

Of a dialogue its first subject is taken, to the turn that settles it; opening and ending are ours.
It counts as resolved. The agent's confirmation of the details answers the question "restates".
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from training.analytics.composed.content import Problem
from training.analytics.composed.facts import ACTION, CATEGORY, JOURNEY, OUTCOME
from training.analytics.composed.phrasings import split_of_name
from training.analytics.composed.plan import Plan, draw_cues, draw_faults, draw_tone, draw_yes
from training.analytics.composed.writer import CallWriter
from training.core.json_lines import as_missing_data
from training.text.dialogue_sets import sgd_dialogues

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from models.analytics.guide import AnalysisGuide
    from schemas.insights import ChurnBand
    from training.core.splits import Split
    from training.text.dialogue_sets import SgdDialogue, SgdTurn

PARTS = ("train", "dev")
_INTENTS = Path(__file__).parent / "dialogues.toml"
_MIN_TURNS, _MAX_TURNS = 4, 20  # of the first subject
_ENDS = {"THANK_YOU", "GOODBYE"}  # acts of a user after which the subject is over
_ASKS_MORE = "REQ_MORE"
_DONE, _FAILED = "NOTIFY_SUCCESS", "NOTIFY_FAILURE"
_TELLS = {"INFORM", "OFFER", "INFORM_COUNT"}
_CONFIRM = "CONFIRM"
_GIVES_UP = 0.08  # of the calls
_CUE_SHARES = (("complaint", 0.12), ("repeat contact", 0.12))


class _Intents(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``dialogues.toml``: main category, gist and kind by intent."""

    companies: tuple[str, ...]
    intents: dict[str, tuple[str, str, str]]


class PlantableDialogue(NamedTuple):
    """The first subject of a dialogue.

    Attributes:
        name: Of the dialogue, with its part.
        turns: Customer and agent in turn; the agent's last turn settles the subject.
        category: Main category.
        problem: What it is about.
        asked_at: Index of the customer's turn that says what is wanted.
        settled_at: Index of the agent's turn that does it.
        confirmed_at: Index of the agent's turn that restates it; -1 where none does.
    """

    name: str
    turns: tuple[SgdTurn, ...]
    category: str
    problem: Problem
    asked_at: int
    settled_at: int
    confirmed_at: int


def read_dialogues(folder: Path) -> tuple[PlantableDialogue, ...]:
    """Return the dialogues that calls can be made of, in the order of the set.

    Raises:
        MissingDataError: The set is not in the folder.
    """
    found = []
    with as_missing_data("sgd", folder):
        for part in PARTS:
            for dialogue in sgd_dialogues(folder, part):
                plantable = _plantable(f"sgd/{part}/{dialogue.dialogue_id}", dialogue)
                if plantable:
                    found.append(plantable)
    return tuple(found)


def dialogues_of(
    dialogues: Sequence[PlantableDialogue], split: Split
) -> tuple[PlantableDialogue, ...]:
    """Return the dialogues of a split."""
    return tuple(each for each in dialogues if split_of_name(each.name) == split)


def companies() -> tuple[str, ...]:
    """Return who is called in these dialogues."""
    return _intents().companies


@cache
def _intents() -> _Intents:
    return msgspec.convert(tomllib.loads(_INTENTS.read_text("utf-8")), _Intents)


def _plantable(name: str, dialogue: SgdDialogue) -> PlantableDialogue | None:
    """Return the first subject of a dialogue; None where no call can be made of it."""
    turns = _first_subject(dialogue.turns)
    intents = {intent for turn in turns for intent in turn.intents}
    known = _intents().intents
    acts = {act for turn in turns for act in turn.acts}
    if not _MIN_TURNS <= len(turns) <= _MAX_TURNS or not intents <= known.keys() or not intents:
        return None
    if len({known[intent][0] for intent in intents}) > 1 or _FAILED in acts:
        return None
    requests = [intent for intent in sorted(intents) if known[intent][2] == "request"]
    is_done = any(_DONE in turn.acts for turn in turns)
    if bool(requests) != is_done:  # what was asked for, and nothing else, has to be settled
        return None
    intent = requests[0] if requests else min(intents)
    category, gist, _ = known[intent]
    settling = {_DONE} if is_done else _TELLS
    settled = [index for index, turn in enumerate(turns) if index % 2 and settling & set(turn.acts)]
    if not settled:
        return None
    problem = Problem(
        kind="request" if requests else "information",
        is_own=intent in ("CheckBalance", "TransferMoney"),
        written="",
        say="",
        gist=gist,
        solution="",
        action="done" if is_done else "answered",
        is_later=False,
    )
    return PlantableDialogue(
        name=name,
        turns=turns,
        category=category,
        problem=problem,
        asked_at=next(i for i, turn in enumerate(turns) if intent in turn.intents),
        settled_at=settled[-1],
        confirmed_at=next((i for i, turn in enumerate(turns) if _CONFIRM in turn.acts), -1),
    )


def _first_subject(turns: Sequence[SgdTurn]) -> tuple[SgdTurn, ...]:
    """Return the turns before anybody comes to an end; empty where the two do not alternate."""
    kept: list[SgdTurn] = []
    for index, turn in enumerate(turns):
        if turn.speaker != ("SYSTEM" if index % 2 else "USER"):
            return ()
        if set(turn.acts) & _ENDS or _ASKS_MORE in turn.acts:
            break
        kept.append(turn)
    return tuple(kept[: len(kept) - len(kept) % 2])  # the agent has the last word


def plan_dialogue(
    dialogue: PlantableDialogue,
    band: ChurnBand,
    guide: AnalysisGuide,
    draw: random.Random,
    *,
    is_long: bool,
) -> Plan:
    """Return what is planted in a dialogue."""
    gives_up = draw.random() < _GIVES_UP
    journey = "new request" if dialogue.problem.kind == "request" else "information"
    chance = draw.random()
    for cue_journey, share in _CUE_SHARES:
        if chance < share:
            journey = cue_journey
            break
        chance -= share
    cues = draw_cues(band, draw, is_leaving=False)
    outcome = "abandoned" if gives_up else "resolved"
    faults = draw_faults(guide, draw, open_promise=False, is_abandoned=gives_up)
    return Plan(
        category=dialogue.category,
        journey=journey,
        problem=dialogue.problem,
        action="" if gives_up else dialogue.problem.action,
        outcome=outcome,
        faults=faults,
        cues=cues,
        tone=draw_tone(outcome, faults, cues, guide, draw),
        yes=draw_yes(draw),
        is_long=is_long,
    )


class DialogueCall(CallWriter):
    """Writes a call around a dialogue."""

    def write(self, dialogue: PlantableDialogue) -> None:
        """Write the whole call."""
        self.opening()
        interrupted_at = self._drawn_turn(dialogue, "customer") if self.has("interrupts") else -1
        steps_at = self._drawn_turn(dialogue, "agent")
        last = len(dialogue.turns) if self.plan.action else dialogue.settled_at
        for index, turn in enumerate(dialogue.turns[:last]):
            if index % 2:
                if index == 1:
                    self._identity()
                if index == steps_at:
                    for step in self.middle_steps():
                        step()
                self._agent_turn(dialogue, index, turn.utterance)
            else:
                if index == interrupted_at:
                    self.cut_short(turn.utterance)
                self._customer_turn(dialogue, index, turn.utterance)
        self._end()

    def _customer_turn(self, dialogue: PlantableDialogue, index: int, text: str) -> None:
        is_asked = index == dialogue.asked_at
        marks = []
        if is_asked:
            is_usual = self.plan.journey in ("information", "new request")
            marks = [CATEGORY, JOURNEY] if is_usual else [CATEGORY]
        self.stage.add("customer", text, *marks)
        if is_asked:
            self.journey_cue()
            self.cues("start")
            if self.draws_trouble():
                self.trouble()
        elif index == len(dialogue.turns) - 2:
            self.cues("middle")

    def _identity(self) -> None:
        if self.plan.problem.is_own and "identity" in self.plan.yes:
            self.identity()

    def _agent_turn(self, dialogue: PlantableDialogue, index: int, text: str) -> None:
        marks = []
        if index == dialogue.settled_at:
            marks.append(ACTION)
        if index == dialogue.confirmed_at:
            marks.append(self.earned("restates"))
        self.pay()
        self.stage.add("agent", text, *marks)

    def _drawn_turn(self, dialogue: PlantableDialogue, party: str) -> int:
        """Return the index of a turn of a party, before the matter is settled."""
        first = 1 if party == "agent" else 0
        return self.stage.draw.randrange(first, dialogue.settled_at + 1, 2)

    def _end(self) -> None:
        said = {mark for turn in self.stage.turns for mark in turn.marks}
        left = [cue for cue in self.plan.cues if f"churn: {cue}" not in said]
        if not self.plan.action:
            for cue in left:
                self.stage.say("customer", self.content.customer.churn[cue], f"churn: {cue}")
            self._owed = ""
            self.drop_all()
            self.abandon()
            return
        self.stage.say("customer", self.content.customer.accepts, OUTCOME)
        for cue in left:
            self.stage.say("customer", self.content.customer.churn[cue], f"churn: {cue}")
        self.ending()

    def drop_all(self) -> None:
        """Say no cue any more."""
        self._places.clear()
