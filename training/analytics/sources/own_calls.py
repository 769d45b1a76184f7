"""From what a file says of a call to an example."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from training.analytics.corpus.examples import Example
from training.analytics.sources.analyses import read_analysis
from training.analytics.sources.contexts import complete_context
from training.analytics.sources.protocol import Found, UnusableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from training.analytics.sources.protocol import Reading
    from training.analytics.sources.recipe import Analysed, ChatML
    from training.analytics.sources.transcripts import Transcript


def own_call(
    reading: Reading[Analysed] | Reading[ChatML],
    name: str,
    transcript: Transcript,
    analysis: Mapping[str, Any],
    provenance: dict[str, str],
) -> Found:
    """Return the example of a call that somebody brings.

    Args:
        reading: Of the source.
        name: Of the call in the source.
        transcript: What was said.
        analysis: An object with the document's keys.
        provenance: Files that it comes from.

    Raises:
        UnusableError: The call is too short for the guide, or the analysis cannot be used.
    """
    guide, turns = reading.guide, transcript.turns
    if len(turns) < guide.min_turns:
        reason = f"it has {len(turns)} turns; the guide asks for {guide.min_turns}"
        raise UnusableError(reason)
    answered = read_analysis(analysis, guide, len(turns))
    context, corrected = complete_context(transcript.given, reading.calendar)
    full_name = f"{reading.name}/{name}"
    example = Example(
        id=full_name,
        source=reading.name,
        group=full_name,
        guide=guide.versioned_name,
        turns=turns,
        context=context,
        analysis=answered.analysis,
        tasks=answered.tasks,
        is_synthetic=reading.source.is_synthetic,
        provenance=provenance,
    )
    return Found(example, reading.source.split or None, (*answered.remarks, *corrected))
