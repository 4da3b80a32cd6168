"""The page: its words and pictures, and how it looks in a real browser."""

import dataclasses
import html
import re
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from bnclaims.language.figure import Drawing, Line
from bnclaims.language.finding import Look, Region, Verdict
from bnclaims.reporting import page, report
from bnclaims.reporting.compared import distinct_names
from bnclaims.reporting.results import ClaimResult, MetricRecord, Results, SessionRecord
from tests.fake_results import (
    EXACT,
    HOSTILE,
    MAYBE,
    NO,
    STRANGE,
    WITH_ARMS,
    YES,
    arm,
    compared,
    finding,
    result,
    results,
    several,
)
from tests.fakes import SEEDS, endpoint

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


EVERYTHING = results(YES, NO, MAYBE, WITH_ARMS, STRANGE, EXACT, errors=("broken",))
EVERYTHING = dataclasses.replace(
    EVERYTHING, machine=dataclasses.replace(EVERYTHING.machine, platform="Linux" + "_" * 50)
)


# Words


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        (
            YES,
            ["The runs support this claim, after 5 seeds", "above 0, and the whole interval is"],
        ),
        (NO, ["The runs contradict this claim", "none of the interval is", "If it were true,"]),
        (
            MAYBE,
            ["do not settle", "after 20 seeds", "part of the interval is", "seeds would decide it"],
        ),
        (EXACT, ["Nothing random is in this claim: what it asserts held."]),
    ],
)
def test_a_verdict_is_said_in_words(claim: Any, words: list[str]) -> None:
    text = " ".join(page.in_words(result(claim)))
    for part in words:
        assert part in text


def test_a_claim_may_assert_that_a_comparison_fails() -> None:
    text = " ".join(page.in_words(result(several("supported", "refuted"))))
    assert text.startswith("The runs support this claim")
    assert "its comparison says above 0, and none of the interval is. So its comparison is" in text
    assert "If it were" not in text
    text = " ".join(page.in_words(result(several("supported", "inconclusive"))))
    assert "would decide it" not in text


def test_an_outlook_is_no_promise() -> None:
    far = dataclasses.replace(MAYBE.findings[0], needed=(24419, 37245))
    said = page.in_words(result(dataclasses.replace(MAYBE, findings=(far,))))[-1]
    assert said == "If the estimate is right, about 25,000 seeds would decide it with 80% power."


def test_all_seeds_that_a_claim_took_are_counted() -> None:
    text = " ".join(page.in_words(result(several("supported", "supported", "inconclusive"))))
    assert "after 20 seeds" in text
    assert "shown is the one that decides, after 5 seeds." in text


def test_what_a_test_rests_on_is_said() -> None:
    said = page.in_words(result(YES))[2]
    assert "at most once in 1,000 tests with contrasts no more skewed than an exponential" in said
    assert said.endswith("by their signs alone, p = 0.031.")
    hits = [1.0] * SEEDS, [2.0] * SEEDS
    claim = compared(
        "share", lambda trial: endpoint(hits[0], None, trial) < endpoint(hits[1], None, trial, 2)
    )
    assert page.in_words(result(claim))[2].endswith("tests.")


def test_a_claim_without_a_value_is_not_called_exact() -> None:
    without = results(dataclasses.replace(EXACT, verdict="inconclusive"))
    assert 'number">exact<' in page.html(results(EXACT))
    assert 'number">exact<' not in page.html(without)
    assert page.html(without).count(">no value<") == 3  # folded, in the table, all together


def test_a_work_is_what_stands_before_the_comma() -> None:
    for source, publication in [
        ("BN article, 'speed', figure 1", "BN article"),
        ("Ioffe & Szegedy 2015; algorithm 1", "Ioffe & Szegedy 2015"),
    ]:
        assert page.publication(result(dataclasses.replace(YES, source=source))) == publication


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("BN article (its title), 'speed', figure 1", "BN article, 'speed'"),
        ("Ioffe & Szegedy 2015; algorithm 1", "Ioffe & Szegedy 2015"),
        ("An article, on 'speed'", "An article"),
    ],
)
def test_claims_are_grouped_by_the_section_that_they_quote(source: str, name: str) -> None:
    assert page.section_name(result(dataclasses.replace(YES, source=source))) == name
    assert f"<bdi>{html.escape(name)}</bdi></h3>".replace("&#x27;", "&#39;") in page.html(
        results(dataclasses.replace(YES, source=source))
    )


