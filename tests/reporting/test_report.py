"""The report: what it says of a session, and the files that it writes."""

from pathlib import Path

import pytest

from bnclaims.reporting import report, wire
from bnclaims.reporting.results import DesignRecord, ErrorRecord, ProtocolRecord
from bnclaims.statistics.design import Design, Open, Sequential
from tests.fake_results import NO, QUICK, YES, results


def test_a_folder_holds_document_page_badges_and_figures(tmp_path: Path) -> None:
    found = results(YES, NO, errors=("broken",))
    page = report.write(found, tmp_path / "r")
    assert page == tmp_path / "r" / "index.html"
    assert {path.name for path in (tmp_path / "r").iterdir()} == {
        ".gitignore", "badges", "figures", "index.html", "results.json",
    }  # fmt: skip
    assert wire.read(tmp_path / "r") == found


@pytest.mark.parametrize(
    ("design", "record"),
    [
        (Sequential(), DesignRecord("sequential", (5, 10, 15, 20), 0.01, "power:1.5")),
        (Open((3, 6), 0.02), DesignRecord("open", (3, 6), 0.02, None)),
    ],
)
def test_the_session_is_described(design: Design, record: DesignRecord) -> None:
    found = report.results_of(
        [], [], figures=[], protocol=QUICK, design=design, versions={"keras": "3.5"}
    )
    assert found.design == record
    assert found.protocol == ProtocolRecord("quick", 10_000, 6)
    assert found.declared == 0
    assert found.versions.keys() >= {"bnclaims", "python", "scipy"}


def test_messages_of_errors_are_plain_text() -> None:
    message = "\x1b[1;31mE  boom\x1b[0m\n\tline | two\x00\ud800"
    broken = [ErrorRecord("broken", message)]
    found = report.results_of(
        [], broken, figures=[], protocol=QUICK, design=Sequential(), versions={}
    )
    assert found.errors == (ErrorRecord("broken", "E  boom\n\tline | two"),)
