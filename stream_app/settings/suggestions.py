"""What somebody may have meant who misspelt the name of a setting."""

import difflib
from collections.abc import Collection

PREFIX = "CALLSTREAM_"
SEPARATOR = "__"
OPTIONS = {"BROKERS": "KAFKA__BOOTSTRAP_SERVERS"}  # of commands, which set the same
_MIN_LIKENESS = 0.6
_MIN_PREFIX_LIKENESS = 0.8


def unknown_variable(name: str, known: Collection[str]) -> str:
    """Return the complaint about an environment variable that is no setting."""
    meant = " or ".join(meant_by(name, known))
    advice = f"did you mean {meant}?" if meant else "`callstream settings` lists them all"
    return f"{name} is not a setting: {advice}"


def meant_by(name: str, known: Collection[str]) -> tuple[str, ...]:
    """Return the variables that may have been meant.

    Args:
        name: As it was written.
        known: The variables that there are, as ``CALLSTREAM_PART__FIELD``.
    """
    text = name.upper().removeprefix(PREFIX)
    texts = sorted(each.removeprefix(PREFIX) for each in known)
    parts = {each.partition(SEPARATOR)[0] for each in texts}
    part, separator, field = text.partition(SEPARATOR)
    if option := OPTIONS.get(field or part):
        found = [option]
    elif part in parts and separator:
        of_part = [each for each in texts if each.startswith(f"{part}{separator}")]
        fields = [each.partition(SEPARATOR)[2] for each in of_part]
        found = [f"{part}{separator}{each}" for each in _close(field, fields)]
    elif part in parts:
        found = [f"{part}{SEPARATOR}.."]
    else:
        same = [each for each in texts if each.endswith(f"{SEPARATOR}{text}")]
        found = same or _close(text, texts)
    return tuple(f"{PREFIX}{each}" for each in found)


def is_misspelt(name: str, known: Collection[str]) -> bool:
    """Return whether a variable has the name of a setting behind a prefix that is nearly ours."""
    prefix, _, rest = name.upper().partition("_")
    own = PREFIX.rstrip("_")
    is_near = difflib.SequenceMatcher(None, prefix, own).ratio() >= _MIN_PREFIX_LIKENESS
    return is_near and prefix != own and f"{PREFIX}{rest}" in known


def _close(text: str, texts: Collection[str]) -> list[str]:
    return difflib.get_close_matches(text, texts, n=1, cutoff=_MIN_LIKENESS)
