"""Samples that are spread over all of a set, the same ones every time."""


def spread_evenly(count: int, most: int) -> list[int]:
    """Return up to ``most`` of ``count`` indices, evenly."""
    if most >= count:
        return list(range(count))
    return [n * count // most for n in range(most)]
