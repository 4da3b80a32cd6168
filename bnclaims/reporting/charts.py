"""Charts of the page: small SVG pictures that take their colours from its style sheet.

Each is a string of SVG with a label for those who cannot see it, and titles that say the numbers
under a pointer. Lines are told apart by colour and by dashes; their classes are `c0` to `c9`, or,
where they are steps of one quantity, `g0` to `g9`, a scale from dark to light.
"""

import math
import statistics
import xml.etree.ElementTree as ET
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from types import MappingProxyType
from typing import Any

from bnclaims.language.figure import Line
from bnclaims.language.finding import Finding, Look, Region, Series, with_unit
from bnclaims.reporting.compared import ArmValues, Compared, distinct_names
from bnclaims.reporting.letters import width

COLOURS = 10
"""How many lines have a style of their own."""

_WIDTH, _HEIGHT = 320.0, 210.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 50.0, 8.0, 8.0, 36.0
_ROW = 44.0
_ROW_LEFT = 8.0
"""Rows have their names above them, not at their left."""
_LONGEST_NAME = 42
_NAMED_LOOKS = 8
_NAMED_EPOCHS = 12
_FOREST_DECADES = 3
_FEW_TICKS = 7
_MANYFOLD = 10
"""From which ratio of the largest to the smallest loss on lines coincide on a linear axis."""
_MOST_ENDS, _LONGEST_END = 8, 100.0
"""How many lines are named at their ends, and how wide these names may be."""
_LETTERS, _LEAD, _LINE = 12.0, 14.0, 13.0
"""Sizes of letters, of the lead from a line's end to its name, and of the room of a name."""
_NONE: Mapping[str, int] = MappingProxyType({})


def colours(dashed: Sequence[bool]) -> list[int]:
    """Returns the colour of each line: the n-th dashed one has that of the n-th solid one."""
    return [list(dashed[:place]).count(one) for place, one in enumerate(dashed)]


def grades(numbers: Sequence[int], steps: int) -> list[int]:
    """Returns where the colours of lines are on a scale of some steps, from the first to the last.

    Args:
        numbers: The colours, see `colours`.
        steps: Of the scale.
    """
    last = max(numbers, default=0) or 1
    return [round(number * (steps - 1) / last) for number in numbers]


def colours_of_arms(together: Iterable[Iterable[str]]) -> dict[str, int]:
    """Returns the colour of each arm: the same in all charts, other ones for arms in one chart.

    There are more arms than colours, so that a colour may stand for several, in charts apart. The
    arms of most charts choose first.

    Args:
        together: The names of the arms of each chart.
    """
    charts = [dict.fromkeys(chart) for chart in together]
    beside: dict[str, set[str]] = defaultdict(set)
    for chart in charts:
        for name in chart:
            beside[name] |= chart.keys() - {name}
    chosen: dict[str, int] = {}
    for name, _ in Counter(name for chart in charts for name in chart).most_common():
        taken = Counter(chosen[other] for other in beside[name] if other in chosen)
        chosen[name] = min(range(COLOURS), key=lambda colour: taken[colour])
    return chosen


def styles(
    lines: Sequence[Line], *, graded: bool = False, chosen: Mapping[str, int] = _NONE
) -> list[str]:
    """Returns the class of each line.

    Args:
        lines: Of a chart.
        graded: Whether they are steps of one quantity.
        chosen: Colours of arms, see `colours_of_arms`; lines that are dashed, or steps, are
            coloured by their places.
    """
    numbers = colours([line.dashed for line in lines])
    if not graded and not any(line.dashed for line in lines):
        numbers = _by_arm([line.arm for line in lines], chosen)
    kinds = (
        [f"g{step}" for step in grades(numbers, COLOURS)]
        if graded
        else [f"c{number % COLOURS}" for number in numbers]
    )
    return [kind + " dashed" * line.dashed for kind, line in zip(kinds, lines, strict=True)]


def _by_arm(arms: Sequence[str], chosen: Mapping[str, int]) -> list[int]:
    """Returns the chosen colours, or those by place where two arms would be alike."""
    found = [chosen[arm] for arm in arms if arm in chosen]
    alike = len(set(found)) < len(arms)
    return list(range(len(arms))) if alike else found


