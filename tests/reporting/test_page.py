"""The page: its words and pictures, and how it looks in a real browser."""

import dataclasses
import re
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page, sync_playwright

from bnclaims.reporting import charts, page, report
from tests.fakes import SEEDS, endpoint

from .test_report import HOSTILE, MAYBE, NO, YES, outcome, outcome_of, results

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))),
    None,
)
in_browser = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
VIEWS: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 900}},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 360, "height": 720}},
    "no scripts": {"viewport": {"width": 1280, "height": 900}, "java_script_enabled": False},
}


def arm(name: str, *curves: list[float | None], diverged: tuple[int, ...] = ()) -> dict[str, Any]:
    return {
        "arm": name,
        "digest": name,
        "first_seed": 0,
        "metrics": {
            metric: [sum(v or 0 for v in curve) for curve in curves]
            for metric in ("mean_loss", "final_loss", "val_loss", "val_accuracy")
        },
        "curves": {"loss": [list(curve) for curve in curves]},
        "seconds": [1.0] * len(curves),
        "diverged": list(diverged),
    }


WITH_ARMS = dataclasses.replace(
    outcome("with-arms", 5.0),
    source="Other article, figure 1",
    arms=[
        arm("a", [2.0, 1.0, 0.5], [2.1, 0.9, 0.4]),
        arm("b", [2.0, None, None], [1.5, 1.0, 0.5], diverged=(0,)),
    ],
)
STRANGE = dataclasses.replace(
    outcome("strange", 9.0, statement=HOSTILE),
    id=HOSTILE,
    source=HOSTILE,
    code=HOSTILE,
    test=HOSTILE,
    because=HOSTILE,
    arms=[arm(HOSTILE, [1.0, 0.5])],
    explanation=[HOSTILE],
)
EXACT = dataclasses.replace(outcome("exact", 9.0), findings=[], explanation=[])
EVERYTHING = results(YES, NO, MAYBE, WITH_ARMS, STRANGE, EXACT, errors=("broken",))
EVERYTHING["machine"]["platform"] = "Linux" + "_" * 50


# Words


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        (
            YES,
            ["The runs bear this claim out. It took 5 seeds", "above 0, and all of that range is"],
        ),
        (NO, ["The runs contradict this claim.", "none of that range is", "Were it true,"]),
        (MAYBE, ["20 seeds,", "do not settle", "some of that range is", "seeds would settle it"]),
        (EXACT, ["Nothing random is in this claim: what it asserts held."]),
    ],
)
def test_a_verdict_is_said_in_words(claim: Any, words: list[str]) -> None:
    text = " ".join(page.in_words(results(claim)["claims"][0]))
    for part in words:
        assert part in text


def several(verdict: str, *evidence: str) -> dict[str, Any]:
    """A claim of which the test came to a verdict by comparisons that came to these."""
    found = results(YES, NO, MAYBE)["claims"]
    parts = {claim["verdict"]: claim["findings"][0] for claim in found}
    claim: dict[str, Any] = found[0]
    return claim | {"verdict": verdict, "findings": [parts[name] for name in evidence]}


def test_a_claim_may_assert_that_a_comparison_fails() -> None:
    text = " ".join(page.in_words(several("supported", "refuted")))
    assert text.startswith("The runs bear this claim out.")
    assert "its comparison says above 0, and none of that range is. So its comparison is" in text
    assert "Were it" not in text
    text = " ".join(page.in_words(several("supported", "inconclusive")))
    assert "would settle it" not in text


def test_an_outlook_is_no_promise() -> None:
    claim = several("inconclusive", "inconclusive")
    claim["findings"] = [claim["findings"][0] | {"needed": [24419, 37245]}]
    said = page.in_words(claim)[-1]
    assert "about 25,000 seeds would settle it, one way or the other, four times in five." in said


def test_all_seeds_that_a_claim_took_are_counted() -> None:
    text = " ".join(page.in_words(several("supported", "supported", "inconclusive")))
    assert "It took 20 seeds" in text
    assert "shown is the one that decides, after 5 seeds." in text


def test_what_a_test_rests_on_is_said() -> None:
    assert "if its numbers are normally distributed." in page.in_words(results(YES)["claims"][0])[2]
    hits = [1.0] * SEEDS, [2.0] * SEEDS
    claim = outcome_of(
        "share", lambda trial: endpoint(hits[0], None, trial) < endpoint(hits[1], None, trial, 2)
    )
    assert page.in_words(results(claim)["claims"][0])[2].endswith("such tests.")


def test_a_claim_without_a_value_is_not_called_exact() -> None:
    without = results(dataclasses.replace(EXACT, verdict="inconclusive"))
    assert 'number">exact<' in page.html(results(EXACT))
    assert 'number">exact<' not in page.html(without)
    assert page.html(without).count(">no value<") == 2  # in the table and among all together


def test_a_work_is_what_stands_before_the_comma() -> None:
    assert page.work({"source": "BN article, 'speed', figure 1"}) == "BN article"
    assert page.work({"source": "Ioffe & Szegedy 2015; algorithm 1"}) == "Ioffe & Szegedy 2015"