# Pictures


def test_an_endpoint_that_no_seed_settles_is_reported() -> None:
    never = [6.0] * SEEDS, [float("inf")] * SEEDS
    claim = compared(
        "open", lambda trial: endpoint(*never, trial) < endpoint(*never, trial, number=2)
    )
    assert claim.findings[0].values == (None,) * SEEDS
    assert "20 open" in page.html(results(claim))


def test_the_table_says_what_was_claimed() -> None:
    table = page.html(results(YES)).partition('id="table"')[2].partition("</table>")[0]
    heads = re.findall("<th[^>]*>([^<]*)</th>", table)
    assert heads == ["claim", "verdict", "estimate [interval]", "claimed", "seeds", "statement"]
    assert re.findall('<td class="number">([^<]*)</td>', table) == [
        "8.4 [5.0, 11.8]",
        "&gt; 0",
        "5",
    ]


def test_numbers_stand_beside_what_is_claimed_and_its_unit() -> None:
    found = finding(unit="epochs", region=Region(0.25, None))
    text = page.html(results(dataclasses.replace(YES, findings=(found, found))))
    assert '<td class="number">&gt; 0.25 epochs</td>' in text
    assert "claimed &gt; 0.25 epochs; <br>found 1.00 [0.50, 1.50]" in text
    assert "averages 1.00 epochs (interval 0.50 to 1.50); the claim says above 0.25 epochs" in text
    assert "above 0.25 epochs: supported</li>" in text


def test_a_reason_is_said_to_be_declared() -> None:
    """Its numbers may be another protocol's."""
    reason = "over the article's budget it is 0.1"
    declared = dataclasses.replace(NO, expected="refuted", because=reason)
    said = "Declared reason: <bdi>over the article&#39;s budget it is 0.1.</bdi>"
    assert said in page.html(results(declared))
    assert "Declared reason" not in page.html(results(dataclasses.replace(NO, because=reason)))


def test_a_share_is_one_of_seeds() -> None:
    found = finding(kind="share", unit="of seeds", region=Region(0.5, None), estimate=0.9)
    text = page.found_text(result(dataclasses.replace(YES, findings=(found,))))
    assert text.startswith("The comparison holds in 0.90 of seeds (interval 0.50 to 1.50); ")
    assert "the claim says above 0.5 of seeds" in text


def test_the_means_of_arms_have_the_metrics_unit() -> None:
    records = tuple(
        MetricRecord("input_drift", name, 0, of, "SD")
        for name, of in (("plain", (2.0, 2.2, 2.1)), ("BN", (1.0, 1.2, 1.1)))
    )
    found = finding(
        values=(1.0, 1.0, 1.0), unit="SD", contrast="input_drift(plain) - input_drift(BN)"
    )
    claim = dataclasses.replace(YES, findings=(found,), measured=records)
    assert page.found_text(result(claim)).startswith(
        "The input drift was 2.10 SD with plain and 1.10 SD with BN"
    )


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (2.0, ": less than 0.1% apart."),
        (2.0 * (1 + 1e-15), ": less than 0.1% apart."),
        (2.0 * 1.004, ": 0.4% lower."),
        (2.0 * 0.98, ": 2% higher."),
        (0.5, ": 4 times as high."),
    ],
)
def test_a_small_difference_is_not_called_0_percent(other: float, said: str) -> None:
    arms = arm("net, plain", (2.0,), (2.0,)), arm("net, BN", (other,), (other,))
    made = finding(contrast="mean_loss(net, plain) - mean_loss(net, BN)")
    text = page.found_text(result(dataclasses.replace(YES, findings=(made,), arms=arms)))
    assert f"{said} The number compared averages 1.00" in text


