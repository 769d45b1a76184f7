"""The bodies of requests and answers, as OpenAPI describes them."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from schemas.base import (
    MAX_ATTRIBUTE_KEY,
    MAX_ATTRIBUTE_VALUE,
    MAX_ATTRIBUTES,
    MAX_CALL_ID,
    MAX_IDENTIFIER,
    MAX_LANGUAGE,
    MAX_NAME,
)
from schemas.classification import MAX_EVIDENCE, MAX_LABELS, MAX_NOTE

NARRATIVE = "A 12-year-old girl is being abused by her stepfather."
_ID_PATTERN = r"^[^\x00-\x1f\x7f-\x9f]+$"
Use = Literal["act", "enrich", "suggest", "none"]
Name = Annotated[str, StringConstraints(max_length=MAX_NAME)]
Language = Annotated[str, StringConstraints(max_length=MAX_LANGUAGE)]
GivenName = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME)]
CallId = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_CALL_ID, pattern=_ID_PATTERN)
]
TurnId = Annotated[str, StringConstraints(min_length=1, max_length=MAX_IDENTIFIER)]
Note = Annotated[str, StringConstraints(max_length=MAX_NOTE)]
AttributeKey = Annotated[str, StringConstraints(max_length=MAX_ATTRIBUTE_KEY)]
AttributeValue = Annotated[str, StringConstraints(max_length=MAX_ATTRIBUTE_VALUE)]


def _one_text(schema: dict[str, Any]) -> None:
    """Say in a schema that either the one or the other text is there."""
    given, missing = {"type": "string"}, {"type": "null"}
    schema["oneOf"] = [
        {"required": [name], "properties": {name: given, other: missing}}
        for name, other in (("text_transcript", "narrative"), ("narrative", "text_transcript"))
    ]


class Context(BaseModel):
    """What is known of a call beside its text; the rules of the settings choose a label set."""

    model_config = ConfigDict(extra="forbid", strict=True)

    queue: Name = ""
    domain: Name = ""
    language: Language = Field(
        default="", description="A tag such as en or en-US; empty: not known."
    )
    attributes: dict[AttributeKey, AttributeValue] = Field(default={}, max_length=MAX_ATTRIBUTES)


class CallText(BaseModel):
    """The text of a call."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra=_one_text)

    text_transcript: str | None = Field(None, description="The transcript, as one text.")
    narrative: str | None = Field(None, description="The same, by another name.")
    case_id: CallId | None = Field(
        None, description="Copied into the answer; without, it is made from the text."
    )
    label_set: GivenName | None = Field(
        None, description="That is to answer; without, the context decides.", examples=["helpline"]
    )
    context: Context = Context()

    @model_validator(mode="after")
    def _has_one_text(self) -> Self:
        if (self.text_transcript is None) == (self.narrative is None):
            raise ValueError("Give the text as text_transcript or as narrative, one of the two.")
        return self

    @property
    def text(self) -> str:
        """The text, by whichever name it came."""
        return self.text_transcript if self.text_transcript is not None else self.narrative or ""


class ClassifyRequest(CallText):
    """A call to classify."""

    flat: bool = Field(False, description="Answer with the labels alone.")


class BatchRequest(BaseModel):
    """Calls to classify."""

    model_config = ConfigDict(extra="forbid", strict=True)

    calls: list[CallText] = Field(min_length=1)
    flat: bool = Field(False, description="Answer with the labels alone.")


class FeedbackRequest(BaseModel):
    """What a call is in one respect, as a person says."""

    model_config = ConfigDict(extra="forbid", strict=True)

    call_id: CallId = Field(description="Of the call on the topics.", examples=["call-7"])
    label_set: GivenName = Field(examples=["helpline"])
    task: GivenName = Field(examples=["sub_category"])
    labels: list[GivenName] = Field(
        max_length=MAX_LABELS,
        description="That hold, in any of their spellings; none where none of the task's does.",
        examples=[["Bullying"]],
    )
    corrected: list[GivenName] = Field(
        [], max_length=MAX_LABELS, description="What the model had said."
    )
    model: Name = Field("", description="Name and version of the model that had said it.")
    evidence: list[TurnId] = Field(
        [], max_length=MAX_EVIDENCE, description="Ids of the turns that show it."
    )
    by: GivenName = Field(description="Who says so.", examples=["supervisor-3"])
    note: Note = Field("", description="In their words; no part of any training.")


class Evidence(BaseModel):
    """A sentence that carried a label."""

    text: str
    start: int = Field(description="Index of its first character in the text of the request.")
    end: int = Field(description="Index behind its last character.")


class Scored(BaseModel):
    """A label and how certain it is."""

    label: str
    confidence: float | None = Field(
        description="Calibrated probability; null where a rule alone gives the label."
    )


class Prediction(BaseModel):
    """What the call is in one respect."""

    label: str | None = Field(description="Null where no label of a task with several holds.")
    confidence: float | None = Field(
        description="Calibrated probability; null where a rule alone gives the label."
    )
    use: Use = Field(
        description="act: from 0.90, for automation; enrich: from 0.75, for analytics; suggest: "
        "from 0.50, for a person to decide; none: below. A label that a rule raised is act."
    )
    labels: list[Scored] = Field(description="All that hold; several only where the task has them.")
    evidence: list[Evidence] = Field(description="The strongest first.")
    raised_by: str = Field(description="The rule that calls for the label; empty: none does.")


class ModelInfo(BaseModel):
    """The model that answered."""

    model_config = ConfigDict(protected_namespaces=())

    model: str = Field(description="Name and version.")
    model_path: str
    loaded: bool
    load_time: datetime | None = Field(description="When the server took the model up.")
    device: str
    error: str | None = Field(description="Why no model is loaded.")


class _Answer(BaseModel):
    model_config = ConfigDict(protected_namespaces=())

    case_id: str
    label_set: str = Field(description="Name and version.")
    abstained: str = Field(
        description="Why the model gives no labels; empty where it does. Labels that a rule raised "
        "are there all the same."
    )
    processing_time: float = Field(description="Seconds.")
    model_info: ModelInfo
    timestamp: datetime


class NestedAnswer(_Answer):
    """What a call is about, with how certain that is."""

    predictions: dict[str, Prediction] = Field(description="By task of the label set.")
    second_opinion: str = Field(
        description="The sub-category whose description is nearest to the text; empty without."
    )
    windows: int = Field(description="How many pieces of the text the model read.")


class FlatAnswer(_Answer):
    """What a call is about, one field for each task of the label set; null where it has no label.

    A task with several labels gives a list.
    """

    model_config = ConfigDict(extra="allow", protected_namespaces=())
    __pydantic_extra__: dict[str, str | list[str] | None]


class BatchAnswer(BaseModel):
    """What calls are about, in the order of the request."""

    results: list[NestedAnswer | FlatAnswer]
    processing_time: float = Field(description="Seconds.")
    timestamp: datetime


class FeedbackAnswer(BaseModel):
    """A correction that is durable on its topic."""

    event_id: str
    topic: str
    labels: list[str] = Field(description="As the label set spells them.")
