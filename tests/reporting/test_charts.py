"""The page's charts: any numbers can be drawn, and what is drawn is what was found."""

import xml.etree.ElementTree as ET
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnclaims.language.figure import Line
from bnclaims.language.finding import Look, Region
from bnclaims.reporting import charts

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
    picture = pictures(charts.seeds(values, region, average))[0]
    dots = [element for element in picture if element.tag == "circle"]
    assert len(dots) == sum(value is not None for value in values)


@given(numbers, known, numbers)
def test_any_look_and_effect_can_be_drawn(low: Any, estimate: float, high: Any) -> None:
    pictures(charts.looks([Look(5, estimate, low, high)], Region(0.0, None)))
    pictures(charts.Forest([low, estimate, high]).row(low, estimate, high, "x"))


def level(svg: str) -> float:
    """Where the line of the average is."""
    return next(float(e.attrib["y1"]) for e in pictures(svg)[0] if e.get("class") == "average")


def test_the_line_among_the_seeds_is_what_is_judged() -> None:
    # One seed of four holds, one does not, two leave it open: a quarter, not a half.
    drawn = charts.seeds([1.0, 0.0, None, None], Region(0.5, None), 0.25)
    closed = charts.seeds([1.0, 0.0, 0.0, 0.0], Region(0.5, None), 0.25)
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


def test_a_curve_of_one_epoch_is_a_dot() -> None:
    drawn = pictures(charts.curves([Line("a", ((1.0,), (2.0,)))], "loss"))[0]
    paths = [element.attrib["d"] for element in drawn.iter() if element.tag == "path"]
    assert len(paths) == 3
    assert all("h0" in path for path in paths)


def test_looks_are_named_on_their_axis() -> None:
    found = [Look(n, 1.0, 0.0, 2.0) for n in (5, 15)]
    drawn = pictures(charts.looks(found, Region(0.0, None)))[0]
    words = [e.text for e in drawn if e.tag == "text"]
    assert words.index("15") == words.index("5") + 1


def test_a_dashed_line_has_its_partners_colour() -> None:
    lines = [Line(str(i), (), dashed=i > 1) for i in range(4)]
    assert charts.styles(lines) == ["c0", "c1", "c0 dashed", "c1 dashed"]