def test_claims_called_alike_have_places_of_their_own() -> None:
    alike = [dataclasses.replace(YES, id=name) for name in ("a[b c]", "a[b/c]", "a[b c]", "学习")]
    text = page.html(results(*alike))
    places = re.findall(r'<div class="inside" id="([^"]+)"', text)
    assert len(places) == len(set(places)) == 4
    assert set(re.findall(r'href="#(claim-[^"]*)"', text)) == set(places)


def test_the_parts_of_a_claim_are_told_apart() -> None:
    text = page.html(results(several("supported", "supported", "inconclusive")))
    assert "<li><bdi>s1</bdi>, above 0: supported</li>" in text
    assert ">part 2</th>" in text


def test_a_mean_of_survivors_is_called_so() -> None:
    assert "have not diverged" in page.html(results(WITH_ARMS))
    sound = dataclasses.replace(WITH_ARMS, arms=WITH_ARMS.arms[:1])
    assert "have not diverged" not in page.html(results(sound))


def test_arms_called_alike_are_all_drawn() -> None:
    longer = dataclasses.replace(arm("a", [2.0, 1.0, 0.5]), digest="longer")
    claim = dataclasses.replace(YES, arms=(arm("a", [2.0, 1.0]), longer))
    assert len(page.arm_lines(result(claim))) == 2


# A claim alone


def test_a_claim_alone_names_no_place_of_a_page_and_says_protocol_and_data() -> None:
    alone = page.section(result(WITH_ARMS))
    assert " id=" not in alone
    assert "href" not in alone
    assert "<details open>" in alone
    assert "Other article, figure 1</bdi> · quick protocol · MNIST" in alone
    assert "<svg" in alone
    assert HOSTILE not in page.section(result(STRANGE))


# The first screen


def first_screen(found: Results) -> str:
    """The words above the filters."""
    head = page.html(found).partition("<body")[2].partition("<form")[0]
    return " ".join(re.sub("<[^>]*>", " ", html.unescape(head)).split())


def test_the_first_screen_says_what_was_tested_on_what_and_how_sure_it_is() -> None:
    text = first_screen(results(YES, NO, MAYBE, WITH_ARMS))
    for part in (
        "4 claims about training neural networks, tested",
        "tested 1 from Other article , 3 from here . Networks",
        "Networks trained on MNIST: 10,000 images, 6 epochs (quick protocol), 5 to 20 seeds",
        "2 ✓ supported the runs show what is claimed",
        "1 ✗ refuted",
        "1 ? inconclusive",
        "2 unexpected",
        "at most 0.01 in each direction",
    ):
        assert part in text


def test_the_first_screen_names_the_backend_where_networks_were_trained() -> None:
    of_data = dataclasses.replace(results(YES), versions={"backend": "Keras on JAX"})
    without = dataclasses.replace(YES, data="none", data_note="no data")
    of_none = dataclasses.replace(of_data, claims=results(without).claims)
    assert "Networks trained on MNIST by Keras on JAX: 10,000 images" in first_screen(of_data)
    assert "Networks trained on no data: 10,000 images" in first_screen(of_none)


def test_the_first_screen_names_an_only_source() -> None:
    assert "tested All from here . Networks" in first_screen(results(YES, NO))


def test_the_first_screen_counts_many_sources() -> None:
    claims = [dataclasses.replace(YES, id=f"claim-{n}", source=f"work {n}") for n in range(5)]
    assert "tested From 5 publications. Networks" in first_screen(results(*claims))


def test_a_subject_is_short() -> None:
    assert page.subject(["A (long)", "B"]) == "A, B"
    assert page.subject(list("abcd")) == "4 publications"


