"""Samples that are spread over all of a set, the same ones every time."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

StratumT = TypeVar("StratumT", bound="Hashable")


def spread_evenly(count: int, most: int) -> list[int]:
    """Return up to ``most`` of ``count`` indices, evenly."""
    if most >= count:
        return list(range(count))
    return [n * count // most for n in range(most)]


def fill_quotas(
    total: int, weights: Mapping[StratumT, float], sizes: Mapping[StratumT, int]
) -> dict[StratumT, int]:
    """Return how many to take of each stratum, by weight.

    A stratum that is too small is taken whole; what it lacks is spread over the others by weight.
    """
    quotas = dict.fromkeys(weights, 0)
    open_strata = [stratum for stratum in weights if sizes[stratum]]
    while open_strata and (left := total - sum(quotas.values())) > 0:
        whole = sum(weights[stratum] for stratum in open_strata)
        for stratum in open_strata:
            wanted = max(1, int(left * weights[stratum] / whole))
            missing = total - sum(quotas.values())
            quotas[stratum] += min(wanted, missing, sizes[stratum] - quotas[stratum])
        open_strata = [one for one in open_strata if quotas[one] < sizes[one]]
    return quotas
