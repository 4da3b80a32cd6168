"""Results as Markdown: the summary and the table of badges, whatever their words are."""

import dataclasses
import re
from pathlib import Path

from bnclaims.language.finding import Region
from bnclaims.reporting import markdown, page
from bnclaims.reporting.results import SessionRecord
from tests.fake_results import EXACT, MAYBE, NO, STRANGE, YES, finding, outcome, results


def test_the_summary_says_what_was_claimed() -> None:
    lines = markdown.summary(results(YES, NO, EXACT, errors=("broken",)))
    assert lines[:3] == [
        "## Claims: 2 supported, 1 refuted, 1 error",
        "",
        "Quick protocol, 10,000 images, 6 epochs, on MNIST.",
    ]
    assert "- **broken** has no verdict: boom" in lines
    assert "- **no**: expected supported, now refuted" in lines
    assert lines[-5:] == [
        "| verdict | claim | estimate [interval] | claimed | seeds |",
        "|---|---|---|---|---|",
        "| ✓ supported | exact | exact |  |  |",
        r"| ✗ refuted | no | -9.5 \[-11.7, -7.2\] | &gt; 0 | 5 |",
        r"| ✓ supported | yes | 8.4 \[5.0, 11.8\] | &gt; 0 | 5 |",
    ]


def test_the_summary_names_the_backend() -> None:
    lines = markdown.summary(
        dataclasses.replace(results(YES), versions={"backend": "Keras on JAX"})
    )
    assert lines[2] == "Quick protocol, 10,000 images, 6 epochs, on MNIST, by Keras on JAX."


def test_the_summary_says_the_unit() -> None:
    found = finding(unit="epochs", region=Region(0.25, None))
    lines = markdown.summary(results(dataclasses.replace(YES, findings=(found,))))
    assert lines[-1].endswith(r"| 1.00 \[0.50, 1.50\] | &gt; 0.25 epochs | 5 |")


def test_an_interrupted_session_is_said_before_its_claims() -> None:
    cut = SessionRecord(2, interrupted=True, unfinished=1)
    lines = markdown.summary(results(YES, errors=("broken",), session=cut))
    assert lines[0] == "## Claims: 1 supported, 1 error, interrupted"
    assert lines[4] == (
        "The session was interrupted (exit status 2): 1 of 2 selected claims were not tested to "
        "the end."
    )


def test_a_session_without_a_verdict_has_no_table() -> None:
    underway = SessionRecord(2, interrupted=True, unfinished=2, ended=False)
    lines = markdown.summary(results(errors=("one", "two"), session=underway))
    assert lines[0] == "## Claims: 2 errors, not ended"
    assert lines[4] == "The session has not ended, or was killed: it has verified nothing yet."
    assert lines[-1].startswith("- **two** has no verdict: ")


def test_what_changed_comes_first_verdicts_only() -> None:
    old, new = results(YES, NO), results(outcome("yes", 9.5), MAYBE, errors=("no",))
    lines = markdown.summary(dataclasses.replace(new, versions={"keras": "3.6"}), old)
    start = lines.index("### Since " + old.created[:10] + ": 2 verdicts changed")
    assert start == 4
    assert lines[start + 2].startswith("Other versions: bnclaims: ")
    assert lines[start + 2].endswith("; keras: 3.5 -&gt; 3.6.")
    assert lines[start + 3 : start + 8] == [
        "",
        "| claim | before | now |",
        "|---|---|---|",
        r"| no | refuted -9.5 \[-11.7, -7.2\], claimed &gt; 0 | error |",
        r"| perhaps | absent | inconclusive -0.15 \[-0.85, 0.55\], claimed &gt; 0 |",
    ]


def test_reports_of_other_conditions_are_called_so() -> None:
    old = results(dataclasses.replace(YES, data_note="embedded digits: NOT MNIST"))
    lines = markdown.summary(results(YES), old)
    assert "**Not comparable**, data: embedded digits -&gt; MNIST." in lines
    assert "no verdicts changed" in lines[4]


def test_names_of_protocols_stay_words() -> None:
    found = results(YES)
    hostile = dataclasses.replace(found.protocol, name="<b>*quick*|[x](y)")
    lines = markdown.summary(dataclasses.replace(found, protocol=hostile))
    assert lines[2].startswith(r"&lt;b&gt;\*quick\*\|\[x\](y) protocol, ")


def test_links_to_badges_have_no_spaces() -> None:
    line = markdown.badge_table(results(YES), Path("my (badges)"), Path("README.md"))[-1]
    assert line.endswith("(my%20%28badges%29/yes.svg) |")


def test_links_to_undecodable_names_have_their_bytes() -> None:
    """Such a folder was a traceback."""
    page, badges = Path("README.md"), Path("caf\udce9")
    line = markdown.badge_table(results(YES), badges, page, "https://x.io/\udce9")[-1]
    assert line.endswith("(caf%E9/yes.svg)](https://x.io/%E9#claim-yes) |")


def test_a_badge_opens_its_claim_on_the_page() -> None:
    address = "https://x.io/my page/(a)/index.html#top"
    lines = markdown.badge_table(
        results(YES, STRANGE, errors=("broken",)), Path("b"), Path("README.md"), address
    )
    page_address = "https://x.io/my%20page/%28a%29/index.html"
    assert f"[![yes: supported](b/yes.svg)]({page_address}#claim-yes) |" in lines[-1]
    assert f"[![broken: error](b/broken.svg)]({page_address}) |" in "".join(lines)
    anchors = re.findall(r"#(claim-[^)]*)\)", "".join(lines))
    assert set(anchors) <= set(re.findall('id="([^"]*)"', page.html(results(YES, STRANGE))))
    assert len(anchors) == 2
