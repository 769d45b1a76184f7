"""A small label set, and answers, corrections and calls as their topics carry them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.classification.label_set import AlertRule, Label, LabelSet, Task
from schemas.base import CallContext
from schemas.classification import (
    Abstention,
    CallClassified,
    LabelCorrected,
    ScoredLabel,
    TaskAnswer,
)
from schemas.turns import CallMetrics, FinalizedCall, FinalizedTurn

if TYPE_CHECKING:
    from schemas.base import Party

SHOP = LabelSet(
    name="shop",
    version=2,
    title="A shop",
    tasks=(
        Task("area", "Area", (Label("Goods", "Things."), Label("Money", "Payments."))),
        Task(
            "subject",
            "Subject",
            (
                Label("Broken", "A thing is broken.", "Goods", ("defect",)),
                Label("Late", "A thing is late.", "Goods"),
                Label("Refund", "Money back.", "Money"),
            ),
            parent="area",
        ),
        Task("moods", "Moods", (Label("Angry", "Anger."), Label("Sad", "Grief.")), mode="multi"),
        Task("urgency", "Urgency", (Label("Low", "Can wait."), Label("High", "Cannot wait."))),
    ),
    alerts=(AlertRule("urgent_call", "urgency", "High"),),
)
SHOP_TOML = """\
name = "shop"
version = 2
title = "A shop"
[[tasks]]
name = "area"
title = "Area"
labels = [{ name = "Goods", definition = "Things." }, { name = "Money", definition = "Payments." }]
[[tasks]]
name = "subject"
title = "Subject"
parent = "area"
labels = [
  { name = "Broken", definition = "A thing is broken.", parent = "Goods", spellings = ["defect"] },
  { name = "Late", definition = "A thing is late.", parent = "Goods" },
  { name = "Refund", definition = "Money back.", parent = "Money" },
]
"""
CAPTURED_AT_NS = 1_700_000_000_000_000_000


def answered(
    call_id: str,
    subject: str = "Broken",
    confidence: float = 0.9,
    *,
    model: str = "shop1@aaaaaaaa",
    abstained: Abstention = "",
    is_shadow: bool = False,
    is_provisional: bool = False,
    label_set: str = "shop-2",
) -> CallClassified:
    """Return the answer to a call by one model: its subject, or that it abstained."""
    labels = (ScoredLabel(label=subject, confidence=confidence),)
    return CallClassified(
        event_id=f"{call_id}/{model}",
        call_id=call_id,
        captured_at_ns=CAPTURED_AT_NS,
        label_set=label_set,
        model=model,
        answers=() if abstained else (TaskAnswer(task="subject", labels=labels),),
        abstained=abstained,
        is_shadow=is_shadow,
        is_provisional=is_provisional,
    )


def corrected(
    call_id: str, task: str, *labels: str, label_set: str = "shop", said: tuple[str, ...] = ()
) -> LabelCorrected:
    """Return a correction."""
    return LabelCorrected(
        event_id=f"{call_id}/corrected",
        call_id=call_id,
        captured_at_ns=CAPTURED_AT_NS,
        label_set=label_set,
        task=task,
        labels=labels,
        corrected=said,
    )


def finalized(
    call_id: str,
    *texts: str,
    party: Party = "customer",
    attributes: dict[str, str] | None = None,
    unserved_language: str = "",
) -> FinalizedCall:
    """Return a call of one turn a text."""
    turns = tuple(
        FinalizedTurn(
            turn_id=f"{call_id}/turn/0/{number}",
            channel=0,
            party=party,
            start_ms=1_000 * number,
            end_ms=1_000 * number + 900,
            text=text,
            segment_ids=(),
        )
        for number, text in enumerate(texts)
    )
    metrics = CallMetrics(
        duration_ms=1_000 * len(texts),
        silence_ms=0,
        silence_share=0.0,
        overlap_ms=0,
        interruptions=0,
        hold_ms=0,
        holds=0,
        turns=len(texts),
        words=0,
        gap_ms=0,
        channels=(),
    )
    return FinalizedCall(
        event_id=f"{call_id}/finalized",
        call_id=call_id,
        captured_at_ns=CAPTURED_AT_NS,
        end_reason="hangup",
        parties=(party,),
        turns=turns,
        metrics=metrics,
        context=CallContext(attributes=attributes or {}),
        unserved_language=unserved_language,
    )
