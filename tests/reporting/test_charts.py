"""The page's charts: any numbers can be drawn, and what is drawn is what was found."""

import dataclasses
import math
import re
import xml.etree.ElementTree as ET
from itertools import accumulate, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnclaims.language.figure import Line
from bnclaims.language.finding import Look, Region
from bnclaims.reporting import charts
from bnclaims.reporting.compared import ArmValues, Compared, Margin
from tests.fake_results import finding

known = st.floats(-1e300, 1e300)
numbers = st.none() | known
curves = st.lists(st.lists(numbers, min_size=1, max_size=4), min_size=1, max_size=3)
regions = st.sampled_from([Region(None, 1), Region(0, None), Region(-1, 1)])


def pictures(svg: str) -> list[ET.Element]:
    """The pictures, once it is certain that each number in them is one."""
    found = list(ET.fromstring(f"<all>{svg}</all>"))
    for element in (e for picture in found for e in picture.iter()):
        for value in element.attrib.values():
            assert "nan" not in value
            assert "inf" not in value
    return found


@given(curves, curves)
def test_any_curves_can_be_drawn(first: Any, second: Any) -> None:
    lines = [Line("a", first), Line("b", second, dashed=True)]
    pictures(charts.curves(lines, "loss"))


@given(
    st.lists(numbers, min_size=1, max_size=20),
    regions,
    known,
)
def test_any_seeds_can_be_drawn(values: list[float | None], region: Region, average: float) -> None:
    made = finding(values=tuple(values), region=region, estimate=average)
    picture = pictures(charts.seeds(made))[0]
    dots = [element for element in picture if element.tag == "circle"]
    assert len(dots) == sum(value is not None for value in values)


@given(st.lists(st.lists(numbers, max_size=4), min_size=1, max_size=4), regions)
def test_any_arms_can_be_drawn(values: list[list[float | None]], region: Region) -> None:
    arms = tuple(ArmValues("arm " * 20, i // 2, tuple(v)) for i, v in enumerate(values))
    drawn = pictures(charts.arms(Compared("loss", "", arms, Margin(0, 0, 1.0, region))))
    dots = [element for picture in drawn for element in picture.iter("circle")]
    assert len(dots) == sum(value is not None for row in values for value in row)


def dots(picture: ET.Element) -> dict[str, int]:
    """How many dots the rows of a chart have, by the rows' styles."""
    groups = [group for group in picture.iter("g") if group.find("circle") is not None]
    return {group.attrib["class"]: len(group) for group in groups}


def titles(picture: ET.Element) -> list[str | None]:
    """What a pointer reads."""
    return [element.text for element in picture.iter("title")]


def test_arms_have_rows_with_names_means_and_lines_between_the_runs_of_a_seed() -> None:
    arms = (
        ArmValues("plain", 0, (2.0, 2.2)),
        ArmValues("normed", 0, (1.0, None)),
        ArmValues("again", 1000, (1.5, 1.6)),
    )
    drawn = pictures(charts.arms(Compared("loss", "", arms, Margin(1, 0, 0.9, Region(None, 1.9)))))[
        0
    ]
    words = [element.text for element in drawn.iter("text")]
    for word in ("plain", "2.10", "normed", "1.00", "again", "1.55", "loss"):
        assert word in words
    assert {"seed 0: 2", "seed 1001: 1.6", "claimed: < 1.9"} <= set(titles(drawn))
    (joints,) = (e.attrib["d"] for e in drawn if e.get("class") == "joint")
    # Runs on other seeds, or diverged, are no pairs.
    assert re.sub("[^ML]", "", joints) == "ML"
    assert dots(drawn) == {"c0": 2, "c1": 1, "c2": 2}


def test_an_arm_has_one_colour_in_all_charts() -> None:
    arms = tuple(ArmValues(name, 0, (1.0,)) for name in "abc")
    drawn = pictures(charts.arms(Compared("loss", "", arms, None)))[0]
    assert list(dots(drawn)) == charts.styles([Line(name, ((1.0, 2.0),)) for name in "abc"])


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["net, plain", "net, BN"], ["net, plain", "net, BN"]),
        # Two arms were both called by their first 41 letters.
        ([f"net, {'x' * 40}, plain", f"net, {'x' * 40}, BN"], ["plain", "BN"]),
        (["y" * 50, "BN"], ["y" * 41 + "…", "BN"]),
    ],
)
def test_rows_are_named_in_full_where_there_is_room(names: list[str], shown: list[str]) -> None:
    arms = tuple(ArmValues(name, 0, (1.0, 2.0)) for name in names)
    drawn = pictures(charts.arms(Compared("loss", "", arms, None)))[0]
    assert [e.text for e in drawn.iter("text") if e.get("class") == "start"] == shown
    assert set(names) - set(shown) <= set(titles(drawn))  # under a pointer they are whole


