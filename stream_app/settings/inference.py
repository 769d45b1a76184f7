"""Settings of what happens to a request that a model could not run."""

from pydantic import Field

from stream_app.settings.part import Part


class InferenceSettings(Part):
    """How often a failed request is run again; only one whose failure may pass.

    With the defaults a back-end may be away for a minute (0.5 + 1 + 2 + 4 + 8 + 16 + 30 s) before
    a request becomes a dead letter. Other requests never wait for one that is to be run again.

    All backoffs together should stay below ``kafka.max_poll_interval_s``: reading may wait for as
    long, where a limit of the agent is reached.

    Attributes:
        max_attempts: Runs of a request in all; 1 never tries again.
        first_backoff_s: From the first failure to the second run; doubled after each further one.
        max_backoff_s: Longest time between two runs.
    """

    max_attempts: int = Field(default=8, ge=1, le=100)
    first_backoff_s: float = Field(default=0.5, gt=0)
    max_backoff_s: float = Field(default=30.0, gt=0)
