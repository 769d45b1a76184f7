"""What composed calls and planted dialogues have in common: how a fact is put into words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.analytics.composed.facts import (
    ACTION,
    JOURNEY,
    OUTCOME,
    TONE,
    Facts,
    cue_mark,
    fault_mark,
    question_mark,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from models.analytics.analysis import Answer
    from training.analytics.composed.content import Content
    from training.analytics.composed.facts import Cue
    from training.analytics.composed.plan import Plan
    from training.analytics.composed.stage import Stage

_PROMISE = "empty promise"
_PLACES = ("start", "middle", "late")  # of a call, where a cue may be said
_APOLOGIZES = 0.7  # of the agents who hear a complaint or that a customer may leave
_TROUBLE = 0.3  # of the calls without the fault "no empathy"
_SAYS_NOTHING = 0.3  # of the agents who pass over trouble: they go on with the matter
_CUT_WORDS = 3  # at least, of what the customer says before the agent cuts in
_AGAIN_MATTER = "matter"


class CallWriter:
    """Writes the parts of one call on a stage."""

    def __init__(self, stage: Stage, content: Content, plan: Plan, extras: float) -> None:
        """Set up a call.

        Args:
            stage: It is written there.
            content: Phrasings of one split.
            plan: What is planted.
            extras: Chance of each part that no fact needs.
        """
        self.stage = stage
        self.content = content
        self.plan = plan
        self.extras = extras
        self._owed = ""  # what the agent's next words answer first: trouble, or a complaint
        self._asked = _AGAIN_MATTER  # what the agent can ask for again
        self._answers: dict[str, Answer | None] = {}
        self._places: dict[Cue, str] = {
            cue: stage.draw.choice(_PLACES) for cue in plan.cues if cue != "stays"
        }

    def facts(self) -> Facts:
        """Return what was planted, after the call is written."""
        plan = self.plan
        is_open = plan.outcome == "pending"
        answers = self._answers
        return Facts(
            category=plan.category,
            journey=plan.journey,
            action=plan.action or None,
            outcome=plan.outcome,
            tone=plan.tone,
            cues=plan.cues,
            faults=plan.faults,
            answers={
                "greeting": answers.get("greeting", "no"),
                "identity": answers.get("identity", "no") if plan.problem.is_own else None,
                "restates": answers.get("restates", "no"),
                "next step": answers.get("next step", "no") if is_open else None,
                "anything else": answers.get("anything else", "no"),
                "farewell": answers.get("farewell", "no"),
            },
        )

    def has(self, fault: str) -> bool:
        """Whether the agent has this fault."""
        return fault in self.plan.faults

    def earned(self, question: str) -> str:
        """Return the mark of a question that this part of a turn answers with yes."""
        self._answers[question] = "yes"
        return question_mark(question)

    def agent(self, phrasings: Sequence[str], *marks: str) -> None:
        """Let the agent speak; what is owed to the customer comes first."""
        self.pay()
        self.stage.say("agent", phrasings, *marks)

    def pay(self, *, goes_on: bool = True) -> None:
        """Let the agent answer trouble or a complaint, or pass over it.

        Args:
            goes_on: The agent says something else next, so that a word about trouble can be left
                out altogether.
        """
        owed, self._owed = self._owed, ""
        conduct = self.content.conduct
        if owed == "trouble" and self.has("no empathy"):
            if goes_on and self.stage.chance(_SAYS_NOTHING):
                self.stage.mark_next(fault_mark("no empathy"))
            else:
                self.stage.say("agent", conduct.passes_over, fault_mark("no empathy"))
        elif owed == "trouble":
            self.stage.say("agent", conduct.empathy)
        elif owed == "complaint" and self.stage.chance(_APOLOGIZES):
            self.stage.say("agent", conduct.sorries)

    def opening(self) -> None:
        """Let the agent begin, with a greeting or without."""
        agent = self.content.agent
        if self.has("no greeting"):
            self.stage.say("agent", agent.bare_openings, fault_mark("no greeting"))
        else:
            self.stage.say("agent", agent.openings, self.earned("greeting"))

    def journey_cue(self) -> None:
        """Let the customer say what makes it a repeat contact or a complaint."""
        journey = self.content.customer.journey
        if self.plan.journey == "repeat contact":
            self.stage.say("customer", journey["repeats"], JOURNEY)
        elif self.plan.journey == "complaint":
            self.stage.say("customer", journey["complaints"], JOURNEY)
            self._owed = "complaint"

    def cues(self, place: str) -> None:
        """Let the customer say what belongs to this place about staying or leaving."""
        for cue, own in self._places.items():
            if own == place:
                self.stage.say("customer", self.content.customer.churn[cue], cue_mark(cue))
                self._owed = self._owed or ("" if cue == "loyal" else "complaint")

    def place_of(self, cue: Cue) -> str:
        """Return where a cue is to be said; empty where it is not."""
        return self._places.get(cue, "")

    def drop_cue(self, cue: Cue) -> None:
        """Say a cue no more: what the customer wants says it."""
        self._places.pop(cue, None)

    def draws_trouble(self) -> bool:
        """Return whether the customer is to tell of trouble, often where the agent answers it."""
        return self.has("no empathy") or self.stage.chance(_TROUBLE)

    def trouble(self) -> None:
        """Let the customer tell of trouble, to which the agent owes an answer."""
        self.stage.say("customer", self.content.conduct.troubles)
        self._owed = "trouble"

    def complain(self) -> None:
        """Make the agent owe an apology."""
        self._owed = self._owed or "complaint"

    def identity(self) -> None:
        """Let the agent check who the customer is."""
        pairs = self.content.agent.identity
        self._asked = self.stage.draw.choice(sorted(pairs))
        self.pay()
        self.stage.exchange(pairs[self._asked], "agent", self.earned("identity"))

    def cut_short(self, text: str) -> None:
        """Let the agent cut the customer short in the middle of a text."""
        words = text.split()
        kept = self.stage.draw.randint(min(_CUT_WORDS, len(words)), max(_CUT_WORDS, len(words) - 2))
        self.stage.add("customer", " ".join(words[:kept]).rstrip(",.?!") + " -")
        self._cut_in()

    def interrupt(self) -> None:
        """Let the agent cut the customer short, who then gives way or protests."""
        conduct = self.content.conduct
        self.stage.say("customer", conduct.cuts)
        self._cut_in()
        self.stage.say("customer", conduct.resumes)

    def _cut_in(self) -> None:
        self.stage.say("agent", self.content.conduct.cut_ins, fault_mark("interrupts"))

    def middle_steps(self) -> list[Callable[[], None]]:
        """Return what happens between the request and the answer, in any order."""
        conduct, draw = self.content.conduct, self.stage.draw
        steps: list[Callable[[], None]] = []
        if self.has("unexplained hold"):
            steps.append(lambda: self._agent_first(conduct.bare_holds, "unexplained hold"))
        elif self.stage.chance(self.extras):
            steps.append(lambda: self._agent_first(conduct.polite_holds))
        if self.has("jargon"):
            steps.append(lambda: self._agent_first(conduct.jargon, "jargon"))
        elif self.stage.chance(self.extras / 3):
            steps.append(lambda: self.agent(conduct.explained))
        if self.has("rude"):
            steps.append(self._be_rude)
        if self.has("asks twice"):
            steps.append(self._ask_again)
        if self.stage.chance(self.extras / 3):
            steps.append(lambda: self._agent_first(conduct.customer_cuts))
        steps += [self._by_the_way for _ in range(2) if self.stage.chance(self.extras / 2)]
        draw.shuffle(steps)
        return steps

    def _agent_first(self, exchanges: Sequence[str], fault: str = "") -> None:
        self.pay()
        self.stage.exchange(exchanges, "agent", *([fault_mark(fault)] if fault else []))

    def _be_rude(self) -> None:
        self.agent(self.content.conduct.rude, fault_mark("rude"))
        if self.stage.chance(0.5):
            self.stage.say("customer", self.content.conduct.to_rudeness)

    def _ask_again(self) -> None:
        if self._asked != _AGAIN_MATTER:
            self.agent(self.content.conduct.fillers)
        self._agent_first(self.content.agent.again[self._asked], "asks twice")

    def _by_the_way(self) -> None:
        self._agent_first(self.content.customer.details)

    def passed_on(self) -> None:
        """Let the agent pass the matter on, with a next step, an empty promise, or neither."""
        handling = self.content.handling
        has_step = "next step" in self.plan.yes and not self.has(_PROMISE)
        if has_step and self.stage.chance(1 / 3):
            self.agent(handling.actions["transferred"], ACTION, OUTCOME, self.earned("next step"))
            return
        if has_step or self.has(_PROMISE):
            self.agent(handling.actions["passed_on"], ACTION)
            if has_step:
                steps = handling.closing["next_steps"]
                self.stage.say("agent", steps, OUTCOME, self.earned("next step"))
            else:
                promises = handling.closing["empty_promises"]
                self.stage.say("agent", promises, OUTCOME, fault_mark(_PROMISE))
        else:
            self.agent(handling.actions["passed_on"], ACTION, OUTCOME)

    def abandon(self) -> None:
        """Let the customer give up."""
        if self.stage.last_party == "customer":
            self.agent(self.content.conduct.fillers)
        tone = self.plan.tone or "annoyed"
        self.cues("late")
        self.stage.say("customer", self.content.customer.abandons[tone], OUTCOME, TONE)

    def ending(self) -> None:
        """Let the two come to an end after the customer took the answer."""
        handling, customer = self.content.handling, self.content.customer
        if "anything else" in self.plan.yes:
            asks = handling.closing["anything_else"]
            self.agent(asks, self.earned("anything else"))
            self.stage.say("customer", customer.nothing_more)
        if self.plan.tone:
            self.stage.say("customer", customer.closing[self.plan.tone], TONE)
        if "farewell" in self.plan.yes:
            self.agent(handling.closing["farewells"], self.earned("farewell"))
            if self.stage.chance(0.6):
                self.stage.say("customer", customer.goodbyes)
