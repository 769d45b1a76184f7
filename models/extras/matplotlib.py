"""matplotlib, of the extra ``train``: figures of reports."""

from models.extras.requirement import required_for

with required_for("a figure", extra="train"):
    from matplotlib.figure import Figure

__all__ = ["Figure"]
