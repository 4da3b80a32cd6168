"""Badges: what they say, in which colour, and in which file."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnclaims.reporting import badges
from bnclaims.reporting.results import SessionRecord
from tests.fake_results import EXACT, MAYBE, NO, YES, outcome, results


def text_of(path: Path) -> list[str]:
    return [element.text or "" for element in ET.parse(path).iter() if element.tag.endswith("text")]


def test_each_claim_and_the_suite_get_a_badge(tmp_path: Path) -> None:
    badges.write(results(YES, NO, MAYBE, errors=("broken",)), tmp_path)
    assert text_of(tmp_path / "yes.svg") == ["yes", "supported, n = 5 · quick protocol, MNIST"]
    assert text_of(tmp_path / "no.svg") == [
        "no",
        "refuted, unexpected, n = 5 · quick protocol, MNIST",
    ]
    assert text_of(tmp_path / "broken.svg") == ["broken", "error"]
    assert text_of(tmp_path / "claims.svg")[1] == (
        "1 supported, 1 refuted, 1 inconclusive, 1 error · quick protocol, MNIST"
    )
    data = json.loads((tmp_path / "perhaps.json").read_text())
    assert data == {
        "schemaVersion": 1,
        "label": "perhaps",
        "message": "inconclusive, unexpected, n = 20 · quick protocol, MNIST",
        "color": badges.COLOURS["inconclusive"],
    }


def test_a_badges_title_says_the_numbers_and_what_was_claimed(tmp_path: Path) -> None:
    badges.write(results(YES, EXACT, errors=("broken",)), tmp_path)

    def title(name: str) -> str:
        root = ET.parse(tmp_path / f"{name}.svg").getroot()
        (found,) = (element.text or "" for element in root.iter() if element.tag.endswith("title"))
        assert root.attrib["aria-label"] == found
        return found

    of = "quick protocol, MNIST"
    assert title("yes") == f"yes: supported, n = 5 · {of} · 8.4 [5.0, 11.8], claimed > 0"
    assert title("exact") == f"exact: supported · {of}"
    assert title("broken") == "broken: error"


def test_the_suite_is_green_only_when_all_is_as_expected(tmp_path: Path) -> None:
    for found, colour in [
        (results(YES), "supported"),
        (results(YES, NO), "error"),
        (results(YES, errors=("broken",)), "error"),
        (results(), "error"),
        (results(YES, session=SessionRecord(1, interrupted=False, unfinished=0)), "error"),
        (results(YES, session=SessionRecord(2, interrupted=True, unfinished=0)), "error"),
    ]:
        badges.write(found, tmp_path)
        suite = json.loads((tmp_path / "claims.json").read_text())
        assert suite["color"] == badges.COLOURS[colour]


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1), st.text("ab<&>\"'"))
def test_whatever_a_claim_is_called_stays_text(label: str, message: str) -> None:
    root = ET.fromstring(badges.svg(label, message, "#000000"))
    shown = [element.text or "" for element in root.iter() if element.tag.endswith("text")]
    assert shown == [label, message]
    assert root.attrib["aria-label"]


DEJAVU = next(Path("/usr/share/fonts").glob("**/DejaVuSans.ttf"), None)


@pytest.mark.skipif(DEJAVU is None, reason="the badges' font is not on this machine")
@pytest.mark.parametrize(
    "text", ["supported, n = 5 · quick protocol, MNIST", "bn-lift~II_[MW]", "学习"]
)
def test_letters_are_as_far_apart_as_their_font_has_them(text: str) -> None:
    image_font = pytest.importorskip("PIL.ImageFont")
    drawn = image_font.truetype(str(DEJAVU), 1100).getlength(text) / 100
    (label, _) = (
        e for e in ET.fromstring(badges.svg(text, "x", "#0")).iter() if "textLength" in e.attrib
    )
    wide = 4.4 if text == "学习" else 0.0  # DejaVu Sans has a box for each
    assert float(label.attrib["textLength"]) - 2 * wide == pytest.approx(drawn, rel=0.03)


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


@pytest.mark.parametrize("colour", badges.COLOURS.values())
def test_white_words_can_be_read(colour: str) -> None:
    assert 1.05 / (luminance(colour) + 0.05) >= 4.5


@pytest.mark.parametrize(
    ("claim", "file"), [("a-b", "a-b"), ("a[x/y]", "a-x-y"), ("../../etc", "etc"), ("a b", "a-b")]
)
def test_file_names_are_harmless(claim: str, file: str) -> None:
    assert badges.file_name(claim).strip(".-") == file


def test_no_two_names_share_a_file() -> None:
    names = ["a b", "a/b", "A-B", "学习", "🙂", "claims", "plain", "x" * 300, "x" * 301]
    files = badges.file_names(names, reserved=["claims"])
    assert len({file.lower() for file in files.values()} - {"claims"}) == len(names)
    assert files["plain"] == "plain"
    assert max(map(len, files.values())) < 120
    assert badges.file_names(["a b"]) == {"a b": "a-b"}


def test_a_long_name_makes_a_file_name_that_file_systems_take(tmp_path: Path) -> None:
    """A parametrised claim of 300 characters lost the page."""
    long = [outcome(f"each[{'x' * 300}-{number}]", 9.0) for number in (1, 2)]
    paths = badges.write(results(*long), tmp_path)
    assert len(set(paths)) == 3
    assert all(len(path.name) < 130 for path in paths)


def test_a_claim_called_claims_leaves_the_suites_badge_alone(tmp_path: Path) -> None:
    paths = badges.write(results(outcome("claims", 9.0)), tmp_path)
    assert len(set(paths)) == 2
    assert text_of(tmp_path / "claims.svg")[1].startswith("1 supported · ")