@pytest.mark.parametrize(
    ("note", "name"),
    [
        ("MNIST from /home/me/mnist.npz", "MNIST"),
        ("MNIST, downloaded to /home/me/mnist.npz", "MNIST"),
        (
            "custom data from /home/me/x.npz (9 training and 3 test images): NOT MNIST",
            "custom data",
        ),
        ("embedded digits, because MNIST is unavailable (x): NOT MNIST", "embedded digits"),
    ],
)
def test_the_first_screen_names_the_data_without_a_path(note: str, name: str) -> None:
    text = page.html(results(dataclasses.replace(YES, data_note=note)))
    head, _, rest = text.partition("<main>")
    assert f"Networks trained on {name}:" in head
    assert "/home/me" not in head
    assert ("<strong>Not MNIST.</strong>" in head) == ("NOT MNIST" in note)
    assert note in rest  # the environment says all of it


def test_the_most_surprising_claims_come_first_the_unexpected_before_all() -> None:
    def claim(name: str, effect: float | None, expected: Verdict) -> ClaimResult:
        made = finding(verdict="refuted", effect=effect)
        return result(
            dataclasses.replace(NO, id=name, findings=(made,), expected=expected, verdict="refuted")
        )

    claims = [
        claim("weak", -1.0, "refuted"),
        claim("strong", -9.0, "refuted"),
        claim("exact", None, "refuted"),
        claim("unexpected", -0.5, "supported"),
        claim("middle", -4.0, "refuted"),
        result(YES),
    ]
    found = [claim.id for claim in page.surprises(claims)]
    assert found == ["unexpected", "strong", "middle", "weak"]


def test_where_nothing_surprises_there_is_no_such_part() -> None:
    assert "Most surprising" in first_screen(results(YES, NO))
    assert "Most surprising" not in first_screen(results(YES))


@pytest.mark.parametrize(
    ("factor", "region", "said"),
    [
        (0.9, Region(0.0, None), "The claim asks for more than 10% lower."),
        (0.9, Region(None, 0.0), "The claim asks for less than 10% lower."),
        (1.5, Region(None, 0.0), "The claim asks for more than 50% higher."),
        (1.0, Region(0.0, None), "The claim asks for a mean above 1.1."),
        (0.9, Region(0.5, None), "The claim asks for a mean below 1.39."),
    ],
)
def test_what_was_found_is_said_of_the_arms(factor: float, region: Region, said: str) -> None:
    plain, normed = (2.0, 2.2, 2.1), (1.0, 1.2, 1.1)
    values = tuple(factor * a - b for a, b in zip(plain, normed, strict=True))
    made = finding(values=values, region=region, contrast="mean_loss(net) - mean_loss(net, BN)")
    arms = tuple(
        arm(name, *[(v,) for v in of]) for name, of in (("net, plain", plain), ("net, BN", normed))
    )
    text = page.found_text(result(dataclasses.replace(YES, findings=(made,), arms=arms)))
    if factor != 1:
        assert text.startswith("The mean training loss was 1.10 with BN and 2.10 with plain: 48% l")
    assert text.endswith(said)


def test_of_more_arms_it_is_also_said_what_is_claimed_of_them() -> None:
    """A surprising finding listed four means, and not what it was refuted by."""
    arms = tuple(arm(name, (i + 1.0,), (i + 1.1,)) for i, name in enumerate("abc"))
    made = finding(contrast="mean_loss(a) - mean_loss(b) + mean_loss(c)")
    text = page.found_text(result(dataclasses.replace(YES, findings=(made,), arms=arms)))
    assert text == (
        "Mean training loss: 1.05 with a; 2.05 with b; 3.05 with c. The number compared averages "
        "1.00 (interval 0.50 to 1.50); the claim says above 0, and the whole interval is."
    )


def test_without_arms_the_number_compared_is_said() -> None:
    assert page.found_text(result(NO)).startswith("The number compared averages")
    assert page.found_text(result(EXACT)).startswith("Nothing random")


