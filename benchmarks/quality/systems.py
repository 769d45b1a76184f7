"""What is compared: weights with an encoder context, a back-end, a precision and a beam."""

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from benchmarks.core.backends import FULL, Backend, load_backend, parse_backends
from models.asr.core.requests import BEAM_SIZE, DecodeOptions, SpeechEngine
from schemas.errors import ConfigurationError

_SYSTEM = re.compile(
    rf"(?P<model>.+?)(@(?P<context>{FULL}|\d+))?(=(?P<backend>\w+:[a-z]\w+)(:(?P<beam>\d+))?)?"
)


class System(msgspec.Struct, frozen=True):
    """Weights as they are run.

    Attributes:
        model: ``bundled``, or a path.
        backend: And precision.
        context: See `load_backend`.
        beam_size: See `models.asr.core.requests.DecodeOptions`.
    """

    model: str
    backend: Backend
    context: str = ""
    beam_size: int = BEAM_SIZE

    @property
    def options(self) -> DecodeOptions:
        """Return how it decodes."""
        return DecodeOptions(beam_size=self.beam_size)

    @property
    def label(self) -> str:
        """How tables and pictures name it."""
        context = {"": "", FULL: " padded to 30 s"}.get(self.context, f" + {self.context} ms")
        path = Path(self.model)
        name = path.stem if path.suffix in {".pt", ".json"} else path.name
        search = {BEAM_SIZE: "", 1: ", greedy"}.get(self.beam_size, f", beam of {self.beam_size}")
        return f"{name}{context}, {self.backend.label}{search}"

    def load(self) -> SpeechEngine:
        """Return its engine, on one thread.

        Raises:
            CallstreamError: It cannot be loaded.
        """
        return load_backend(self.model, self.backend, context=self.context)


def parse_systems(models: Sequence[str], backends: Sequence[Backend]) -> tuple[System, ...]:
    """Return the systems that ``MODEL[@CONTEXT][=BACKEND:PRECISION[:BEAM]]`` name.

    Args:
        models: Each on every back-end that ``backends`` lists, or on the one it names itself.
        backends: For those that name none.

    Raises:
        ConfigurationError: None is named, or one twice, or a back-end that there is not.
    """
    systems: list[System] = []
    for text in models:
        found = _SYSTEM.fullmatch(text)
        if found is None or found["beam"] == "0":
            raise ConfigurationError(f"'{text}' names no weights, or a beam of nothing")
        own = parse_backends(found["backend"]) if found["backend"] else backends
        beam_size = int(found["beam"] or BEAM_SIZE)
        systems += [System(found["model"], each, found["context"] or "", beam_size) for each in own]
    labels = [system.label for system in systems]
    if not systems or len(set(labels)) < len(labels):
        raise ConfigurationError("name weights and back-ends to compare, each once by its label")
    return tuple(systems)