def ends(lines: Sequence[Line]) -> list[str]:
    """Returns the names of lines where they can stand at the lines' ends; [] for a legend."""
    names = distinct_names([line.label for line in lines])
    return names if len(names) <= _MOST_ENDS and _widest(names) <= _LONGEST_END else []


def _widest(names: Sequence[str]) -> float:
    return max((width(name, _LETTERS) for name in names), default=0.0)


def is_logarithmic(lines: Sequence[Line]) -> bool:
    """Says whether losses are so far apart that they need a logarithmic axis."""
    known = [v for line in lines for seed in line.values for v in seed if v is not None]
    smallest = min(known, default=0.0)
    return smallest > 0 and max(known) / _MANYFOLD >= smallest


def arms(metric: Compared, chosen: Mapping[str, int] = _NONE) -> str:
    """Returns the compared metric, a row an arm: its seeds as dots, the mean as a stroke.

    A line joins the runs of one seed. Shaded is where the claim says that an arm's mean is, beside
    the other's.

    Args:
        metric: What the claim compares.
        chosen: Colours of arms, see `colours_of_arms`.
    """
    rows = metric.arms
    known = [value for row in rows for value in row.values if value is not None]
    if not known:
        return ""
    region = metric.margin.region if metric.margin else None
    label = f"{metric.metric}: " + "; ".join(f"{row.arm} {row.mean_text}" for row in rows)
    shown = [*known, *(region.edges if region else ())]
    x = _padded(min(shown), max(shown), below=True)
    plot = _Plot(x, (len(rows), 0), label, height=_ROW * len(rows) + _BOTTOM + 2, left=_ROW_LEFT)
    plot.columns(_named(metric.metric, metric.unit))
    if metric.margin:
        region_of = with_unit(str(metric.margin.region), metric.unit)
        plot.row_region(metric.margin.of, metric.margin.region, region_of)
    plot.joints(_joined(rows))
    names = [row.arm for row in rows]
    numbers = _by_arm(names, chosen)
    short = names if max(map(len, names)) <= _LONGEST_NAME else distinct_names(names)
    for place, (row, name, number) in enumerate(zip(rows, short, numbers, strict=True)):
        plot.row(place, row, name, f"c{number % COLOURS}")
    return plot.svg()


def _named(quantity: str, unit: str) -> str:
    """Returns an axis's title."""
    return f"{quantity} ({unit})" if unit else quantity


def _joined(rows: Sequence[ArmValues]) -> Iterator[list[tuple[int, float]]]:
    """Yields the values of a seed in neighbouring rows, with the rows' places."""
    for _, group in groupby(enumerate(rows), key=lambda row: row[1].first_seed):
        places, neighbours = zip(*group, strict=True)
        for seed in range(min(len(row.values) for row in neighbours)):
            values = (row.values[seed] for row in neighbours)
            known = [(at, v) for at, v in zip(places, values, strict=True) if v is not None]
            if len(known) > 1:
                yield known


def curves(
    lines: Sequence[Line],
    label: str,
    *,
    graded: bool = False,
    chosen: Mapping[str, int] = _NONE,
) -> str:
    """Returns learning curves: each seed, the mean, and a band of one standard deviation.

    Args:
        lines: One an arm; the values are those of the epochs.
        label: What is seen, for those who cannot.
        graded: Whether the lines are steps of one quantity.
        chosen: Colours of arms, see `colours_of_arms`.
    """
    finite = [v for line in lines for seed in line.values for v in seed if v is not None]
    epochs = max((len(seed) for line in lines for seed in line.values), default=0)
    if not finite or not epochs:
        return ""
    log = is_logarithmic(lines)
    y = (
        (min(finite) / 1.15, max(finite) * 1.15)
        if log
        else _padded(min(0.0, *finite), max(0.0, *finite))
    )
    names = ends(lines)
    right = _LEAD + _widest(names) if names else _RIGHT
    plot = _Plot((1, max(epochs, 2)), y, label, right=right, log=log)
    named = range(1, epochs + 1) if epochs <= _NAMED_EPOCHS else None
    title = "training loss, log scale" if log else "training loss"
    plot.axes("epoch", title, whole_x=True, x_ticks=named)
    plot.epochs(epochs)
    means = []
    for line, style in zip(lines, styles(lines, graded=graded, chosen=chosen), strict=True):
        columns = [_column(line.values, epoch) for epoch in range(epochs)]
        spread = [_spread(column) if column else None for column in columns]
        plot.band(spread, style)
        plot.paths(line.values, f"seed {style}")
        means.append(([known[0] if known else None for known in spread], style))
    for mean, style in means:  # above all seeds
        plot.paths([mean], f"mean {style}")
    if names:
        plot.names([(name, *mean) for name, mean in zip(names, means, strict=True)])
    short = distinct_names([line.label for line in lines])
    plot.epoch_titles(
        zip(short, [_column(line.values, epoch) for line in lines], strict=True)
        for epoch in range(epochs)
    )
    return plot.svg()


