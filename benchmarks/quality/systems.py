"""What is compared: weights with an encoder context, a back-end and a precision."""

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from benchmarks.core.backends import FULL, Backend, load_backend, parse_backends
from models.asr.core.requests import SpeechEngine
from schemas.errors import ConfigurationError

_SYSTEM = re.compile(rf"(?P<model>.+?)(@(?P<context>{FULL}|\d+))?(=(?P<backend>\w+:\w+))?")


class System(msgspec.Struct, frozen=True):
    """Weights as they are run.

    Attributes:
        model: ``bundled``, or a path.
        backend: And precision.
        context: See `load_backend`.
    """

    model: str
    backend: Backend
    context: str = ""

    @property
    def label(self) -> str:
        """How tables and pictures name it."""
        context = {"": "", FULL: " padded to 30 s"}.get(self.context, f" + {self.context} ms")
        path = Path(self.model)
        name = path.stem if path.suffix in {".pt", ".json"} else path.name
        return f"{name}{context}, {self.backend.label}"

    def load(self) -> SpeechEngine:
        """Return its engine, on one thread.

        Raises:
            CallstreamError: It cannot be loaded.
        """
        return load_backend(self.model, self.backend, context=self.context)


def parse_systems(models: Sequence[str], backends: Sequence[Backend]) -> tuple[System, ...]:
    """Return the systems that ``MODEL[@CONTEXT][=BACKEND:PRECISION]`` name.

    Args:
        models: Each on every back-end that ``backends`` lists, or on the one it names itself.
        backends: For those that name none.

    Raises:
        ConfigurationError: None is named, or one twice, or a back-end that there is not.
    """
    systems: list[System] = []
    for text in models:
        found = _SYSTEM.fullmatch(text)
        if found is None:
            raise ConfigurationError(f"'{text}' names no weights")
        own = parse_backends(found["backend"]) if found["backend"] else backends
        systems += [System(found["model"], each, found["context"] or "") for each in own]
    labels = [system.label for system in systems]
    if not systems or len(set(labels)) < len(labels):
        raise ConfigurationError("name weights and back-ends to compare, each once by its label")
    return tuple(systems)