@pytest.mark.parametrize(
    ("names", "short"),
    [
        (["a, x", "a, y"], ["x", "y"]),
        (["a, f(p=1, q=2)", "a, f(p=1, q=3)"], ["f(p=1, q=2)", "f(p=1, q=3)"]),
        (["a", "a, y"], ["a", "a, y"]),
        (["a, x", "a, x"], ["a, x", "a, x"]),
        (["relu, 50, Adam", "relu, 1, Adam"], ["relu, 50", "relu, 1"]),
        (["relu, batch 4", "relu, batch 64"], ["batch 4", "batch 64"]),
        (["a, z", "a, y, z"], ["a", "a, y"]),
        (["f, name='a b'", "f, name='c'"], ["a b", "c"]),
        (["f, name='a'", "f, size='a'"], ["name='a'", "size='a'"]),
        (["f, name='a'", "f"], ["f, name='a'", "f"]),
    ],
)
def test_arms_are_called_by_what_tells_them_apart(names: list[str], short: list[str]) -> None:
    assert distinct_names(names) == short


def test_filters_say_how_many_and_offer_no_empty_choice() -> None:
    text = page.html(results(YES, NO))
    labels = re.findall('<label><input type="radio"[^>]*> ([^<]*)</label>', text)
    assert labels == ["all (2)", "supported (1)", "refuted (1)", "unexpected (1)"]


def test_looks_are_drawn_where_there_were_several() -> None:
    assert "Look by look" not in page.html(results(YES))
    assert "Look by look" in page.html(results(MAYBE))


def test_the_script_is_small() -> None:
    (script,) = re.findall("<script>.*?</script>", page.html(results(YES)), re.DOTALL)
    assert len(script) < 3_000


def test_without_a_verdict_there_is_nothing_to_draw_or_to_correct() -> None:
    """As of a session that has not ended: an empty chart, and data that nobody trained on."""
    underway = SessionRecord(2, interrupted=True, unfinished=2, ended=False)
    text = page.html(results(errors=("one", "two"), session=underway))
    assert "The session has not ended, or was killed: it has verified nothing yet." in text
    places = set(re.findall(r'id="(.*?)"', text))
    assert {"table", "claims", "environment"} <= places
    assert not {"forest", "family"} & places
    assert set(re.findall(r'href="#(.*?)"', text)) <= places
    assert "Networks trained on" not in text


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
    assert found.get_by_role("heading", name="claims about training neural").is_visible()
    assert found.locator("#figures + .charts svg").first.is_visible()
    assert not found.locator(".claim figure svg").first.is_visible()
    found.locator(".claim summary", has_text="yes").first.click()
    assert found.locator("#claim-yes figure svg").first.is_visible()
    if VIEWS[view].get("java_script_enabled", True):  # else nothing can be asked of the page
        width = found.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert width[0] <= width[1]


@in_browser
def test_a_claim_alone_has_its_own_style_and_leaves_the_rest_alone(browser: Browser) -> None:
    host = browser.new_page()
    host.set_content(f"<p id='host'>x</p>{page.section(result(WITH_ARMS))}")
    assert host.locator("figure svg").first.is_visible()
    of = "e => getComputedStyle(document.querySelector(e))"
    assert host.evaluate(f"({of})('figure').backgroundColor") == "rgb(245, 245, 248)"
    assert host.evaluate(f"({of})('#host').maxWidth") == "none"
    assert host.evaluate(f"({of})('.bnclaims p').maxWidth") != "none"


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
    found.get_by_text("All claims as a table").click()

    def shown() -> list[str]:
        return [link.inner_text() for link in found.locator("table a").all() if link.is_visible()]

    assert "yes" in shown()
    found.get_by_role("radio", name="refuted").check()
    assert shown() == ["no"]
    assert not found.locator("section", has=found.locator("#claim-yes")).is_visible()
    assert found.locator("section", has=found.locator("#claim-no")).is_visible()
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
    own = re.findall("<script>(.*?)</script>", page.html(results(YES)), re.DOTALL)
    assert [script.text_content() for script in found.locator("script").all()] == own
    heading = found.locator("h3[id]", has_text="<script>alert")
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
    rows = page.html(results(NO)).partition('<div class="forest">')[2].partition("</ul>")[0]
    assert 'role="img"' in rows
    assert "<title>refuted, -" in rows
    assert "\N{BALLOT X}" in rows