def histograms(lines: Sequence[Line], edges: Sequence[float], label: str) -> str:
    """Returns histograms, one below the other: bars of the mean share, whiskers over the seeds.

    Args:
        lines: One a layer; the values are the shares of the bins.
        edges: Of the bins.
        label: What is seen, for those who cannot.
    """
    top = max(v or 0.0 for line in lines for seed in line.values for v in seed)
    plots = []
    for number, line in enumerate(lines):
        plot = _Plot((edges[0], edges[-1]), _padded(0.0, top), f"{label}: {line.label}")
        plot.axes("activation", "share of units")
        for i, (left, right) in enumerate(pairwise(edges)):
            shares = _column(line.values, i)
            plot.bar((left, right), statistics.fmean(shares), f"c{number % COLOURS}")
            plot.whisker((left + right) / 2, min(shares), max(shares))
        plots.append(plot.svg(caption=line.label))
    return "".join(plots)


def seeds(finding: Finding) -> str:
    """Returns a contrast seed by seed, with its mean and the claimed region.

    Args:
        finding: Of which a seed may leave the value open, as all of them may; in a share what is
            open counts as 0.
    """
    values, average = finding.values, finding.estimate
    known = [value for value in values if value is not None]
    label = f"{len(values)} seeds"
    label += f", from {min(known):.4g} to {max(known):.4g}" if known else ""
    label += f", {len(values) - len(known)} open" if len(known) < len(values) else ""
    plot = _Plot((-0.5, len(values) - 0.5), _around([*known, average], finding.region), label)
    plot.region(finding)
    # A seed's own value in a share is whether it holds.
    unit = "" if finding.kind == "share" else finding.unit
    plot.axes("seed", _named("contrast", unit), whole_x=True)
    plot.level(average, "average", f"average: {average:.4g}")
    for seed, value in enumerate(values):
        if value is not None:
            plot.dot(seed, value, f"seed {seed}: {value:.4g}")
    return plot.svg()


def looks(finding: Finding) -> str:
    """Returns estimate and repeated interval look by look, with the claimed region.

    Args:
        finding: Whose looks they are.
    """
    found, region = finding.looks, finding.region
    ends = [end for look in found for end in (look.low, look.high) if end is not None]
    estimates = [look.estimate for look in found]
    label = "; ".join(f"{look.seeds} seeds: {_interval(look)}" for look in found)
    plot = _Plot((0, found[-1].seeds + 3), _around([*ends, *estimates], region), label)
    plot.region(finding)
    ticks = [look.seeds for look in found] if len(found) <= _NAMED_LOOKS else None
    title = _named("estimate", finding.unit)
    plot.axes("seeds at the look", title, whole_x=True, x_ticks=ticks)
    for look in found:
        plot.interval(look)
    return plot.svg()


