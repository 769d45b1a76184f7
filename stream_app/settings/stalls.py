"""Settings of when a call without audio is closed."""

from typing import Self

from pydantic import Field, model_validator

from stream_app.settings.part import Part


class StallSettings(Part):
    """When a call without audio is closed.

    Attributes:
        stall_after_s: Time without audio after which segments and turns close.
        stale_after_s: Time without audio after which the call ends; longer than any gateway spools.
        stale_on_hold_after_s: The same while the call is on hold, which explains its silence.
    """

    stall_after_s: float = Field(default=15.0, gt=0)
    stale_after_s: float = Field(default=600.0, gt=0)
    stale_on_hold_after_s: float = Field(default=14_400.0, gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.stale_after_s <= self.stall_after_s:
            raise ValueError("stale_after_s must be longer than stall_after_s")
        if self.stale_on_hold_after_s < self.stale_after_s:
            raise ValueError("stale_on_hold_after_s must not be shorter than stale_after_s")
        return self
