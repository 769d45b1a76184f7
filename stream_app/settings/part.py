"""What every part of the settings has in common."""

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A frozen group of settings that refuses a field it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")
