"""The figures as files: SVG and PNG, by Matplotlib, where it is installed."""

import hashlib
import importlib.util
from collections.abc import Sequence
from importlib import metadata
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from bnclaims.language.figure import Drawing
from bnclaims.reporting.badges import file_names
from bnclaims.reporting.charts import colours, grades, is_logarithmic

_SIZE = (6.4, 4.0)
_DPI = 150
# Okabe & Ito's palette, which colour-blind people can tell apart; without yellow, too light a line.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#000000", "#56b4e9", "#e69f00")
# Matplotlib's plasma without what is too light for a line, as on the page.
_SCALE = (
    "#0d0887", "#330597", "#5002a2", "#6c00a8", "#8606a6", "#9d189d", "#b32c8e", "#c5407e",
    "#d5536f", "#e3685f",
)  # fmt: skip


def write(figures: Sequence[Drawing], folder: Path, conditions: str) -> list[Path]:
    """Writes each figure as SVG and PNG; returns the paths, none where Matplotlib is not installed.

    Args:
        figures: What `bnclaims.language.figure.drawn` returns of each.
        folder: Where they go; made if need be.
        conditions: On what was trained and how much, for the curves' titles.

    Raises:
        OSError: The folder cannot be written to.
    """
    if not figures or importlib.util.find_spec("matplotlib") is None:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    names = file_names(figure.title for figure in figures)
    return [
        path
        for figure in figures
        for path in _written(figure, folder, names[figure.title], conditions)
    ]


def _written(figure: Drawing, folder: Path, name: str, conditions: str) -> list[Path]:
    svg, png = (folder / f"{name}.{kind}" for kind in ("svg", "png"))
    seeds = f"{len(figure.lines[0].values)} seeds"
    # An untrained layer is of no protocol.
    subtitle = f"{seeds}, {conditions}" if figure.kind == "curves" else seeds
    identifier = _identifier(figure, subtitle)
    # Drawing takes seconds, and a rerun with everything stored has nothing new to draw.
    if not (png.exists() and svg.exists() and identifier in svg.read_text(encoding="utf-8")):
        _draw(figure, subtitle, svg, png, identifier)
    return [svg, png]


def _identifier(figure: Drawing, subtitle: str) -> str:
    """Returns a digest of what a figure shows and of how it is drawn."""
    parts = (
        repr(figure),
        subtitle,
        metadata.version("matplotlib"),
        Path(__file__).read_text("utf-8"),
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _draw(figure: Drawing, subtitle: str, svg: Path, png: Path, identifier: str) -> None:
    # Without pyplot nobody's windows are touched; the salt makes equal figures equal files.
    import matplotlib as mpl  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    with mpl.rc_context({"svg.hashsalt": "bnclaims", "font.size": 9, "svg.fonttype": "none"}):
        canvas = Figure(figsize=_SIZE, layout="constrained")
        (_curves if figure.kind == "curves" else _histograms)(canvas, figure)
        canvas.suptitle(f"{figure.title}\n{subtitle}")
        canvas.savefig(png, dpi=_DPI)
        canvas.savefig(svg, metadata={"Date": None, "Identifier": identifier})


def _curves(canvas: Any, figure: Drawing) -> None:
    """Draws each seed, the mean, and a band of one standard deviation."""
    axes = canvas.subplots()
    lines = figure.lines
    log = is_logarithmic(lines)
    for colour, line in zip(_colours(figure), lines, strict=True):
        # As on the page: of the seeds that have a value; a callback may have ended some early.
        columns = list(zip_longest(*line.values))
        values = np.ma.masked_invalid(np.array(columns, dtype=float).T)
        epochs = np.arange(1, values.shape[1] + 1)
        dashes = "--" if line.dashed else "-"
        mean, deviation = values.mean(axis=0), values.std(axis=0, ddof=min(1, len(values) - 1))
        style = {"linestyle": dashes, "marker": "." if len(epochs) == 1 else "", "color": colour}
        axes.plot(epochs, values.T, **style, linewidth=0.5, alpha=0.5)
        axes.plot(epochs, mean, **style, linewidth=2, label=line.label)
        axes.fill_between(
            epochs, mean - deviation, mean + deviation, color=colour, alpha=0.15, linewidth=0
        )
    if log:
        axes.set(xlabel="epoch", ylabel="training loss, log scale", yscale="log")
    else:
        axes.set(xlabel="epoch", ylabel="training loss", ylim=(min(0, axes.dataLim.y0), None))
    axes.xaxis.get_major_locator().set_params(integer=True)
    canvas.legend(frameon=False, fontsize=8, loc="outside right upper")
    axes.spines[["top", "right"]].set_visible(False)


def _colours(figure: Drawing) -> list[str]:
    """Returns the colour of each line, on a scale where they are steps of one quantity."""
    numbers = colours([line.dashed for line in figure.lines])
    if figure.graded:
        return [_SCALE[step] for step in grades(numbers, len(_SCALE))]
    return [_COLOURS[number % len(_COLOURS)] for number in numbers]


def _histograms(canvas: Any, figure: Drawing) -> None:
    """Draws the mean share of each bin, with whiskers over the seeds."""
    edges = np.array(figure.edges)
    rows = canvas.subplots(1, len(figure.lines), sharey=True, squeeze=False)[0]
    for axes, line, colour in zip(rows, figure.lines, _colours(figure), strict=True):
        values = np.array(line.values, dtype=float)
        mean = values.mean(axis=0)
        spread = [mean - values.min(axis=0), values.max(axis=0) - mean]
        axes.bar(
            edges[:-1], mean, np.diff(edges), align="edge", color=colour,
            yerr=spread, error_kw={"linewidth": 0.8}, edgecolor="white", linewidth=0.5,
        )  # fmt: skip
        axes.set(title=line.label, xlabel="activation")
        axes.spines[["top", "right"]].set_visible(False)
    rows[0].set_ylabel("share of units")
