"""The warning that a call is in a language that the recognizer does not serve."""

from typing import Literal

from stream_app.calls.effects import Tell

UNDETERMINED = "und"  # BCP 47: what its words do not tell


def language_warning(
    language: str, *, served: str, by: Literal["stated", "words"], **details: float
) -> Tell:
    """Return the warning.

    Args:
        language: Of the call, or `UNDETERMINED`.
        served: What its words are written as.
        by: The call stated its language, or its words do not look like what they are written as.
        details: What else the line says.
    """
    said = {"language": language, "served": served, "by": by}
    return Tell("call.language_unserved", {**said, **details})
