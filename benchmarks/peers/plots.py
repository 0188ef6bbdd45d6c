"""Small SVG plots of results: python -m benchmarks.peers.plots FOLDER RESULT.json..."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl  # type: ignore[import-not-found, unused-ignore]

mpl.use("svg")
import matplotlib.pyplot as plt  # type: ignore[import-not-found, unused-ignore]
from matplotlib.ticker import (  # type: ignore[import-not-found, unused-ignore]
    FuncFormatter,
    NullFormatter,
)

# Text as text, and the same file for the same figures.
mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "performance", "font.size": 9})
COLOURS = ("#1b6ca8", "#8a8a8a", "#e08e2b", "#4f9d69", "#b0413e")
WIDE, HIGH = 7.2, 3.2


def draw(plot: dict[str, Any], folder: Path) -> None:
    """Draw one plot."""
    rows = plot["kind"] == "rows"
    figure, axes = plt.subplots(figsize=(WIDE, 0.25 * len(plot["labels"]) + 1 if rows else HIGH))
    {"lines": lines, "bars": bars, "stacked": stacked, "rows": horizontal}[plot["kind"]](axes, plot)
    axes.set_title(plot["title"], loc="left", fontweight="bold")
    (axes.set_xlabel if rows else axes.set_ylabel)(plot["unit"])
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x" if rows else "y", alpha=0.3)
    if len(plot["series"]) > 1:
        axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    figure.savefig(folder / f"{plot['name']}.svg", bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


def lines(axes: Any, plot: dict[str, Any]) -> None:
    """Draw curves over sizes."""
    for (name, values), colour in zip(plot["series"].items(), COLOURS, strict=False):
        axes.plot(plot["labels"], values, marker="o", label=name, color=colour)
    if plot["log"]:
        logarithmic(axes, "x")
        logarithmic(axes, "y")


def bars(axes: Any, plot: dict[str, Any]) -> None:
    """Draw groups of bars."""
    width = 0.8 / len(plot["series"])
    for number, ((name, values), colour) in enumerate(zip(plot["series"].items(), COLOURS, strict=False)):
        at = [place + number * width for place in range(len(values))]
        axes.bar(at, [value or 0 for value in values], width, label=name, color=colour)
    places = [place + 0.4 - width / 2 for place in range(len(plot["labels"]))]
    axes.set_xticks(places, [wrapped(label) for label in plot["labels"]])
    if plot["log"]:
        logarithmic(axes, "y")
        # A bar of one would have no height.
        axes.set_ylim(bottom=0.8 * min(v for values in plot["series"].values() for v in values if v))


def stacked(axes: Any, plot: dict[str, Any]) -> None:
    """Draw bars on top of each other."""
    below = [0.0] * len(plot["labels"])
    for (name, values), colour in zip(plot["series"].items(), COLOURS, strict=False):
        axes.bar(plot["labels"], values, 0.5, bottom=below, label=name, color=colour)
        below = [under + value for under, value in zip(below, values, strict=True)]


def horizontal(axes: Any, plot: dict[str, Any]) -> None:
    """Draw one bar per row."""
    (values,) = plot["series"].values()
    axes.barh(plot["labels"], values, color=COLOURS[0])
    axes.invert_yaxis()


def logarithmic(axes: Any, which: str) -> None:
    """Scale an axis, and write its powers of ten as numbers."""
    getattr(axes, f"set_{which}scale")("log")
    axis = getattr(axes, f"{which}axis")
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_formatter(NullFormatter())


def wrapped(label: str) -> str:
    """Return a label of several short lines."""
    found = [""]
    for word in str(label).split():
        if len(found[-1]) + len(word) > 14:  # noqa: PLR2004 - letters that fit below a group of bars
            found.append("")
        found[-1] = f"{found[-1]} {word}".strip()
    return "\n".join(found)


if __name__ == "__main__":
    images = Path(sys.argv[1])
    images.mkdir(parents=True, exist_ok=True)
    for path in sys.argv[2:]:
        for one in json.loads(Path(path).read_text("utf-8"))["plots"]:
            draw(one, images)
