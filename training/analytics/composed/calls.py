"""A call composed of phrasings alone."""

from __future__ import annotations

from training.analytics.composed.facts import (
    ACTION,
    CATEGORY,
    JOURNEY,
    OUTCOME,
    cue_mark,
    question_mark,
)
from training.analytics.composed.writer import CallWriter
from training.text.phrasings import filled, with_capitals

_SAYS_HELLO = 0.5
_AT_START = 0.5
_BY_CUE = ("repeat contact", "complaint")  # journeys that a sentence of their own shows


class ComposedCall(CallWriter):
    """Writes a call about a problem."""

    def write(self) -> None:
        """Write the whole call."""
        plan, stage = self.plan, self.stage
        has_trouble = self.draws_trouble()
        trouble_at_start = stage.chance(_AT_START)
        self.opening()
        if stage.chance(self.extras / 2):
            stage.exchange(self.content.customer.small_talk, "customer")
        interrupted_at_start = self.has("interrupts") and stage.chance(_AT_START)
        self._matter(is_cut=interrupted_at_start)
        if has_trouble and trouble_at_start:
            self.trouble()
        self._taking_up()
        if has_trouble and not trouble_at_start:
            self.trouble()
        for step in self.middle_steps():
            step()
        if self.has("interrupts") and not interrupted_at_start:
            self.interrupt()
        if self.place_of_any("middle"):
            self.pay(goes_on=False)
            self.cues("middle")
        if not plan.action:
            self.abandon()
            return
        self._answer()
        self.ending()

    def place_of_any(self, place: str) -> bool:
        """Whether a cue is to be said at a place."""
        return any(self.place_of(cue) == place for cue in self.plan.cues)

    def _matter(self, *, is_cut: bool) -> None:
        stage, problem = self.stage, self.plan.problem
        marks = [CATEGORY]
        if self.plan.journey not in _BY_CUE or problem.kind == "complaint":
            marks.append(JOURNEY)
        if problem.kind == "leave":
            marks.append(cue_mark("leaves"))
            self.drop_cue("leaves")
        if stage.chance(_SAYS_HELLO):
            stage.say("customer", self.content.customer.hellos)
        if is_cut:
            self.cut_short(with_capitals(filled(problem.say, stage.slots, stage.draw)))
            if stage.chance(0.5):
                stage.say("customer", self.content.conduct.resumes)
        stage.write("customer", problem.say, *marks)
        if problem.kind == "complaint":
            self.complain()
        else:
            self.journey_cue()
        self.cues("start")

    def _taking_up(self) -> None:
        """Let the agent restate the matter and check who the customer is, or neither."""
        plan = self.plan
        asks = plan.problem.is_own and "identity" in plan.yes
        if "restates" in plan.yes:
            self.agent(self.content.agent.restates, self.earned("restates"))
            if not asks or self.stage.chance(self.extras):
                self.stage.say("customer", self.content.customer.confirms)
        if asks:
            self.identity()
        if "restates" not in plan.yes and not asks:
            self.agent(self.content.conduct.fillers)

    def _answer(self) -> None:
        """Let the agent act, and the customer take it."""
        plan, stage, customer = self.plan, self.stage, self.content.customer
        actions = self.content.handling.actions
        if "stays" in plan.cues and plan.problem.kind == "leave":
            self.agent(customer.churn["offers"], ACTION)
            stage.say("customer", customer.churn["stays"], OUTCOME, cue_mark("stays"))
        elif plan.action == "passed on":
            self.passed_on()
            stage.say("customer", customer.accepts)
        elif plan.action == "refused":
            self.agent(actions["refused"], ACTION, OUTCOME)
            stage.say("customer", customer.takes_refusals)
        elif plan.problem.solution and plan.action == plan.problem.action:
            self._solve()
        else:
            self.agent(actions["refunded"], ACTION)
            stage.say("customer", customer.accepts, OUTCOME)
        self.cues("late")

    def _solve(self) -> None:
        problem, stage = self.plan.problem, self.stage
        leads = self.content.handling.leads.get(problem.action, ())
        self.pay()
        if leads and stage.chance(0.5):
            stage.say("agent", leads)
        marks = [ACTION]
        if problem.is_later:
            self.earned("next step")
            marks += [OUTCOME, question_mark("next step")]
        stage.write("agent", problem.solution, *marks)
        accepted = [] if problem.is_later else [OUTCOME]
        stage.say("customer", self.content.customer.accepts, *accepted)
