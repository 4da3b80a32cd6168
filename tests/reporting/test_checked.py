"""What came of the comparison with a reference, in words, wherever it is shown."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from bnclaims.cli import main
from bnclaims.language.finding import Region, Status
from bnclaims.reporting import badges, checked, github, markdown, page, report, wire
from bnclaims.reporting.results import Check, ReferenceRecord, Results
from tests.fake_results import HOSTILE, PASSED, YES, finding, results

FAILED = dataclasses.replace(PASSED, exit_status=1)


def check(name: str, status: Status, **changes: Any) -> Check:
    verdict = {"as before": "supported", "undecided": "inconclusive"}.get(status, "refuted")
    found = finding(verdict=verdict, region=Region(-0.2, 0.2), unit="points")
    return dataclasses.replace(Check(name, status, 2.0, "points", found, ""), **changes)


IDENTICAL = check("same", "as before", finding=finding(estimate=0.0, values=(0.0, 0.0), seeds=2))
GONE = check("gone", "not compared", before=None, finding=None, problem="no claim names it")
CHECKS = (
    check("a", "as before"), check("b", "better"), check("c", "changed"), GONE, IDENTICAL,
    check(HOSTILE, "undecided", before=None, finding=None, problem="these runs diverged"),
    check("w", "worse"),
)  # fmt: skip


def record(*checks: Check, unknown: tuple[str, ...] = ()) -> ReferenceRecord:
    versions = {"keras": "3.4", "python": "2.7"}
    return ReferenceRecord("reference.json", "2026-01-02T03:04:05", versions, checks, unknown)


def compared(*checks: Check, unknown: tuple[str, ...] = ()) -> Results:
    failed = not all(item.is_fine for item in checks)
    made = results(YES, session=FAILED if failed else PASSED)
    return dataclasses.replace(made, reference=record(*checks, unknown=unknown))


ALL = compared(*CHECKS, unknown=("new",))


def test_counts_begin_with_the_worst() -> None:
    assert checked.counts_text(record(*CHECKS)) == (
        "1 worse, 1 changed, 1 undecided, 1 better, 2 as before (1 identical), 1 not compared"
    )
    assert checked.counts_text(record()) == "nothing to compare"


def test_a_change_is_told_with_its_margin_and_unit() -> None:
    assert checked.change_text(check("w", "worse")) == (
        "2 -> 3 points, change 1.00 [0.50, 1.50], as before within ±0.2 points, 5 seeds"
    )
    assert checked.change_text(IDENTICAL) == "2 -> 2 points, identical in all 2 seeds"
    assert checked.change_text(GONE) == "no claim names it"


def test_what_a_session_may_not_pass_with() -> None:
    assert [item.status for item in CHECKS if not item.is_fine] == ["changed", "undecided", "worse"]


def test_what_is_not_as_before_is_told_the_worst_first() -> None:
    told = [item.status for item in checked.notable(record(*CHECKS))]
    assert told == ["worse", "changed", "undecided", "better"]


def test_what_was_not_compared_is_told_with_the_reason() -> None:
    gone = [dataclasses.replace(GONE, name=f"gone {i}") for i in range(5)]
    assert list(checked.left_out(record(*gone, unknown=("new",)))) == [
        "5 not compared, as no claim names it: gone 0; gone 1; gone 2 and 2 more",
        "1 not in the reference: new",
    ]


def test_other_versions_are_named() -> None:
    said = checked.since_text(record(), ALL)
    assert said.startswith("reference.json of 2026-01-02; keras 3.4 -> 3.5, python 2.7 -> 3.")
    same = dataclasses.replace(record(), versions=ALL.versions)
    assert checked.since_text(same, ALL) == "reference.json of 2026-01-02; the same versions"


def test_it_is_kept_with_the_results(tmp_path: Path) -> None:
    wire.save(ALL, tmp_path)
    assert wire.read(tmp_path) == ALL


def test_results_without_a_reference_are_read_as_before(tmp_path: Path) -> None:
    old = json.loads(wire.encoded(results(YES)))
    assert old.pop("reference") is None
    assert old.pop("fingerprint") == ""
    (tmp_path / "results.json").write_text(json.dumps(old), "utf-8")
    assert wire.read(tmp_path).reference is None


def test_the_page_and_the_summary_show_it() -> None:
    shown = page.html(ALL)
    assert '<a href="#reference">reference.json</a>: 1 worse, 1 changed' in shown
    assert shown.count("change 1.00 [0.50, 1.50], as before within ±0.2 points") == 3 + 4
    assert HOSTILE not in shown
    assert 'id="reference"' not in page.html(results(YES))
    summary = "\n".join(markdown.summary(ALL))
    assert "### Against the reference: 1 worse, 1 changed, 1 undecided, 1 better" in summary
    assert "| worse | w | 2 -&gt; 3 points, change 1.00 \\[0.50, 1.50\\]" in summary
    assert "1 not in the reference: new." in summary
    assert HOSTILE not in summary
    assert "Against the reference" not in "\n".join(markdown.summary(results(YES)))


def test_what_a_session_may_not_pass_with_is_annotated(tmp_path: Path) -> None:
    told = github.annotations(ALL, tmp_path)
    assert len(told) == 3
    assert told[2].startswith("::error title=w::worse: 2 -> 3 points, change")
    assert github.annotations(compared(check("b", "better")), tmp_path) == []


@pytest.mark.parametrize(
    ("checks", "colour"), [((IDENTICAL, GONE), "supported"), (CHECKS, "refuted")]
)
def test_it_has_a_badge(tmp_path: Path, checks: tuple[Check, ...], colour: str) -> None:
    badges.write(compared(*checks), tmp_path)
    badge = json.loads((tmp_path / "reference.json").read_text("utf-8"))
    said = f"{checked.counts_text(record(*checks))} · reference.json"
    assert (badge["message"], badge["color"]) == (said, badges.COLOURS[colour])


def test_a_claim_may_be_called_like_the_badge(tmp_path: Path) -> None:
    claim = dataclasses.replace(YES, id="reference")
    badges.write(dataclasses.replace(results(claim), reference=record(IDENTICAL)), tmp_path)
    of_both = {
        json.loads(p.read_text("utf-8"))["message"] for p in tmp_path.glob("reference*.json")
    }
    assert len(of_both) == 2


def test_without_a_reference_there_is_no_badge(tmp_path: Path) -> None:
    badges.write(results(YES), tmp_path)
    assert not list(tmp_path.glob("reference*"))


def test_a_session_that_failed_by_it_says_so() -> None:
    assert ALL.ending_in_brief == "not as in the reference"
    assert compared(IDENTICAL).ending_in_brief == ""
    other = dataclasses.replace(compared(IDENTICAL), session=FAILED)
    assert other.ending_in_brief == "other tests failed"


def test_list_tells_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report.write(ALL, tmp_path / "r")
    main(["list", str(tmp_path / "r")])
    assert "against reference.json: 1 worse, 1 changed, 1 undecided" in capsys.readouterr().out
    main(["list", str(tmp_path / "r"), "--json"])
    listed = json.loads(capsys.readouterr().out)["reference"]
    assert listed[-1] == {
        "name": "w", "status": "worse", "said": checked.change_text(check("w", "worse")),
    }  # fmt: skip