# Pictures

numbers = st.none() | st.floats(-1e12, 1e12, allow_subnormal=False)
curves = st.lists(st.lists(numbers, min_size=1, max_size=4), min_size=1, max_size=3)


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
    lines = [charts.Line("a", first), charts.Line("b", second, dashed=True)]
    pictures(charts.curves(lines, "loss"))


@given(
    st.lists(numbers, min_size=1, max_size=20),
    st.sampled_from([(None, 1), (0, None), (-1, 1)]),
    numbers,
)
def test_any_seeds_can_be_drawn(values: list[float | None], region: Any, average: Any) -> None:
    picture = pictures(charts.seeds(values, region, average))[0]
    dots = [element for element in picture if element.tag == "circle"]
    assert len(dots) == sum(value is not None for value in values)


@given(numbers, st.floats(-1e9, 1e9), numbers)
def test_any_look_and_effect_can_be_drawn(low: Any, estimate: float, high: Any) -> None:
    look = {"seeds": 5, "low": low, "estimate": estimate, "high": high}
    pictures(charts.looks([look], (0.0, None)))
    pictures(charts.Forest([low, estimate, high]).row(low, estimate, high, "x"))


def level(svg: str) -> float:
    """Where the line of the average is."""
    return next(float(e.attrib["y1"]) for e in pictures(svg)[0] if e.get("class") == "average")


def test_an_endpoint_that_no_seed_settles_is_reported() -> None:
    never = [6.0] * SEEDS, [float("inf")] * SEEDS
    claim = outcome_of(
        "open", lambda trial: endpoint(*never, trial) < endpoint(*never, trial, number=2)
    )
    found = results(claim)["claims"][0]
    assert found["findings"][0]["values"] == [None] * SEEDS
    assert "20 open" in page.html(results(claim))


def test_the_line_among_the_seeds_is_what_is_judged() -> None:
    # One seed of four holds, one does not, two leave it open: a quarter, not a half.
    drawn = charts.seeds([1.0, 0.0, None, None], (0.5, None), 0.25)
    closed = charts.seeds([1.0, 0.0, 0.0, 0.0], (0.5, None), 0.25)
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
    drawn = pictures(charts.curves([charts.Line("a", [[1.0], [2.0]])], "loss"))[0]
    paths = [element.attrib["d"] for element in drawn.iter() if element.tag == "path"]
    assert len(paths) == 3
    assert all("h0" in path for path in paths)


def test_claims_called_alike_have_places_of_their_own() -> None:
    alike = [dataclasses.replace(YES, id=name) for name in ("a[b c]", "a[b/c]", "a[b c]", "学习")]
    text = page.html(results(*alike))
    places = re.findall(r'<section class="claim" id="([^"]+)"', text)
    assert len(places) == len(set(places)) == 4
    assert set(re.findall(r'href="#(claim-[^"]*)"', text)) == set(places)


def test_the_parts_of_a_claim_are_told_apart() -> None:
    found = results(YES)
    found["claims"] = [several("supported", "supported", "inconclusive")]
    text = page.html(found)
    assert "<li><bdi>s1</bdi>, above 0: supported</li>" in text
    assert ">part 2</th>" in text


def test_a_mean_of_survivors_is_called_so() -> None:
    assert "have not diverged" in page.html(results(WITH_ARMS))
    sound = dataclasses.replace(WITH_ARMS, arms=WITH_ARMS.arms[:1])
    assert "have not diverged" not in page.html(results(sound))


def test_looks_are_named_on_their_axis() -> None:
    found = [{"seeds": n, "estimate": 1.0, "low": 0.0, "high": 2.0} for n in (5, 15)]
    words = [e.text for e in pictures(charts.looks(found, (0.0, None)))[0] if e.tag == "text"]
    assert words.index("15") == words.index("5") + 1


def test_arms_called_alike_are_all_drawn() -> None:
    arms = [arm("a", [2.0, 1.0]), arm("a", [2.0, 1.0, 0.5]) | {"digest": "longer"}]
    assert len(page.arm_lines({"arms": arms})) == 2


def test_a_dashed_line_has_its_partners_colour() -> None:
    lines = [charts.Line(str(i), [], dashed=i > 1) for i in range(4)]
    assert charts.styles(lines) == ["c0", "c1", "c0 dashed", "c1 dashed"]


# In a browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    return report.write(EVERYTHING, tmp_path_factory.mktemp("report")).as_uri()


def opened(browser: Browser, address: str, view: str = "desktop") -> Page:
    found = browser.new_context(**VIEWS[view]).new_page()
    found.goto(address)
    return found