class Forest:
    """Rows of a forest plot on one scale, as wide as the page gives them.

    The scale is that of the inverse hyperbolic sine: linear near 0, logarithmic far from it.

    Args:
        effects: Of all rows, in standard deviations; None where there is none.
    """

    def __init__(self, effects: Iterable[float | None]) -> None:
        known = [abs(effect) for effect in effects if effect is not None]
        self._end = math.asinh(max([*known, 3.0]) * 1.2)

    def row(self, low: float | None, effect: float, high: float | None, label: str) -> str:
        """Returns one row: an interval, open where it is not known, and a dot."""
        svg = _strip()
        _add(svg, "title").text = label
        if low is not None and high is not None:
            _add(svg, "line", x1=self._at(low), x2=self._at(high), y1=10, y2=10)
        _add(svg, "circle", cx=self._at(effect), cy=10, r=4)
        return _text(svg)

    def axis(self) -> str:
        """Returns the scale; every other number is `minor`, for where there is no room for all."""
        svg = _strip()
        svg.set("aria-label", "scale of standardised effects")
        ticks = self._ticks()
        for place, tick in enumerate(ticks):
            beside_zero = abs(tick) == 1 and len(ticks) > _FEW_TICKS
            minor = tick and (min(place, len(ticks) - 1 - place) % 2 or beside_zero)
            text = _add(svg, "text", x=self._at(tick), y=14)
            text.set("class", "minor" if minor else "major")
            text.text = f"{tick}".replace("-", "\N{MINUS SIGN}")
        return _text(svg)

    def gridlines(self) -> str:
        """Returns a line at each tick, as high as the page makes it."""
        svg = ET.Element("svg", {"aria-hidden": "true", "width": "100%", "height": "100%"})
        for tick in self._ticks():
            ends = {"x1": self._at(tick), "x2": self._at(tick), "y1": 0, "y2": "100%"}
            _add(svg, "line", **ends, **{"class": "grid" if tick else "zero"})
        return _text(svg)

    def _ticks(self) -> list[int]:
        """Returns 0 and, on either side, 1, 3, 10, 30...; on large scales some powers of ten."""
        decades = int(self._end / math.log(10))
        steps = (1, 3) if decades < _FOREST_DECADES else (1,)
        powers = range(0, decades + 1, 1 + decades // (2 * _FOREST_DECADES))
        ticks = [step * 10**power for power in powers for step in steps]
        near = [tick for tick in ticks if math.asinh(tick) < self._end]
        return [*(-tick for tick in reversed(near)), 0, *near]

    def _at(self, effect: float) -> str:
        share = math.asinh(effect) / self._end
        return f"{50 + 50 * max(-1.0, min(1.0, share)):.2f}%"


class _Plot:
    """A chart in the making: two axes and what is drawn between them."""

    def __init__(
        self,
        x: tuple[float, float],
        y: tuple[float, float],
        label: str,
        *,
        height: float = _HEIGHT,
        left: float = _LEFT,
        right: float = _RIGHT,
        log: bool = False,
    ) -> None:
        self._x, self._y = x, y
        self._height, self._left, self._right = height, left, _WIDTH - right
        self._log = log
        view = f"0 0 {_WIDTH:g} {height:g}"
        self._svg = ET.Element("svg", {"viewBox": view, "role": "img", "aria-label": label})

    def axes(
        self,
        x_title: str,
        y_title: str,
        *,
        whole_x: bool = False,
        x_ticks: Sequence[float] | None = None,
    ) -> None:
        right, bottom = self._right, self._height - _BOTTOM
        ticks = _decades(*self._y) if self._log else _ticks(*self._y)
        left = f"translate({_LEFT - 4:g} 4)"
        names = _add(self._svg, "g", transform=left, **{"class": "end"})
        for tick in ticks:
            _add(names, "text", y=self._at_y(tick)).text = _tick_text(tick)
        self._grid([f"M{_LEFT:g} {_short(self._at_y(tick))}H{_short(right)}" for tick in ticks])
        self._name_below(_ticks(*self._x, whole=whole_x) if x_ticks is None else x_ticks)
        self._word((_LEFT + right) / 2, self._height - 6, x_title)
        turned = f"translate(10 {(_TOP + bottom) / 2:g}) rotate(-90)"
        _add(self._svg, "text", transform=turned).text = y_title

    def _name_below(self, ticks: Iterable[float]) -> None:
        """Writes the numbers of the horizontal axis."""
        below = _short(self._height - _BOTTOM + 14)
        names = _add(self._svg, "g", transform=f"translate(0 {below})")
        for tick in ticks:
            _add(names, "text", x=self._at_x(tick)).text = _tick_text(tick)

    def columns(self, title: str) -> None:
        """Draws a line at each tick of the horizontal axis, and names them."""
        bottom = self._height - _BOTTOM
        ticks = _ticks(*self._x)
        self._grid([f"M{_short(self._at_x(tick))} {_TOP:g}V{_short(bottom)}" for tick in ticks])
        self._name_below(ticks)
        self._word(_WIDTH / 2, self._height - 6, title)

    def row(self, place: int, row: ArmValues, name: str, style: str) -> None:
        """Draws a row: the name above it, the seeds' dots, a stroke at their mean."""
        y = self._at_y(place + 0.68)
        name = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
        dots = _add(self._svg, "g", transform=f"translate(0 {_short(y)})", **{"class": style})
        for seed, value in enumerate(row.values, start=row.first_seed):
            if value is not None:
                dot = _add(dots, "circle", cx=self._at_x(value))
                _add(dot, "title").text = f"seed {seed}: {value:.4g}"
        if row.mean is not None:
            x = self._at_x(row.mean)
            _add(self._svg, "line", x1=x, x2=x, y1=y - 9, y2=y + 9, **{"class": f"mean {style}"})
        word = self._word(_ROW_LEFT, y - 15, name, "start")
        if name != row.arm:
            _add(word, "title").text = row.arm
        self._word(self._right, y - 15, row.mean_text, "end")

    def row_region(self, place: int, region: Region, claimed: str) -> None:
        """Shades where the claim says that a row's mean is, and draws the edges."""
        left = self._left if region.low is None else self._at_x(region.low)
        right = self._right if region.high is None else self._at_x(region.high)
        top, bottom = self._at_y(place + 0.42), self._at_y(place + 0.94)
        box = {"x": left, "y": top, "width": right - left, "height": bottom - top}
        shade = _add(self._svg, "rect", **box, **{"class": "region"})
        _add(shade, "title").text = f"claimed: {claimed}"
        for edge in region.edges:
            x = self._at_x(edge)
            _add(self._svg, "line", x1=x, x2=x, y1=top, y2=bottom, **{"class": "edge"})

    def joints(self, seeds: Iterable[Sequence[tuple[int, float]]]) -> None:
        """Draws the lines that join a seed's dots in neighbouring rows."""
        lines = (
            "L".join(
                f"{_short(self._at_x(value))} {_short(self._at_y(place + 0.68))}"
                for place, value in values
            )
            for values in seeds
        )
        drawn = "".join(f"M{line}" for line in lines)
        if drawn:
            _add(self._svg, "path", d=drawn, **{"class": "joint"})

    def epochs(self, count: int) -> None:
        """Draws a tick at each epoch."""
        bottom = _short(self._height - _BOTTOM)
        ticks = (f"M{_short(self._at_x(epoch))} {bottom}v3" for epoch in range(1, count + 1))
        _add(self._svg, "path", d="".join(ticks), **{"class": "tick"})

    def epoch_titles(self, epochs: Iterable[Iterable[tuple[str, Sequence[float]]]]) -> None:
        """Says the means of an epoch to a pointer near it.

        Args:
            epochs: Of each the lines' names with what their seeds have.
        """
        areas = _add(self._svg, "g", **{"class": "hover"})
        height = self._height - _TOP - _BOTTOM
        for epoch, columns in enumerate(epochs, start=1):
            known = [f"{name}: {statistics.fmean(found):.4g}" for name, found in columns if found]
            left, right = self._at_x(epoch - 0.5), self._at_x(epoch + 0.5)
            area = _add(areas, "rect", x=left, y=_TOP, width=right - left, height=height)
            _add(area, "title").text = "\n".join([f"epoch {epoch}", *known])

    def paths(self, curves: Sequence[Sequence[float | None]], style: str) -> None:
        """Draws curves from epoch 1 on, broken where there is no value."""
        drawn = "".join(map(self._path, curves))
        _add(self._svg, "path", d=drawn, **{"class": style})

    def _path(self, values: Sequence[float | None]) -> str:
        """Returns a curve as steps from point to point, which are shorter than places."""
        drawn = ""
        for known, run in groupby(enumerate(values, start=1), lambda at: at[1] is not None):
            if not known:
                continue
            points = [(self._at_x(e), self._at_y(v)) for e, v in run if v is not None]
            (x, y), *steps = _steps(points)
            # A point without neighbours is a line of no length, which round ends make a dot.
            drawn += f"M{x} {y}" + ("l" + " ".join(f"{x} {y}" for x, y in steps) if steps else "h0")
        return drawn.replace(" -", "-")

    def names(self, lines: Sequence[tuple[str, Sequence[float | None], str]]) -> None:
        """Names curves at their ends, with a lead where names must stand apart."""
        known = [
            (name, style, *max((e, v) for e, v in enumerate(values, start=1) if v is not None))
            for name, values, style in lines
            if any(value is not None for value in values)
        ]
        known.sort(key=lambda line: self._at_y(line[3]))
        low, high = _TOP + 4, self._height - _BOTTOM
        places = _apart([self._at_y(value) for *_, value in known], low, high)
        for (name, style, epoch, value), y in zip(known, places, strict=True):
            start = f"M{_short(self._at_x(epoch))} {_short(self._at_y(value))}"
            lead = f"{start}L{_short(self._right + _LEAD - 4)} {_short(y)}"
            _add(self._svg, "path", d=lead, **{"class": f"leader {style}"})
            self._word(self._right + _LEAD - 2, y + 4, name, "start")

    def band(self, spread: Sequence[tuple[float, float] | None], style: str) -> None:
        """Draws a standard deviation to both sides of the mean, as far as there is one."""
        known = [(epoch, *s) for epoch, s in enumerate(spread, start=1) if s is not None]
        there = [(self._at_x(e), self._at_y(mean + deviation)) for e, mean, deviation in known]
        back = [(self._at_x(e), self._at_y(mean - deviation)) for e, mean, deviation in known]
        points = " ".join(f"{_short(x)},{_short(y)}" for x, y in [*there, *reversed(back)])
        _add(self._svg, "polygon", points=points, **{"class": f"band {style}"})

    def bar(self, x: tuple[float, float], height: float, style: str) -> None:
        left, right = map(self._at_x, x)
        top, bottom = self._at_y(height), self._at_y(0)
        box = {"x": left + 0.5, "y": top, "width": right - left - 1, "height": bottom - top}
        _add(self._svg, "rect", **box, **{"class": f"bar {style}"})

    def whisker(self, x: float, low: float, high: float) -> None:
        at = self._at_x(x)
        ends = {"x1": at, "x2": at, "y1": self._at_y(low), "y2": self._at_y(high)}
        _add(self._svg, "line", **ends, **{"class": "whisker"})

    def region(self, finding: Finding) -> None:
        """Shades where the claim says the mean is, and draws its edges."""
        region = finding.region
        top = self._at_y(self._y[1] if region.high is None else region.high)
        bottom = self._at_y(self._y[0] if region.low is None else region.low)
        box = {"x": _LEFT, "y": top, "width": self._right - _LEFT, "height": bottom - top}
        _add(self._svg, "rect", **box, **{"class": "region"})
        for edge in region.edges:
            self.level(edge, "edge", f"claimed: {finding.claimed}")

    def level(self, y: float, style: str, title: str) -> None:
        at = self._at_y(y)
        ends = {"x1": _LEFT, "x2": self._right, "y1": at, "y2": at}
        _add(_add(self._svg, "line", **ends, **{"class": style}), "title").text = title

    def dot(self, x: float, y: float, title: str) -> None:
        dot = _add(self._svg, "circle", cx=self._at_x(x), cy=self._at_y(y))
        _add(dot, "title").text = title

    def interval(self, look: Look) -> None:
        """Draws an interval, to the chart's border where it is infinite."""
        at = self._at_x(look.seeds)
        bottom = self._at_y(self._y[0] if look.low is None else look.low)
        top = self._at_y(self._y[1] if look.high is None else look.high)
        _add(self._svg, "line", x1=at, x2=at, y1=top, y2=bottom, **{"class": "interval"})
        self.dot(look.seeds, look.estimate, f"{look.seeds} seeds: {_interval(look)}")

    def svg(self, caption: str = "") -> str:
        if caption:
            self._word(self._right - 4, _TOP + 10, caption, "end")
        return _text(self._svg)

    def _grid(self, lines: Sequence[str]) -> None:
        _add(self._svg, "path", d="".join(lines), **{"class": "grid"})

    def _word(self, x: float, y: float, text: str, anchor: str = "") -> ET.Element:
        """Writes words, by default with their middle at x."""
        element = _add(self._svg, "text", x=x, y=y, **({"class": anchor} if anchor else {}))
        element.text = text
        return element

    def _at_x(self, x: float) -> float:
        low, high = self._x
        return self._left + (x - low) / (high - low) * (self._right - self._left)

    def _at_y(self, y: float) -> float:
        low, high = self._y
        if self._log:
            low, high, y = (math.log(max(value, low)) for value in (low, high, y))
        share = max(0.0, min(1.0, (y - low) / (high - low)))
        return self._height - _BOTTOM - share * (self._height - _TOP - _BOTTOM)


def _apart(places: Sequence[float], low: float, high: float) -> list[float]:
    """Returns places, in their order, a line apart, and between two ends while there is room."""
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + _LINE if moved else low))
    for i in reversed(range(len(moved))):
        moved[i] = min(moved[i], moved[i + 1] - _LINE if i + 1 < len(moved) else high)
    return moved