ARMS = [f"arm {i}" for i in range(30)]


@given(st.lists(st.lists(st.sampled_from(ARMS), unique=True, max_size=5), max_size=20))
def test_an_arm_has_one_colour_on_a_page(together: list[list[str]]) -> None:
    chosen = charts.colours_of_arms(together)
    assert set(chosen) == {name for chart in together for name in chart}
    assert set(chosen.values()) <= set(range(charts.COLOURS))
    for chart in together:
        lines = [Line(f"label {name}", ((1.0, 2.0),), arm=name) for name in chart]
        drawn = charts.styles(lines, chosen=chosen)
        assert len(set(drawn)) == len(chart)
        # No arm here has so many neighbours that it lacks a colour.
        most = max((len({n for c in together if a in c for n in c}) for a in chart), default=0)
        if most <= charts.COLOURS:
            assert drawn == [f"c{chosen[name]}" for name in chart]


def test_the_arms_of_most_charts_have_the_first_colours() -> None:
    together = [["x", "plain"], ["plain", "y"], ["plain", "normed"], ["normed", "z"]]
    chosen = charts.colours_of_arms(together)
    assert (chosen["plain"], chosen["normed"]) == (0, 1)
    assert chosen == charts.colours_of_arms(together)


def test_dashed_lines_and_steps_keep_the_colours_of_their_places() -> None:
    lines = [Line(name, (), name == "b", arm=name) for name in "ab"]
    assert charts.styles(lines, chosen={"a": 4, "b": 7}) == ["c0", "c0 dashed"]
    lines = [Line(name, (), arm=name) for name in "ab"]
    assert charts.styles(lines, chosen={"a": 4, "b": 7}) == ["c4", "c7"]
    assert charts.styles(lines, graded=True, chosen={"a": 4, "b": 7}) == ["g0", "g9"]
    # Nor is a colour told that two would share.
    assert charts.styles(lines, chosen={"a": 4, "b": 4}) == ["c0", "c1"]


def test_a_curve_is_drawn_as_steps_between_its_points() -> None:
    values = (2.0, None, 1.0, 0.5, None, 0.0)
    (path,) = (
        e.attrib["d"]
        for e in pictures(charts.curves([Line("a", (values,))], "x"))[0].iter("path")
        if e.attrib["class"] == "seed c0"
    )
    assert re.sub(r"[-\d. ]", "", path) == "MhMlMh"


def test_each_epoch_has_a_tick_and_says_its_means() -> None:
    drawn = pictures(charts.curves([Line("a", ((3.0, 2.0, 1.0), (5.0, 3.0, None)))], "loss"))[0]
    (ticks,) = (e.attrib["d"] for e in drawn if e.get("class") == "tick")
    assert ticks.count("M") == 3
    assert {"1", "2", "3"} <= {e.text for e in drawn.iter("text")}
    assert titles(drawn) == ["epoch 1\na: 4", "epoch 2\na: 2.5", "epoch 3\na: 1"]