@in_browser
def test_claims_names_are_not_cut_to_pieces_on_a_telephone(
    browser: Browser, tmp_path: Path
) -> None:
    # Three numbers side by side are wide.
    name = "bn-count-matters-more-for-sigmoid"
    claim = dataclasses.replace(YES, id=name)
    found = opened(browser, report.write(results(claim), tmp_path).as_uri(), "phone")
    found.get_by_text("All claims as a table").click()
    box = found.locator("td", has_text=name).first.bounding_box()
    assert box is not None
    assert box["width"] > 100


def named_colours(svg: str) -> dict[str, str]:
    """The colours of the lines that a chart names at their ends."""
    drawn = ET.fromstring(svg)
    names = [e.text or "" for e in drawn.iter("text") if e.get("class") == "start"]
    leads = [e.attrib["class"] for e in drawn.iter("path") if "leader" in e.get("class", "")]
    return dict(zip(names, (lead.split()[1] for lead in leads), strict=True))


def test_an_arm_has_one_colour_on_the_whole_page() -> None:
    """Its colour was that of its place among the arms of each claim."""
    one, two, four, none = (arm(name, [2.0, 1.0]) for name in ("one", "two", "four", "none"))
    claims = [
        dataclasses.replace(WITH_ARMS, id=str(i), arms=arms)
        for i, arms in enumerate([(none, one), (four, none), (two, four, none)])
    ]
    curves = [
        Line(f"the {name}", ((2.0, float(i)),), arm=name)
        for i, name in enumerate(["two", "none", "four"])
    ]
    figure = Drawing("A figure", "here", "curves", (), tuple(curves))
    many = dataclasses.replace(results(*claims), figures=(figure,))
    drawn = re.findall(r"<svg[^>]*training loss by epoch.*?</svg>", page.html(many), re.DOTALL)
    assert len(drawn) == 4
    seen: dict[str, set[str]] = {}
    for svg in drawn:
        for name, colour in named_colours(svg).items():
            seen.setdefault(name.removeprefix("the "), set()).add(colour)
    assert sorted(seen) == ["four", "none", "one", "two"]
    assert all(len(colours) == 1 for colours in seen.values())
    assert len({*seen["two"], *seen["four"], *seen["none"]}) == 3


def test_a_page_of_a_catalogue_is_no_larger_than_a_photo() -> None:
    """Fifty claims, each with two arms, ten seeds, six epochs and two looks."""
    rng = np.random.default_rng(np.random.SeedSequence(18))
    arms = tuple(
        arm(name, *rng.uniform(0.1, 2.3, (10, 6)).tolist())
        for name in ("sigmoid 1 BN, adam(learning_rate=0.01)", "sigmoid no BN, batch 256")
    )
    looks = (Look(5, 1.0, -0.512345, 1.523456), Look(10, 1.0, 0.512345, 1.523456))
    made = finding(
        contrast=f"0.9 * mean_loss({arms[1].arm}) - mean_loss({arms[0].arm})",
        values=tuple(
            0.9 * b - a
            for a, b in zip(*(each.metrics["mean_loss"] for each in arms), strict=True)
            if a is not None and b is not None
        ),
        looks=looks,
        seeds=10,
    )
    claims = [
        dataclasses.replace(WITH_ARMS, id=f"a-claim-{i}", arms=arms, findings=(made,))
        for i in range(50)
    ]
    assert len(page.html(results(*claims)).encode()) < 640_000


@in_browser
def test_a_legend_keeps_its_lines_colours(browser: Browser) -> None:
    arms = tuple(arm(f"{name} with a long name", [2.0, 1.0]) for name in "ab")
    found = browser.new_page()
    found.set_content(page.section(result(dataclasses.replace(WITH_ARMS, arms=arms))))
    found.emulate_media(forced_colors="active")
    keys = found.locator(".key").all()
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
@pytest.mark.parametrize("view", ["desktop", "no scripts"])
def test_a_link_opens_its_claim(browser: Browser, address: str, view: str) -> None:
    found = opened(browser, address, view)
    inside = found.locator("#claim-no")
    assert not inside.is_visible()
    found.locator(".forest").get_by_role("link", name="no", exact=True).click()
    inside.wait_for(state="visible")


