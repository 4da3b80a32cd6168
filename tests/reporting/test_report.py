"""The report: what it says of a session, and the files that it writes."""

import contextlib
import dataclasses
import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bnclaims.errors import CommandError
from bnclaims.language.figure import Drawing, Line
from bnclaims.reporting import report, wire
from bnclaims.reporting.results import DesignRecord, ErrorRecord, ProtocolRecord
from bnclaims.statistics.design import Design, Open, Sequential
from tests.fake_results import MAYBE, NO, PASSED, QUICK, YES, result, results


def test_a_folder_holds_document_page_badges_and_figures(tmp_path: Path) -> None:
    found = results(YES, NO, errors=("broken",))
    page = report.write(found, tmp_path / "r")
    assert page == tmp_path / "r" / "index.html"
    assert {path.name for path in (tmp_path / "r").iterdir()} == {
        ".gitignore", "badges", "figures", "index.html", "results.json",
    }  # fmt: skip
    assert wire.read(tmp_path / "r") == found


def content(folder: Path) -> dict[str, bytes]:
    """All files in a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


class Fault:
    """Has one call of a method of paths fail: a text is then written by half."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, after: int) -> None:
        self.left = after
        action = getattr(Path, name)

        def faulty(path: Path, *args: Any, **kwargs: Any) -> Any:
            self.left -= 1
            if self.left != -1:
                return action(path, *args, **kwargs)
            if name == "write_text":
                action(path, args[0][: len(args[0]) // 2], *args[1:], **kwargs)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(Path, name, faulty)


@pytest.mark.parametrize("action", ["write_text", "replace", "unlink"])
def test_a_report_is_replaced_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    """A disk that was full after some files left a cut results.json beside an older page."""
    folder = tmp_path / "report"
    before, newer = results(YES, errors=("broken",)), results(NO, errors=("other", "third"))
    report.write(before, folder)
    older = content(folder)
    for calls in range(100):
        with monkeypatch.context() as patched:
            fault = Fault(patched, action, calls)
            with contextlib.suppress(OSError):
                report.write(newer, folder)
        if wire.read(folder) == newer:
            if fault.left >= 0:
                break
            report.write(before, folder)  # a lock that cannot be removed does no harm
        assert content(folder) == older, f"after {calls} calls"
        assert not list(folder.glob(".bnclaims-draft-*"))
    assert calls > 1
    assert fault.left >= 0
    assert wire.read(folder) == newer
    assert {path.stem for path in (folder / "badges").iterdir()} == {
        "claims", "no", "other", "third",
    }  # fmt: skip


def test_a_new_report_that_fails_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Fault(monkeypatch, "write_text", 3)
    with pytest.raises(OSError, match="No space"):
        report.write(results(YES), tmp_path / "report")
    assert not list(tmp_path.iterdir())


def test_drafts_of_killed_sessions_are_swept_after_a_day(tmp_path: Path) -> None:
    report.write(results(YES), tmp_path)
    old, young = tmp_path / ".bnclaims-draft-old", tmp_path / ".bnclaims-draft-young"
    for draft in (old, young):
        draft.mkdir()
        (draft / "index.html").touch()
    os.utime(old, (0, 0))
    report.write(results(YES), tmp_path)
    assert [path.name for path in tmp_path.glob(".bnclaims-draft-*")] == [".bnclaims-draft-young"]


def test_files_of_others_stay(tmp_path: Path) -> None:
    """Every .svg and .json beside the badges was removed."""
    report.write(results(YES, NO), tmp_path)
    foreign = {
        "badges/coverage.svg": "<svg/>",
        "badges/coverage.json": '{"schemaVersion": 1, "label": "coverage", "message": "9", '
        '"color": "green"}',
        "badges/list.json": "[]",
        "badges/words.json": "no JSON",
        "badges/odd.json": '{"schemaVersion": 1, "label": "", "message": "", "color": []}',
        "figures/mine.svg": "<svg/>",
    }
    for name, text in foreign.items():
        (tmp_path / name).write_text(text)
    links = [tmp_path / "badges" / "gone.json", tmp_path / "figures" / "gone.svg"]
    for link in links:  # one to nowhere kept a report from being written
        link.symlink_to("nowhere")
    report.write(results(YES), tmp_path)
    assert not list(tmp_path.glob("badges/no.*"))
    assert {name: (tmp_path / name).read_text() for name in foreign} == foreign
    assert all(link.is_symlink() for link in links)


@pytest.mark.parametrize("name", ["index.html", "results.json"])
def test_a_folder_of_another_program_is_refused(tmp_path: Path, name: str) -> None:
    """Its start page was replaced."""
    (tmp_path / name).write_text("[]")
    with pytest.raises(CommandError, match=f"{name} is of no report of bnclaims"):
        report.write(results(YES), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "[]"
    assert not report.is_in(tmp_path)


@pytest.mark.parametrize("missing", ["index.html", "results.json"])
def test_a_report_is_known_by_what_is_left_of_it(tmp_path: Path, missing: str) -> None:
    report.write(results(YES), tmp_path)
    (tmp_path / missing).unlink()
    assert report.is_in(tmp_path)
    report.write(results(NO), tmp_path)
    assert wire.read(tmp_path).ids == ("no",)


@pytest.mark.parametrize(
    ("design", "record"),
    [
        (
            Sequential(),
            DesignRecord("sequential", (5, 10, 15, 20), 0.01, "power:1.5", "exponential", 0.1),
        ),
        (Open((3, 6), 0.02), DesignRecord("open", (3, 6), 0.02, None, None, 0.1)),
    ],
)
def test_the_session_is_described(design: Design, record: DesignRecord) -> None:
    found = report.results_of(
        [], [], session=PASSED, figures=[], protocol=QUICK, design=design, versions={"keras": "3.5"}
    )
    assert found.design == record
    assert found.protocol == ProtocolRecord("quick", 10_000, 6)
    assert found.declared == 0
    assert found.versions.keys() >= {"bnclaims", "python", "scipy"}


def test_texts_that_have_no_utf_8_do_not_lose_the_report(tmp_path: Path) -> None:
    """A file that cannot be imported may have such a name, and a figure such a title."""
    lone = Drawing("figure \udce9", "", "histograms", (0.0, 1.0), (Line("line", ((1.0,),)),))
    found = report.results_of(
        [result(dataclasses.replace(YES, source="source \udce9"))],
        [ErrorRecord("test_\udce9.py", "boom")],
        session=PASSED, figures=[lone], protocol=QUICK, design=Sequential(), versions={},
    )  # fmt: skip
    page = report.write(found, tmp_path).read_text("utf-8")
    assert wire.read(tmp_path) == found
    assert found.ids == ("yes", r"test_\udce9.py")
    assert r"source \udce9" in page
    assert r"figure \udce9" in page


def test_messages_of_errors_are_plain_text() -> None:
    message = "\x1b[1;31mE  boom\x1b[0m\n\tline | two\x00\ud800"
    broken = [ErrorRecord("broken", message)]
    found = report.results_of(
        [], broken, session=PASSED, figures=[], protocol=QUICK, design=Sequential(), versions={}
    )
    assert found.errors == (ErrorRecord("broken", "E  boom\n\tline | two\\ud800"),)


def test_sessions_that_end_together_leave_the_report_of_one(tmp_path: Path) -> None:
    """Badges of one stayed beside the page of another, or a file was gone that both removed."""
    sessions = [results(YES), results(NO), results(YES, MAYBE)]
    with ThreadPoolExecutor(len(sessions)) as pool:
        for _ in range(3):
            for writing in [pool.submit(report.write, each, tmp_path) for each in sessions]:
                writing.result()
            ids = {claim.id for claim in wire.read(tmp_path).claims}
            assert {path.stem for path in (tmp_path / "badges").iterdir()} == {"claims", *ids}
            assert {path.name for path in tmp_path.iterdir()} == {
                ".gitignore", "badges", "figures", "index.html", "results.json",
            }  # fmt: skip
