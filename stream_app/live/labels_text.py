"""What a call was classified as, in words."""

from schemas.classification import CallClassified, TaskAnswer
from stream_app.logs.printable import printable

_ABSTENTIONS = {
    "too_short": "too few words",
    "silent": "no words",
    "wrong_number": "a wrong number",
    "prank": "a prank call",
    "language": "a language that the label set does not have",
    "uncertain": "no label is certain enough",
    "no_model": "no weights",
}


def labels_text(message: CallClassified) -> str:
    """Return the labels of a call, or why it has none.

    Such as ``main_category Cards (97 %), priority High (rule card_stolen)``.
    """
    labels = ", ".join(_answer_text(answer) for answer in message.answers if answer.labels)
    reason = _ABSTENTIONS.get(message.abstained, message.abstained)
    if not reason:
        return labels or "no label holds"
    return f"{labels}; otherwise none: {reason}" if labels else f"none: {reason}"


def _answer_text(answer: TaskAnswer) -> str:
    if answer.raised_by:
        ground = f"rule {answer.raised_by}"
        return printable(f"{answer.task} {answer.labels[0].label} ({ground})")
    labels = " and ".join(f"{each.label} ({each.confidence:.0%})" for each in answer.labels)
    return printable(f"{answer.task} {labels}")