def test_text_has_one_size_in_all_charts() -> None:
    line = Line("a", ((1.0, 2.0),))
    drawn = [
        charts.curves([line], "x"),
        charts.histograms([line], (0.0, 0.5, 1.0), "x"),
        charts.seeds(finding()),
        charts.looks(finding()),
        charts.arms(Compared("x", "", (ArmValues("a", 0, (1.0,)),), None)),
    ]
    widths = {pictures(svg)[0].attrib["viewBox"].split()[2] for svg in drawn}
    assert len(widths) == 1


@given(numbers, known, numbers)
def test_any_look_and_effect_can_be_drawn(low: Any, estimate: float, high: Any) -> None:
    pictures(charts.looks(finding(looks=(Look(5, estimate, low, high),))))
    pictures(charts.Forest([low, estimate, high]).row(low, estimate, high, "x"))


def test_charts_say_the_unit_on_their_axis_and_of_what_is_claimed() -> None:
    made = finding(unit="epochs", region=Region(0.7, None))
    margin = Margin(0, None, 1.0, made.region)
    row = ArmValues("a", 0, (1.0, 2.0))
    for drawn, title in (
        (charts.seeds(made), "contrast (epochs)"),
        (charts.looks(made), "estimate (epochs)"),
        (charts.arms(Compared("time", "epochs", (row,), margin)), "time (epochs)"),
    ):
        picture = pictures(drawn)[0]
        assert title in {element.text for element in picture.iter("text")}
        assert "claimed: > 0.7 epochs" in titles(picture)
    share = dataclasses.replace(made, kind="share", unit="of seeds")
    assert "contrast</text>" in charts.seeds(share)  # a seed's own value is 0 or 1


def level(svg: str) -> float:
    """Where the line of the average is."""
    return next(float(e.attrib["y1"]) for e in pictures(svg)[0] if e.get("class") == "average")


def test_the_line_among_the_seeds_is_what_is_judged() -> None:
    # One seed of four holds, one does not, two leave it open: a quarter, not a half.
    quarter = finding(region=Region(0.5, None), estimate=0.25)
    drawn, closed = (
        charts.seeds(dataclasses.replace(quarter, values=(1.0, 0.0, rest, rest)))
        for rest in (None, 0.0)
    )
    assert level(drawn) == level(closed)


def test_a_forest_is_symmetric_and_ordered() -> None:
    forest = charts.Forest([-50.0, 50.0])
    places = [
        float(dot.attrib["cx"].rstrip("%"))
        for effect in (-50.0, -1.0, 0.0, 1.0, 50.0)
        for dot in ET.fromstring(forest.row(None, effect, None, "x"))
        if dot.tag == "circle"
    ]
    assert places == sorted(places)
    assert [a + b for a, b in zip(places, reversed(places), strict=True)] == pytest.approx(
        [100] * 5
    )


@pytest.mark.parametrize(
    ("effect", "ticks"),
    [
        (2.0, [0, 1, 3]),
        (90.0, [0, 1, 3, 10, 30, 100]),
        (3_000.0, [0, 1, 10, 100, 1000]),
        (1e9, [0, 1, 100, 10_000, 1_000_000, 100_000_000]),
    ],
)
def test_a_forest_names_its_scale(effect: float, ticks: list[int]) -> None:
    named = [text.text for text in ET.fromstring(charts.Forest([effect]).axis())]
    minus = [f"\N{MINUS SIGN}{tick}" for tick in ticks[:0:-1]]
    assert named == [*minus, *map(str, ticks)]


