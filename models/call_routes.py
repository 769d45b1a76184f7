"""Which calls a label set or an analysis guide serves, by the context of a call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from schemas.base import CallContext


class CallRoute(msgspec.Struct, frozen=True):
    """Which calls something serves; an empty field fits all.

    Attributes:
        name: Of what serves them.
        queue: In which the caller waited.
        domain: Subject of the call.
        attributes: Of the call's context, that must have these values.
    """

    name: str
    queue: str = ""
    domain: str = ""
    attributes: dict[str, str] = {}

    def fits(self, context: CallContext) -> bool:
        """Return whether it is meant for a call."""
        return (
            self.queue in {"", context.queue}
            and self.domain in {"", context.domain}
            and all(context.attributes.get(key) == value for key, value in self.attributes.items())
        )


class CallRoutes:
    """What serves a call: the first route that fits, else the default.

    Args:
        default: Of calls that no route fits.
        routes: In the order in which they are tried.
        known: Names that may serve.
        title: What they are names of, as the error says it.

    Raises:
        ConfigurationError: A route or the default has another name.
    """

    def __init__(
        self, default: str, routes: Sequence[CallRoute], known: Collection[str], title: str
    ) -> None:
        for name in (default, *(route.name for route in routes)):
            if name not in known:
                raise ConfigurationError(
                    f"calls are routed to the {title} {name!r}, of which no model is named: "
                    f"there are {', '.join(sorted(known)) or 'none'}"
                )
        self._default = default
        self._routes = tuple(routes)

    def name_for(self, context: CallContext) -> str:
        """Return the name of what serves a call."""
        return next((each.name for each in self._routes if each.fits(context)), self._default)


def by_name(names: Iterable[str]) -> dict[str, list[int]]:
    """Return of each name where it stands, so that calls of one name are asked together."""
    found: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        found.setdefault(name, []).append(place)
    return found
