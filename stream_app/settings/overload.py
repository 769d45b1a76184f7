"""Settings of what a worker does when it falls behind."""

from pydantic import Field

from stream_app.settings.part import Part


class OverloadSettings(Part):
    """What a worker does when it falls behind.

    Attributes:
        max_pending_final_audio_s: `transcribe` reads no more while finals of more audio are
            unfinished; other agents have limits of their own.
        no_partials_behind_s: Input that is read this much later than it came leads to no partials.
        max_final_s: A run of the model (a final), or a step of the state machines on their thread
            (the VAD is one), that takes longer ends the process; an agent may allow more.
        max_open_calls: Input of further calls is refused while a process holds this many. A call
            that sent one chunk costs 40 KiB; with the limit, a gateway that makes up an id for
            every chunk cannot use up the memory.
    """

    max_pending_final_audio_s: float = Field(default=60.0, gt=0)
    no_partials_behind_s: float = Field(default=2.0, gt=0)
    max_final_s: float = Field(default=60.0, gt=0)
    max_open_calls: int = Field(default=5_000, ge=1)