def _column(values: Series, place: int) -> list[float]:
    """Returns what the seeds have at one place, as far as they have it."""
    at = (seed[place] for seed in values if place < len(seed))
    return [value for value in at if value is not None]


def _spread(values: Sequence[float]) -> tuple[float, float]:
    """Returns mean and standard deviation."""
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0


def _around(values: Sequence[float], region: Region) -> tuple[float, float]:
    """Returns a range that shows values and edges, with some air."""
    shown = [*values, *region.edges]
    return _padded(min(shown), max(shown), below=True)


def _padded(low: float, high: float, *, below: bool = False) -> tuple[float, float]:
    air = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    return low - air * below, high + air


def _ticks(low: float, high: float, *, whole: bool = False) -> list[float]:
    """Returns some round numbers within a range."""
    # Below the smallest number there is no step.
    step = max(10.0 ** math.floor(math.log10((high - low) / 4)), math.ulp(0.0))
    step = max(step, 1.0) if whole else step
    factor = next(f for f in _FACTORS if (high - low) / (f * step) <= 6)
    step *= factor
    return [i * step for i in range(math.ceil(low / step), math.floor(high / step) + 1)]


_FACTORS = (1, 2, 5, 10)


def _decades(low: float, high: float) -> list[float]:
    """Returns some round numbers within a range of a logarithmic axis."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if len(powers) <= _FOREST_DECADES + 1 else (1,)
    every = 1 + len(powers) // (2 * _FOREST_DECADES)
    ticks = [step * 10.0**power for power in powers[::every] for step in steps]
    return [tick for tick in ticks if low <= tick <= high]


def _tick_text(tick: float) -> str:
    return f"{tick:.6g}".replace("-", "\N{MINUS SIGN}")


def _interval(look: Look) -> str:
    ends = ("unbounded" if end is None else f"{end:.4g}" for end in (look.low, look.high))
    return f"{look.estimate:.4g}, interval {' to '.join(ends)}"


def _steps(points: Iterable[tuple[float, float]]) -> Iterator[tuple[str, str]]:
    """Yields the first point, then how far on each next one is, without errors that add up."""
    at = (0.0, 0.0)
    for point in points:
        place = round(point[0], 1), round(point[1], 1)
        yield _short(place[0] - at[0]), _short(place[1] - at[1])
        at = place


def _strip() -> ET.Element:
    return ET.Element("svg", {"role": "img", "height": "20", "width": "100%"})


def _add(parent: ET.Element, tag: str, **attributes: Any) -> ET.Element:
    shown = {k: _short(v) if isinstance(v, float) else str(v) for k, v in attributes.items()}
    return ET.SubElement(parent, tag, shown)


def _short(pixels: float) -> str:
    # A tenth of a pixel is more than anyone sees.
    return f"{pixels:.1f}".removesuffix(".0")


def _text(svg: ET.Element) -> str:
    # Within text there is no ">" but "&gt;".
    return ET.tostring(svg, encoding="unicode").replace(" />", "/>")
