"""The extra ``av``: FFmpeg, for recordings that libsndfile does not read."""

from models.extras.requirement import required_for

with required_for("reading it", extra="av"):
    import av

__all__ = ["av"]
