"""From an analysis to the text that a model writes, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.analytics.answer_codes import decode_codes, encode_codes
from models.analytics.answer_document import decode_document, encode_document
from models.analytics.answer_parts import (
    MAX_TURNS,
    AnswerError,
    AnswerForm,
    TokenConfidences,
    as_shown,
    check_analysis,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.analytics.analysis import Analysis
    from models.analytics.guide import AnalysisGuide

__all__ = ["MAX_TURNS", "AnswerError", "AnswerForm", "as_shown", "decode_answer", "encode_answer"]


def encode_answer(
    analysis: Analysis, guide: AnalysisGuide, form: AnswerForm, shown: Sequence[int]
) -> str:
    """Return the answer that a model should write; decoded, it is `as_shown(analysis, shown)`.

    Args:
        analysis: Of the whole call.
        guide: That the names are of.
        form: ``codes`` for small models, ``document`` with names and keys in full.
        shown: Indexes of the turns that the prompt shows, in its order.

    Raises:
        AnswerError: The analysis is none of this guide, or has a score between two steps.
    """
    check_analysis(analysis, guide)
    visible = as_shown(analysis, shown)
    if form == "codes":
        return encode_codes(visible, guide, shown)
    return encode_document(visible, guide, shown)


def decode_answer(
    text: str,
    guide: AnalysisGuide,
    form: AnswerForm,
    shown: Sequence[int],
    tokens: Sequence[tuple[str, float]] = (),
) -> Analysis:
    """Return the analysis that an answer holds.

    Args:
        text: What a model wrote.
        guide: As of `encode_answer`.
        form: Likewise.
        shown: Likewise.
        tokens: The text of each token and its probability among those that the grammar allowed;
            the confidences of the analysis come from them. Without, they are -1.

    Raises:
        AnswerError: The text is not of the form, or names what the guide or the prompt lacks.
    """
    confidences = TokenConfidences(text, tokens)
    if form == "codes":
        return decode_codes(text, guide, shown, confidences)
    return decode_document(text, guide, shown, confidences)
