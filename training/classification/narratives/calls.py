"""A call composed of phrasings: who speaks, what happened, how urgent it is, what is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from training.classification.corpus.rows import RowTurn
from training.classification.narratives.people import cast_of
from training.classification.narratives.phrasings import of_split
from training.text.phrasings import filled, with_capitals

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

    from schemas.base import Party
    from training.classification.corpus.rows import Split
    from training.classification.narratives.content import Content, Views
    from training.classification.narratives.topics import Situation, Topic

Form = Literal["dialogue", "opening", "note", "situation"]
INTERVENTIONS = {
    "referred": "Referred",
    "counselling": "Counselling",
    "signposting": "Signposting",
    "awareness": "Awareness/Information Provided",
}
# Weights of the interventions above; none excludes one, since the agent's words alone decide it
_USUAL = {"High": (55, 15, 20, 10), "Medium": (27, 33, 22, 18), "Low": (12, 22, 28, 38)}
_PRIORITY_WEIGHTS = {"High": 4, "Medium": 3, "Low": 3}
_MAY_TURN = ("calm", "health", "violence", "neglect")  # concerns whose urgency changes no topic
_TURNS_URGENT = 0.06
USUAL_FORMS: dict[Form, int] = {"dialogue": 78, "opening": 12, "note": 10}
_SHORT_CORE = 5  # words; a note of less is too short for a label
_SHORT, _USUAL_LENGTH, _LONG = 0.15, 0.45, 0.9  # chance of each optional part of a call


@dataclass(frozen=True)
class Call:
    """A composed call.

    Attributes:
        turns: As they are spoken.
        priority: Empty where nothing said decides it.
        intervention: Empty where the agent has not done anything yet.
        form: A whole dialogue, its opening, somebody's note, or what happened alone.
    """

    turns: tuple[RowTurn, ...]
    priority: str
    intervention: str
    form: Form


class Composer:
    """Composes one call about a situation."""

    def __init__(
        self,
        content: Content,
        topic: Topic,
        situation: Situation,
        split: Split,
        draw: random.Random,
    ) -> None:
        self._content = content
        self._topic = topic
        self._situation = situation
        self._split = split
        self._draw = draw
        self._slots = cast_of(topic, situation.who, draw)
        self._chance = draw.choice((_SHORT, _USUAL_LENGTH, _USUAL_LENGTH, _LONG))
        self._turns: list[tuple[Party, str]] = []

    def call(self, main: str, forms: Mapping[Form, int]) -> Call:
        """Return the call.

        Args:
            main: Main category of the topic: what belongs to others may be said by the way.
            forms: Weights of the forms that it may have.
        """
        form = self._draw.choices(list(forms), list(forms.values()))[0]
        priority = self._priority()
        if form == "situation":
            self._happened()
            is_decided = len(self._situation.priorities) == 1
            return self._finished(priority if is_decided else "", "", form)
        if form == "note":
            self._note(priority)
            return self._finished(priority, "", form)
        self._opening()
        self._story()
        if form == "opening":
            is_usual = priority in self._situation.priorities
            decided = self._perhaps() or (is_usual and len(self._situation.priorities) == 1)
            if decided:
                self._urgency(priority)
            return self._finished(priority if decided else "", "", form)
        self._middle(priority, main)
        intervention = self._draw.choices(list(INTERVENTIONS), _USUAL[priority])[0]
        self._action(intervention)
        self._closing()
        return self._finished(priority, INTERVENTIONS[intervention], form)

    def _priority(self) -> str:
        """Return one of those that the situation allows; rarely High where it is not usual."""
        usual = self._situation.priorities
        if "Medium" in usual and self._topic.concern in _MAY_TURN and self._draws(_TURNS_URGENT):
            return "High"
        return self._draw.choices(usual, [_PRIORITY_WEIGHTS[each] for each in usual])[0]

    def _finished(self, priority: str, intervention: str, form: Form) -> Call:
        turns: list[RowTurn] = []
        for party, text in self._turns:
            if turns and turns[-1].party == party:
                turns[-1] = RowTurn(party, f"{turns[-1].text} {text}")
            elif text:
                turns.append(RowTurn(party, text))
        return Call(tuple(turns), priority, intervention, form)

    def _perhaps(self) -> bool:
        return self._draws(self._chance)

    def _draws(self, share: float) -> bool:
        return self._draw.random() < share

    def _say(self, party: Party, phrasings: Sequence[str], **more: str) -> None:
        """Add one of the phrasings to what is said."""
        text = filled(self._draw.choice(phrasings), {**self._slots, **more}, self._draw)
        self._turns.append((party, with_capitals(text)))

    def _exchange(self, exchanges: Sequence[Sequence[str]], **more: str) -> None:
        """Add one of the exchanges; the agent begins."""
        for index, phrasing in enumerate(self._draw.choice(exchanges)):
            self._say("customer" if index % 2 else "agent", [phrasing], **more)

    def _opening(self) -> None:
        speech = self._content.speech
        if self._draws(0.85):
            self._say("agent", speech.greetings)
        if self._perhaps():
            self._say("customer", speech.hellos)
        if self._perhaps():
            self._say("agent", speech.ask_names)
            self._say("customer", speech.names)
        elif self._perhaps():
            self._say("customer", speech.names)
        if self._perhaps():
            self._exchange(speech.small_talk)

    def _story(self) -> None:
        speech = self._content.speech
        if self._perhaps():
            self._say("customer", speech.hesitations)
        if self._situation.who == "child" and self._draws(0.6):
            self._say("customer", speech.child_ages)
        if self._perhaps() and self._draws(0.4):
            self._say("customer", speech.digressions)
        self._say("customer", [self._situation.core])
        self._details(self._situation)
        if self._perhaps() and self._draws(0.6):
            self._second_situation()

    def _details(self, situation: Situation) -> None:
        speech = self._content.speech
        for detail in situation.details:
            if self._draws(0.45 + self._chance / 2):
                if self._perhaps():
                    self._say("agent", speech.empathy)
                if self._draws(0.5):
                    self._say("agent", speech.asks_more)
                self._say("customer", [detail])

    def _second_situation(self) -> None:
        """Add what else happened, of the same topic, speaker and urgency."""
        others = [
            each
            for each in self._topic.situations_of(self._split)
            if each.who == self._situation.who
            and each.priorities == self._situation.priorities
            and each != self._situation
        ]
        if others:
            self._say("customer", [self._draw.choice(others).core])

    def _middle(self, priority: str, main: str) -> None:
        speech, elsewhere = self._content.speech, self._content.elsewhere
        if self._situation.who in ("parent", "adult") and self._perhaps():
            self._say("agent", speech.ask_ages)
            self._say("customer", speech.other_ages)
        others = sorted(name for name in elsewhere.mentions if name != main)
        if self._perhaps() and self._draws(0.7):
            self._exchange(elsewhere.denials[self._draw.choice(others)])
        self._urgency(priority)
        if self._perhaps() and self._draws(0.7):
            self._say("customer", elsewhere.mentions[self._draw.choice(others)])
        if self._perhaps() and self._draws(0.5):
            self._say("customer", speech.digressions)
        if self._perhaps():
            self._say("agent", speech.questions)
            self._say("customer", speech.wishes)
        if self._draws(0.3 + self._chance / 3):
            gist = filled(
                self._draw.choice(of_split(self._topic.gists, self._split)), {}, self._draw
            )
            self._say("agent", speech.summaries, gist=gist)
            self._say("customer", speech.confirmations)

    def _urgency(self, priority: str) -> None:
        """Add circumstances that decide the priority; two of them now and then."""
        if self._situation.priorities == (priority,) and not self._perhaps():
            return
        circumstances = self._content.circumstances
        pools = {
            "High": circumstances.high,
            "Medium": circumstances.medium,
            "Low": circumstances.low,
        }
        concern = self._topic.urgent if priority == "High" else self._topic.concern
        known = self._views(pools[priority][concern])
        if self._draws(0.5):
            self._say("agent", circumstances.ask_danger)
        for phrasing in self._draw.sample(known, min(len(known), 1 + self._perhaps())):
            self._say("customer", [phrasing])

    def _views(self, views: Views) -> list[str]:
        who = self._situation.who
        if who in ("child", "self"):
            return list(views.me)
        # Of an adult one does not say "the child"
        fitting = [each for each in views.other if who != "friend" or "child" not in each]
        return fitting or list(views.other)

    def _note(self, priority: str) -> None:
        is_short = len(self._situation.core.split()) < _SHORT_CORE
        if is_short or self._perhaps():
            self._say("unknown", self._content.speech.notes)
        self._happened()
        self._urgency(priority)
        self._turns = [("unknown", text) for party, text in self._turns if party != "agent"]

    def _happened(self) -> None:
        self._say("unknown", [self._situation.core])
        for detail in self._situation.details:
            if self._draws(0.7):
                self._say("unknown", [detail])

    def _action(self, intervention: str) -> None:
        actions = self._content.actions
        if self._draws(0.4):
            self._say("agent", self._content.speech.empathy)
        service = self._draw.choice(actions.services[self._topic.services])
        facts = of_split(self._topic.facts, self._split)
        self._draw.shuffle(facts)
        self._exchange(getattr(actions, intervention), service=service, fact=facts[0])
        if self._draws(0.5):
            self._say("agent", getattr(actions.recaps, intervention), service=service)
        if intervention == "counselling" and self._perhaps():
            self._exchange(actions.counselling)
        # A fact on the way does not make a referral information
        if facts[1:] and (intervention == "awareness" or self._draws(0.1)):
            self._exchange(actions.awareness_more, fact=facts[1])

    def _closing(self) -> None:
        speech = self._content.speech
        if self._draws(0.35 + self._chance / 2):
            self._say("customer", speech.thanks)
        if self._draws(0.35 + self._chance / 2):
            self._say("agent", speech.goodbyes)