@in_browser
def test_a_link_to_what_is_filtered_out_clears_the_filter(browser: Browser, address: str) -> None:
    found = opened(browser, address)
    found.get_by_role("radio", name="supported").check()
    found.get_by_label("Search").fill("strange")
    found.locator(".surprises a").first.click()
    found.locator("#claim-no").wait_for(state="visible")
    assert found.locator("#verdict-all").is_checked()
    assert found.get_by_label("Search").input_value() == ""


@in_browser
def test_a_search_leaves_what_has_the_words(browser: Browser, address: str) -> None:
    found = opened(browser, address)
    rows = found.locator(".forest li")
    found.get_by_label("Search").fill("With-Arms")
    assert [row.is_visible() for row in rows.all()].count(True) == 1
    assert rows.filter(has_text="with-arms").is_visible()
    found.get_by_label("Search").fill("nowhere")
    assert found.get_by_text("No claim is of this kind").is_visible()


@in_browser
def test_the_table_can_be_sorted(browser: Browser, address: str) -> None:
    found = opened(browser, address)
    found.get_by_text("All claims as a table").click()

    def column(number: int) -> list[str]:
        cells = found.locator(f"#table tbody td:nth-child({number})")
        return [text.strip() for text in cells.all_text_contents()]

    found.get_by_role("button", name="estimate").click()
    numbers = [float(text.split()[0]) for text in column(3) if "[" in text]
    assert numbers == sorted(numbers)
    assert found.locator("#table th[aria-sort=ascending]").inner_text() == "estimate [interval]"
    found.get_by_role("button", name="estimate").click()
    numbers = [float(text.split()[0]) for text in column(3) if "[" in text]
    assert numbers == sorted(numbers, reverse=True)
    found.get_by_role("button", name="verdict").click()
    assert column(2) == sorted(column(2))
    assert found.locator("#table th[aria-sort]").count() == 1


@in_browser
@pytest.mark.parametrize("size", [(1280, 800), (1440, 900)])
def test_the_first_screen_answers_without_scrolling(
    browser: Browser, address: str, size: tuple[int, int]
) -> None:
    found = browser.new_page(viewport={"width": size[0], "height": size[1]})
    found.goto(address)
    answers = ["h1", ".lead", ".tiles", ".trust", ".surprises li:first-child"]
    for answer in answers:
        box = found.locator(answer).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= size[1], answer


@in_browser
def test_many_claims_are_folded(browser: Browser, tmp_path: Path) -> None:
    many = results(*(dataclasses.replace(WITH_ARMS, id=f"claim-{i}") for i in range(500)))
    file = tmp_path / "many.html"
    file.write_text(page.html(many))
    found = browser.new_context(**VIEWS["phone"]).new_page()
    found.goto(file.as_uri())
    assert found.locator(".claim figure:visible").count() == 0
    claim = found.locator(".claim").nth(1).bounding_box()
    assert claim is not None
    assert claim["height"] < 150
    assert file.stat().st_size < 500 * 12_000


@in_browser
def test_without_scripts_nothing_is_offered_that_needs_them(browser: Browser, address: str) -> None:
    found = opened(browser, address, "no scripts")
    assert not found.get_by_label("Search").is_visible()
    assert found.get_by_role("button", name="Copy").count() == 0


@in_browser
def test_a_command_can_be_copied(browser: Browser, address: str) -> None:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    found = context.new_page()
    found.goto(f"{address}#claim-yes")
    inside = found.locator("#claim-yes")
    inside.get_by_text("The test, and how to run it").click()
    inside.get_by_role("button", name="Copy").click()
    inside.get_by_role("button", name="Copied").wait_for()
    assert found.evaluate("navigator.clipboard.readText()") == YES.command


@in_browser
def test_links_lead_to_claims(browser: Browser, address: str) -> None:
    found = opened(browser, address)
    for link in found.locator("a").all():
        target = link.get_attribute("href")
        assert target is not None
        assert found.locator(f'[id="{target.removeprefix("#")}"]').count() == 1
