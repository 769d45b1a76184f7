"""What an agent may hold unfinished before it reads no more."""

from dataclasses import dataclass

AUDIO_MS = "audio_ms"


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one process of an agent.

    Reading waits while a bound is exceeded and requests that are never shed are unfinished; so no
    bound can stop it for good.

    Attributes:
        max_cost: Of unfinished requests together, see `InferenceRequest.cost`; None bounds nothing.
        unit: Of the cost.
        max_inputs: Inputs that are not acknowledged; None bounds nothing.
        max_run_s: A run of the model, or a step of the state machines on their thread, that takes
            longer ends the process; None leaves it to the settings.
    """

    max_cost: int | None = None
    unit: str = "requests"
    max_inputs: int | None = 1_000
    max_run_s: float | None = None


DEFAULT_LIMITS = Limits()
