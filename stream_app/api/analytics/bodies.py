"""The bodies of requests and answers, as OpenAPI describes them."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from models.analytics.serving.conversation import MAX_WAIT_S
from schemas.insights import ChurnBand, Effectiveness, NoInsights
from stream_app.api.classifier.bodies import CallId, Language

MAX_TURNS = 2_000
MAX_TIME = 64  # characters
MAX_GUIDE = 1_024
CONVERSATION = "Agent: Hello, this is Ann. How can I help?\nCustomer: I was charged twice in May."
Percent = Annotated[int, Field(ge=0, le=100)]
Confidence = Annotated[
    float, Field(description="Of the value, 0 to 1; -1 where the model tells none.")
]
Evidence = Annotated[
    list[int], Field(description="Numbers of the turns that show it, from 1, as they were sent.")
]
_STRICT = ConfigDict(extra="forbid", strict=True)


def _one_form(schema: dict[str, Any]) -> None:
    """Say in a schema that the call comes in one of two forms."""
    kinds = {"conversation": "string", "turns": "array"}
    schema["oneOf"] = [
        {"required": [name], "properties": {name: {"type": kind}, other: {"type": "null"}}}
        for (name, kind), other in zip(kinds.items(), ("turns", "conversation"), strict=True)
    ]


class TurnBody(BaseModel):
    """A turn of a call."""

    model_config = _STRICT

    party: Literal["agent", "customer", "unknown"]
    text: str


class TimeBody(BaseModel):
    """When the call took place; what is missing follows from the calendar of the settings."""

    model_config = _STRICT

    timestamp: Annotated[str, StringConstraints(max_length=MAX_TIME)] | None = Field(
        default=None, description="Local time of its begin.", examples=["2026-01-15T14:30:00"]
    )
    queue_wait_time_seconds: Annotated[int, Field(ge=0, le=MAX_WAIT_S)] | None = None
    business_hours: bool | None = None
    peak_season: bool | None = None


class AnalyzeRequest(BaseModel):
    """A call to analyse."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra=_one_form)

    conversation: str | None = Field(
        None, description="Lines that begin with `Agent:` or `Customer:`."
    )
    turns: Annotated[list[TurnBody], Field(max_length=MAX_TURNS)] | None = None
    case_id: CallId | None = Field(
        None, description="Copied into the answer; without, it is made from the text."
    )
    language: Language = Field(
        default="", description="A tag such as en or en-US; empty: not known."
    )
    guide: Annotated[str, StringConstraints(max_length=MAX_GUIDE)] = Field(
        default="",
        description="Analysis guide, as the settings name it; empty: that of calls that no route "
        "fits.",
    )
    context: TimeBody = TimeBody()

    @model_validator(mode="after")
    def _has_one_form(self) -> Self:
        if (self.conversation is None) == (self.turns is None):
            raise ValueError("Give the call as conversation or as turns, one of the two.")
        return self


class FindingBody(BaseModel):
    """One of a closed list of the analysis guide."""

    value: str
    evidence: Evidence
    confidence: Confidence


class QualityBody(BaseModel):
    """How well the agent served the customer."""

    score: Percent
    effectiveness: Effectiveness
    evidence: Evidence
    confidence: Confidence


class SatisfactionBody(BaseModel):
    """How satisfied the customer would say they are."""

    score: Percent
    evidence: Evidence
    confidence: Confidence


class ChurnBody(BaseModel):
    """How likely the customer is to leave."""

    score: Percent
    band: ChurnBand
    evidence: Evidence
    confidence: Confidence


class RecommendationBody(BaseModel):
    """What the agent could do better."""

    fault: str
    text: str
    evidence: Evidence
    confidence: Confidence


class SummaryBody(BaseModel):
    """What was wanted, what was done, how it ended; null what the call does not show."""

    issue: FindingBody | None
    action: FindingBody | None
    outcome: FindingBody | None
    text: str


class ScorecardBody(BaseModel):
    """A question of the scorecard; null where it does not apply."""

    question: str
    answer: Literal["yes", "no"] | None
    evidence: Evidence
    confidence: Confidence


class AnalystInfo(BaseModel):
    """The model that answered."""

    model: str = Field(description="Name and version.")
    guide: str = Field(description="Name and version of the analysis guide.")
    load_time: datetime = Field(description="When the server took the model up.")


class AnalyzeAnswer(BaseModel):
    """What a call says of its service; what it does not show is null, never guessed."""

    model_config = ConfigDict(protected_namespaces=())

    case_id: str
    abstained: NoInsights = Field(description="Why there are no insights; empty where there are.")
    quality: QualityBody | None
    csat: SatisfactionBody | None
    primary_category: FindingBody | None
    churn_risk: ChurnBody | None
    journey_type: FindingBody | None
    coaching: list[RecommendationBody]
    summary: SummaryBody | None
    scorecard: list[ScorecardBody]
    turns_left_out: int = Field(description="Turns in the middle that the model did not read.")
    processing_time: float = Field(description="Seconds.")
    model_info: AnalystInfo
    timestamp: datetime
