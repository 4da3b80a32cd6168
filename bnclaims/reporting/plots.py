"""What Matplotlib draws, where it is installed: figures as SVG and PNG, and a claim's numbers."""

import hashlib
import importlib.util
import io
import math
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from bnclaims.language.figure import Drawing, Line
from bnclaims.language.finding import Finding
from bnclaims.reporting.badges import file_names
from bnclaims.reporting.charts import colours, grades, is_logarithmic
from bnclaims.reporting.compared import distinct_names
from bnclaims.reporting.page import arm_lines
from bnclaims.reporting.results import ClaimResult

_SIZE = (6.4, 4.0)
_WIDE = (9.0, 3.6)
_COLUMNS = 60
"""How much text stands below one of two axes."""
_DPI = 150
# Okabe & Ito's palette, which colour-blind people can tell apart; without yellow, too light a line.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#000000", "#56b4e9", "#e69f00")
# Matplotlib's plasma without what is too light for a line, as on the page.
_SCALE = (
    "#0d0887", "#330597", "#5002a2", "#6c00a8", "#8606a6", "#9d189d", "#b32c8e", "#c5407e",
    "#d5536f", "#e3685f",
)  # fmt: skip


def write(
    figures: Sequence[Drawing], folder: Path, conditions: str, older: Path | None = None
) -> list[Path]:
    """Writes each figure as SVG and PNG; returns the paths, none where Matplotlib is not installed.

    Args:
        figures: What `bnclaims.language.figure.drawn` returns of each.
        folder: Where they go; made if need be.
        conditions: On what was trained and how much, for the curves' titles.
        older: Where they may be from an earlier time; by default in the folder itself.

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
        for path in _written(figure, folder, names[figure.title], conditions, older or folder)
    ]


def claim_figure(claim: ClaimResult) -> Any:
    """Returns a Matplotlib figure: what decides a claim, seed by seed, beside its learning curves.

    Args:
        claim: What it came to; it has a finding.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415

    class ClaimFigure(Figure):
        """A figure that a notebook shows by itself, whatever its backend is."""

        def _repr_png_(self) -> bytes:
            picture = io.BytesIO()
            self.savefig(picture, format="png")
            return picture.getvalue()

    canvas = ClaimFigure(figsize=_WIDE, layout="constrained")
    lines = [line for line in arm_lines(claim) if any(line.values)]
    left, *right = canvas.subplots(1, 1 + bool(lines), squeeze=False)[0]
    names = [line.label for line in lines]
    short = dict(zip(names, distinct_names(names), strict=True)) if names else {}
    _seeds(left, claim.findings[0], short)
    for axes in right:
        drawn = [replace(line, label=short[line.label]) for line in lines]
        _draw_curves(axes, drawn, _colours_of(drawn))
        axes.legend(frameon=False, fontsize=8)
    canvas.suptitle(f"{claim.statement}: {claim.verdict}", wrap=True)
    return canvas


def _seeds(axes: Any, finding: Finding, short: Mapping[str, str]) -> None:
    """Draws a dot for each seed, the mean with its interval, and where it is claimed to be."""
    values, region = np.array(finding.values, dtype=float), finding.region
    numbers = [*values, *filter(math.isfinite, finding.ends), *region.edges]
    ends = np.array([np.nanmin(numbers), np.nanmax(numbers)])
    left, right = ends + np.array([-0.1, 0.1]) * (ends[1] - ends[0] or 1)
    axes.plot(values, np.arange(len(values)), "o", color=_COLOURS[0], alpha=0.7, label="seeds")
    axes.plot(np.clip(finding.ends, left, right), [-1, -1], color=_COLOURS[4], linewidth=2.5)
    axes.plot([finding.estimate], [-1], "D", color=_COLOURS[4], label="estimate and interval")
    low = left if region.low is None else region.low
    high = right if region.high is None else region.high
    axes.axvspan(
        low, high, color=_COLOURS[2], alpha=0.12, linewidth=0, label=f"claimed: {finding.claimed}"
    )
    for edge in region.edges:
        axes.axvline(edge, color=_COLOURS[2], linestyle="--", linewidth=1)
    contrast = finding.contrast
    for name in sorted(short, key=len, reverse=True):  # one may be the beginning of another
        contrast = contrast.replace(name, short[name])
    axes.set(xlim=(left, right), xlabel=textwrap.fill(contrast, _COLUMNS), ylabel="seed")
    axes.set(yticks=range(0, len(values), 1 + len(values) // 10))
    axes.legend(frameon=False, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3)
    axes.spines[["top", "right"]].set_visible(False)


def _written(figure: Drawing, folder: Path, name: str, conditions: str, older: Path) -> list[Path]:
    svg, png = (folder / f"{name}.{kind}" for kind in ("svg", "png"))
    seeds = f"{len(figure.lines[0].values)} seeds"
    # An untrained layer is of no protocol.
    subtitle = f"{seeds}, {conditions}" if figure.kind == "curves" else seeds
    identifier = _identifier(figure, subtitle)
    # Drawing takes seconds, and a rerun with everything stored has nothing new to draw.
    if not _shows(older / svg.name, older / png.name, identifier):
        _draw(figure, subtitle, svg, png, identifier)
    elif older != folder:
        for path in (svg, png):
            shutil.copy(older / path.name, path)
    return [svg, png]


def _shows(svg: Path, png: Path, identifier: str) -> bool:
    """Says whether there are pictures of a figure with this identifier."""
    return png.is_file() and svg.is_file() and identifier.encode() in svg.read_bytes()


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
    _draw_curves(axes, figure.lines, _colours(figure))
    canvas.legend(frameon=False, fontsize=8, loc="outside right upper")


def _draw_curves(axes: Any, lines: Sequence[Line], shades: Sequence[str]) -> None:
    for colour, line in zip(shades, lines, strict=True):
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
    if is_logarithmic(lines):
        axes.set(xlabel="epoch", ylabel="training loss, log scale", yscale="log")
    else:
        axes.set(xlabel="epoch", ylabel="training loss", ylim=(min(0, axes.dataLim.y0), None))
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.spines[["top", "right"]].set_visible(False)


def _colours(figure: Drawing) -> list[str]:
    """Returns the colour of each line, on a scale where they are steps of one quantity."""
    if figure.graded:
        numbers = colours([line.dashed for line in figure.lines])
        return [_SCALE[step] for step in grades(numbers, len(_SCALE))]
    return _colours_of(figure.lines)


def _colours_of(lines: Sequence[Line]) -> list[str]:
    return [_COLOURS[number % len(_COLOURS)] for number in colours([x.dashed for x in lines])]


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
