"""The look of all pictures: light, one colour scheme, saved without a window."""

from pathlib import Path
from typing import Any

from models.extras.requirement import required_for

with required_for("drawing", extra="bench"):
    import matplotlib as mpl
    from matplotlib import pyplot as plt

DPI = 130
INK = "#333333"
GRID_ALPHA = 0.3


def new_figure(columns: int = 1, *, width: float = 4.8, height: float = 3.6) -> tuple[Any, Any]:
    """Return a figure and its axes, always in a list, in one row."""
    mpl.use("Agg")
    figure, axes = plt.subplots(
        1, columns, figsize=(width * columns, height), layout="constrained", squeeze=False
    )
    for each in axes[0]:
        each.grid(visible=True, alpha=GRID_ALPHA)
        each.set_axisbelow(True)
        each.spines[["top", "right"]].set_visible(False)
    return figure, list(axes[0])


def save_figure(figure: Any, path: Path) -> None:
    """Write the figure as a PNG and forget it."""
    figure.savefig(path, dpi=DPI)
    plt.close(figure)


def colours(count: int) -> list[Any]:
    """Return colours that stay apart in print."""
    scheme = mpl.colormaps["viridis"]
    return [scheme(0.1 + 0.75 * n / max(count - 1, 1)) for n in range(count)]


def label_bars(axes: Any, digits: int = 1) -> None:
    """Write its value above each bar."""
    for bars in axes.containers:
        if hasattr(bars, "patches"):
            axes.bar_label(bars, fmt=f"%.{digits}f", fontsize=6, padding=1, color=INK)
