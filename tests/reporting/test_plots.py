"""The figures as files, by Matplotlib."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure as MatplotlibFigure

from bnclaims.language.figure import Drawing, Line
from bnclaims.reporting import plots
from tests.fake_results import CURVES, HISTOGRAM


def test_a_figure_is_drawn_again_only_when_it_changed(tmp_path: Path) -> None:
    svg, _, *_ = plots.write([CURVES], tmp_path, "quick protocol, MNIST")
    drawn = svg.stat().st_mtime_ns
    assert "Two curves &lt;b&gt;" in svg.read_text()
    assert "2 seeds, quick protocol, MNIST" in svg.read_text()
    plots.write([CURVES], tmp_path, "quick protocol, MNIST")
    assert svg.stat().st_mtime_ns == drawn
    plots.write([dataclasses.replace(CURVES, lines=CURVES.lines[:1])], tmp_path, "")
    assert svg.stat().st_mtime_ns > drawn


def test_a_figure_that_has_not_changed_is_taken_from_elsewhere(tmp_path: Path) -> None:
    older, newer = tmp_path / "older", tmp_path / "newer"
    before = [path.read_bytes() for path in plots.write([CURVES], older, "")]
    (older / "mine.svg").touch()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(MatplotlibFigure, "savefig", None)
        paths = plots.write([CURVES], newer, "", older)
    assert [path.read_bytes() for path in paths] == before
    assert sorted(newer.iterdir()) == sorted(paths)


def drawn(*values: tuple[float | None, ...]) -> Any:
    """The axes of a figure of curves."""
    canvas = MatplotlibFigure()
    plots._curves(canvas, Drawing("a", "here", "curves", (), (Line("a", values),)))
    return canvas.axes[0]


def test_a_figures_mean_is_of_the_seeds_that_have_a_value() -> None:
    axes = drawn((2.0, None), (2.0, 1.0))
    assert axes.lines[-1].get_ydata().tolist() == [2.0, 1.0]


def test_a_figure_shows_losses_below_zero() -> None:
    assert drawn((1.0, -3.0)).get_ylim()[0] <= -3
    assert drawn((1.0, 0.5)).get_ylim()[0] == 0


def test_a_figure_shows_a_single_epoch() -> None:
    assert drawn((1.0,), (2.0,)).lines[-1].get_marker() == "."


def test_a_figure_has_more_layers_than_colours(tmp_path: Path) -> None:
    lines = tuple(dataclasses.replace(HISTOGRAM.lines[0], label=str(i)) for i in range(9))
    many = dataclasses.replace(HISTOGRAM, lines=lines)
    assert all(path.exists() for path in plots.write([many], tmp_path, ""))


def test_untrained_layers_are_of_no_protocol(tmp_path: Path) -> None:
    svg, _ = plots.write([HISTOGRAM], tmp_path, "quick protocol, MNIST")
    assert "2 seeds" in svg.read_text()
    assert "protocol" not in svg.read_text()


def test_losses_far_apart_have_a_logarithmic_axis() -> None:
    assert drawn((2.0, 0.01)).get_yscale() == "log"
    assert drawn((2.0, 1.0)).get_yscale() == "linear"


def test_steps_of_one_quantity_form_a_scale() -> None:
    lines = tuple(Line(str(i), ((2.0, 1.0),), dashed=i > 2) for i in range(6))
    figure = Drawing("a", "here", "curves", (), lines, graded=True)
    first, middle, last = plots._colours(figure)[:3]
    assert plots._colours(figure)[3:] == [first, middle, last]
    assert (first, last) == (plots._SCALE[0], plots._SCALE[-1])
    assert len({first, middle, last}) == 3