@in_browser
@pytest.mark.parametrize("view", VIEWS)
def test_it_opens_without_errors_requests_or_overflow(
    browser: Browser, address: str, view: str
) -> None:
    context = browser.new_context(**VIEWS[view])
    found = context.new_page()
    problems: list[str] = []
    requests: list[str] = []
    found.on("console", lambda message: problems.append(message.text))
    found.on("pageerror", lambda error: problems.append(str(error)))
    found.on("dialog", lambda dialog: problems.append(dialog.message))
    found.on("request", lambda request: requests.append(request.url))
    found.goto(address)
    assert problems == []
    assert requests == [address]
    assert found.get_by_role("heading", name="Claims, verified").is_visible()
    assert found.locator("figure svg").first.is_visible()
    if VIEWS[view].get("java_script_enabled", True):  # else nothing can be asked of the page
        width = found.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert width[0] <= width[1]


@in_browser
@pytest.mark.parametrize("view", ["desktop", "dark", "phone"])
def test_axe_finds_nothing_serious(browser: Browser, address: str, view: str) -> None:
    found = opened(browser, address, view)
    # What is folded must be sound, too.
    found.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    violations = Axe().run(found).response["violations"]
    serious = [v for v in violations if v["impact"] in {"serious", "critical"}]
    assert serious == [], [(v["id"], v["nodes"][0]["html"]) for v in serious]


@in_browser
@pytest.mark.parametrize("view", ["desktop", "no scripts"])
def test_filters_show_some_claims(browser: Browser, address: str, view: str) -> None:
    found = opened(browser, address, view)

    def shown() -> list[str]:
        return [link.inner_text() for link in found.locator("table a").all() if link.is_visible()]

    assert "yes" in shown()
    found.get_by_role("radio", name="refuted").check()
    assert shown() == ["no"]
    assert not found.locator("#claim-yes").is_visible()
    found.get_by_label("Other article").check()
    assert shown() == []
    assert found.get_by_text("No claim is of this kind").is_visible()
    found.get_by_role("group", name="Verdict").get_by_label("all").check()
    assert shown() == ["with-arms"]


@in_browser
def test_filters_work_from_the_keyboard(browser: Browser, address: str) -> None:
    found = opened(browser, address)
    found.locator("#verdict-all").focus()
    found.keyboard.press("ArrowRight")
    found.keyboard.press("ArrowRight")
    assert found.locator("#verdict-refuted").is_checked()


@in_browser
def test_hostile_text_stays_text(browser: Browser, address: str) -> None:
    found = opened(browser, address)
    assert found.locator("script").count() == 0
    heading = found.locator("h3", has_text="<script>alert")
    assert heading.text_content() == HOSTILE
    assert found.locator("pre", has_text="<script>alert").first.text_content() is not None


@in_browser
def test_a_print_says_that_it_was_filtered(browser: Browser, address: str) -> None:
    found = opened(browser, address)
    said = found.get_by_text("Only some of the claims are shown.")
    found.emulate_media(media="print")
    assert not said.is_visible()
    found.emulate_media(media="screen")
    found.get_by_role("radio", name="refuted").check()
    assert not said.is_visible()  # there are the filters to be seen
    found.emulate_media(media="print")
    assert said.is_visible()


@in_browser
def test_what_is_folded_is_printed(browser: Browser, address: str) -> None:
    found = opened(browser, address)
    code = found.get_by_text("def test_yes(): ...")
    assert not code.is_visible()
    found.emulate_media(media="print")
    box = code.bounding_box()
    assert box is not None
    assert box["height"] > 0
    assert not found.get_by_role("radio").first.is_visible()


def test_a_forests_rows_say_their_verdict_without_colour() -> None:
    rows = page.html(results(NO)).partition('<ul class="forest">')[2].partition("</ul>")[0]
    assert 'aria-label="refuted, -' in rows
    assert "\N{BALLOT X}" in rows


@in_browser
def test_claims_names_are_not_cut_to_pieces_on_a_telephone(
    browser: Browser, tmp_path: Path
) -> None:
    # Three numbers side by side are wide.
    name = "bn-count-matters-more-for-sigmoid"
    claim = dataclasses.replace(YES, id=name)
    found = opened(browser, report.write(results(claim), tmp_path).as_uri(), "phone")
    box = found.locator("td", has_text=name).first.bounding_box()
    assert box is not None
    assert box["width"] > 100


@in_browser
def test_a_legend_keeps_its_lines_colours(browser: Browser, address: str) -> None:
    found = opened(browser, address)
    found.emulate_media(forced_colors="active")
    keys = found.locator("#claim-with-arms .key").all()
    colours = {key.evaluate("e => getComputedStyle(e).borderTopColor") for key in keys}
    assert len(colours) == len(keys) == 2


@in_browser
def test_no_column_is_cut_off_in_print(browser: Browser, address: str) -> None:
    found = browser.new_context(viewport={"width": 680, "height": 900}).new_page()
    found.goto(address)
    found.emulate_media(media="print")
    widths = found.evaluate(
        "[...document.querySelectorAll('.scroll')].map(e => [e.scrollWidth, e.clientWidth])"
    )
    assert [shown for shown in widths if shown[0] > shown[1]] == []


@in_browser
def test_links_lead_to_claims(browser: Browser, address: str) -> None:
    found = opened(browser, address)
    for link in found.locator("a").all():
        target = link.get_attribute("href")
        assert target is not None
        assert found.locator(f'[id="{target.removeprefix("#")}"]').count() == 1