def test_a_forests_gridlines_are_at_its_ticks() -> None:
    forest = charts.Forest([90.0])
    texts, lines = ET.fromstring(forest.axis()), ET.fromstring(forest.gridlines())
    assert [line.attrib["x1"] for line in lines] == [text.attrib["x"] for text in texts]
    major = [text.text for text in texts if text.get("class") == "major"]
    assert major[len(major) // 2 :] == ["0", "10", "100"]


def test_a_curve_of_one_epoch_is_a_dot() -> None:
    drawn = pictures(charts.curves([Line("a", ((1.0,), (2.0,)))], "loss"))[0]
    dots = {e.attrib["class"]: e.attrib["d"].count("h0") for e in drawn.iter("path")}
    assert (dots["seed c0"], dots["mean c0"]) == (2, 1)


def test_looks_are_named_on_their_axis() -> None:
    found = finding(looks=tuple(Look(n, 1.0, 0.0, 2.0) for n in (5, 15)))
    drawn = pictures(charts.looks(found))[0]
    words = [e.text for e in drawn.iter("text")]
    assert words.index("15") == words.index("5") + 1


def test_a_dashed_line_has_its_partners_colour() -> None:
    lines = [Line(str(i), (), dashed=i > 1) for i in range(4)]
    assert charts.styles(lines) == ["c0", "c1", "c0 dashed", "c1 dashed"]


def test_steps_of_one_quantity_form_a_scale() -> None:
    lines = [Line(str(i), (), dashed=i > 2) for i in range(6)]
    steps = ["g0", "g4", "g9"]
    assert charts.styles(lines, graded=True) == [*steps, *(f"{step} dashed" for step in steps)]
    assert charts.styles(lines[:1], graded=True) == ["g0"]
    assert charts.styles([], graded=True) == []


LOW, HIGH = Line("low", ((0.2, 0.01),)), Line("high", ((2.0, 1.0),))


def heights(svg: str, kind: str) -> list[float]:
    """Where the points of the curves of a kind are."""
    (path,) = (e.attrib["d"] for e in pictures(svg)[0].iter("path") if e.attrib["class"] == kind)
    numbers = re.findall(r"-?[\d.]+", path)  # the first point, then steps
    return list(accumulate(map(float, numbers[1::2])))


def test_losses_far_apart_have_a_logarithmic_axis() -> None:
    drawn = charts.curves([LOW, HIGH], "x")
    assert "training loss, log scale" in drawn
    high, low = heights(drawn, "mean c1"), heights(drawn, "mean c0")
    # Equal factors are equal lengths.
    assert low[1] - low[0] == pytest.approx((high[1] - high[0]) * math.log2(20), abs=0.3)
    words = [e.text for e in pictures(drawn)[0].iter("text")]
    assert {"0.01", "0.1", "1"} <= set(words)


@pytest.mark.parametrize("lowest", [0.0, -1.0, 0.3])
def test_other_losses_have_a_linear_axis(lowest: float) -> None:
    lines = [HIGH, Line("low", ((0.5, lowest),))]
    assert not charts.is_logarithmic(lines)
    assert "log scale" not in charts.curves(lines, "x")


def test_curves_are_named_at_their_ends_and_the_names_do_not_overlap() -> None:
    lines = [Line(f"net, batch {i}", ((2.0, 1.0 + i / 1000),)) for i in range(8)]
    drawn = pictures(charts.curves(lines, "x"))[0]
    names = {e.text: float(e.attrib["y"]) for e in drawn.iter("text") if e.get("class") == "start"}
    assert sorted(names, key=lambda name: names[name]) == [f"batch {i}" for i in range(7, -1, -1)]
    heights = sorted(names.values())
    assert all(b - a >= 12 for a, b in pairwise(heights))
    leads = [e.attrib["class"] for e in drawn.iter("path") if "leader" in e.attrib["class"]]
    assert sorted(leads) == [f"leader c{i}" for i in range(8)]


@pytest.mark.parametrize("lines", [[Line(f"{'x' * 20}{i}", ()) for i in "ab"], [HIGH] * 9])
def test_where_names_have_no_room_there_is_a_legend(lines: list[Line]) -> None:
    assert charts.ends(lines) == []
