"""How many examples a property test tries: the same few in each run, many more in a search."""

from hypothesis import settings

USUAL = 100  # what Hypothesis tries where nobody says otherwise


def examples(count: int) -> settings:
    """Return the settings of a test that tries ``count`` of them, more under ``explore``.

    A test that names its number to Hypothesis itself would try no more in any profile.
    """
    usual = settings.default or settings()
    return settings(max_examples=count * usual.max_examples // USUAL, deadline=None)
