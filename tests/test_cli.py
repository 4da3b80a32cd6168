"""The command line on results as a session writes them."""

import contextlib
import dataclasses
import io
import json
import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bnclaims.cli import main
from bnclaims.reporting import markdown, report, wire
from bnclaims.reporting.results import Identity, MetricRecord, Outcome, ProtocolRecord
from bnclaims.running.local_store import LocalStore
from tests.fake_results import EXACT, HOSTILE, MAYBE, NO, YES, outcome, results
from tests.fakes import FakeArm, history_of


def saved(folder: Path, *outcomes: Outcome) -> str:
    report.write(results(*outcomes), folder)
    return str(folder)


def test_list_prints_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", saved(tmp_path / "r", YES, NO)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["verdict", "claim"]
    assert lines[1].startswith("refuted!  no")
    assert lines[-2:] == ["2 claims: 1 supported, 1 refuted; 1 unexpected", "quick protocol, MNIST"]


def test_list_fits_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "bn-count-matters-more-for-sigmoid-than-for-relu"
    folder = saved(tmp_path / "r", outcome(name, 9.0), YES, NO, MAYBE)
    monkeypatch.setenv("COLUMNS", "60")
    main(["list", folder])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 60


def test_claims_are_listed_and_shown_as_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "r"
    report.write(results(YES, EXACT, errors=("broken",)), folder)
    assert main(["list", str(folder), "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["protocol"] == "quick"
    assert listed["errors"] == [{"id": "broken", "message": "boom"}]
    exact, yes = listed["claims"]
    assert "estimate" not in exact
    assert yes["verdict"] == yes["expected"] == "supported"
    assert yes["data"] == "mnist"
    assert yes["claimed"] == {"low": 0.0, "high": None}
    assert yes["low"] < yes["estimate"] < yes["high"]
    assert main(["show", str(folder), "yes", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    (same,) = (
        c
        for c in json.loads(Path(folder, "results.json").read_text())["claims"]
        if c["id"] == "yes"
    )
    assert shown == same
    assert main(["show", str(folder), "broken", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"id": "broken", "message": "boom"}


def test_claims_whose_test_went_wrong_are_listed_shown_and_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    report.write(results(YES), whole)
    report.write(results(NO, errors=("yes",)), broken)
    assert main(["list", str(broken)]) == 0
    assert "error  yes: boom" in capsys.readouterr().out.splitlines()
    assert main(["show", str(broken), "yes"]) == 0
    assert capsys.readouterr().out == "yes has no verdict: boom\n"
    assert main(["compare", str(whole), str(broken)]) == 1
    assert "yes: supported 8.4 [5.0, 11.8], claimed > 0 -> error" in capsys.readouterr().out


def test_show_prints_the_evidence_of_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = saved(tmp_path / "r", YES, outcome("hostile", 9.0, statement=HOSTILE))
    assert main(["show", folder, "hostile"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"hostile: {HOSTILE.splitlines()[0]}")
    assert "The number compared averages 8.2" in out
    assert "supported: s1 = " in out
    assert "yes" not in out
    assert out.endswith("\nquick protocol, MNIST\n")


def test_badges_are_written_where_they_are_wanted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["badges", saved(tmp_path / "r", YES), str(tmp_path / "b")]) == 0
    assert {path.name for path in (tmp_path / "b").iterdir()} == {
        "yes.svg", "yes.json", "claims.svg", "claims.json",
    }  # fmt: skip


def test_report_makes_page_and_pictures_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = saved(tmp_path / "r", YES)
    (tmp_path / "r" / "index.html").unlink()
    assert main(["report", f"{folder}/results.json"]) == 0
    assert main(["report", folder, str(tmp_path / "elsewhere")]) == 0
    pages = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert pages == [tmp_path / "r" / "index.html", tmp_path / "elsewhere" / "index.html"]
    assert pages[0].read_text() == pages[1].read_text()
    saved_too = (tmp_path / "elsewhere" / "results.json").read_text()
    assert saved_too == (tmp_path / "r" / "results.json").read_text()
    names = {path.name for path in (tmp_path / "elsewhere" / "figures").iterdir()}
    assert names == {
        "Two-curves-b.svg", "Two-curves-b.png", "A-histogram.svg", "A-histogram.png",
    }  # fmt: skip


def test_markdown_prints_the_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["markdown", saved(tmp_path / "r", YES, NO)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == markdown.summary(results(YES, NO))


def test_a_table_of_badges_goes_into_a_page(tmp_path: Path) -> None:
    folder = saved(tmp_path / "r", YES, outcome("hostile", 9.0, statement=HOSTILE + " | `a`"))
    page = tmp_path / "docs" / "README.md"
    page.parent.mkdir()
    page.write_text("Before\n<!-- claims -->\nold\n<!-- /claims -->\nAfter\n")
    asked = ["markdown", folder, "--badges", str(tmp_path / "badges"), "--into", str(page)]
    assert main(asked) == 0
    lines = page.read_text().splitlines()
    assert lines[:4] == ["Before", "<!-- claims -->", "| claim | verdict |", "|---|---|"]
    assert lines[4].startswith("| &lt;script&gt;alert('\"&amp;\\\\n')&lt;/script&gt;")
    assert lines[4].endswith("\\| \\`a\\` | ![hostile: supported](../badges/hostile.svg) |")
    assert lines[5] == "| It holds | ![yes: supported](../badges/yes.svg) |"
    assert lines[6:] == ["<!-- /claims -->", "After"]
    assert (tmp_path / "badges" / "yes.svg").exists()
    assert main(asked) == 0
    assert page.read_text().splitlines() == lines


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A page with a place for generated text, larger than `full_disk` lets a file be."""
    page = tmp_path / "README.md"
    page.write_bytes(b"Before\r\n<!-- claims -->\r\n<!-- /claims -->\r\n" + b"After\r\n" * 1000)
    return page


@contextlib.contextmanager
def full_disk() -> Iterator[None]:
    """Has each file be cut that becomes longer than half a KiB."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (512, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_leaves_a_page_as_it_was(
    tmp_path: Path, page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was cut to what fitted."""
    folder, before = saved(tmp_path / "r", YES), page.read_bytes()
    with full_disk():
        assert main(["markdown", folder, "--into", str(page)]) == 2
    assert capsys.readouterr().err == f"bnclaims: {page}: File too large\n"
    assert page.read_bytes() == before


def test_a_full_disk_leaves_a_reference_as_it_was(tmp_path: Path) -> None:
    """As with a page."""
    of = Identity("0" * 16, "", "lower", None, None)
    record = MetricRecord("mean_loss", "an arm", 0, (1.0, 1.1) * 50, "", of)
    folder = saved(tmp_path / "r", dataclasses.replace(YES, measured=(record,)))
    file = tmp_path / "reference.json"
    asked = ["freeze", folder, "-o", str(file)]
    assert main(asked) == 0
    before = file.read_bytes()
    with full_disk():
        assert main(asked) == 2
    assert file.read_bytes() == before


def test_a_full_disk_leaves_no_part_of_a_new_claim(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["new", "It holds", str(tmp_path)]
    with full_disk():
        assert main(arguments) == 2
    path = tmp_path / "test_it_holds.py"
    assert capsys.readouterr().err == f"bnclaims: {path}: File too large\n"
    assert not path.exists()
    assert main(arguments) == 0


def test_a_full_disk_leaves_badges_as_they_were(tmp_path: Path) -> None:
    """One was cut, and others were of another session."""
    older, newer = saved(tmp_path / "old", YES, EXACT), saved(tmp_path / "new", NO, EXACT)
    folder = tmp_path / "badges"
    assert main(["badges", older, str(folder)]) == 0
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with full_disk():
        assert main(["badges", newer, str(folder)]) == 2
        assert main(["markdown", newer, "--badges", str(folder)]) == 2
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_lines_end_as_the_pages_do(tmp_path: Path, page: Path) -> None:
    """Every CRLF became LF."""
    assert main(["markdown", saved(tmp_path / "r", YES, NO), "--into", str(page)]) == 0
    text = page.read_bytes().decode()
    assert "| yes |" in text
    assert text.count("\n") == text.count("\r\n")


def test_a_page_in_another_encoding_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "README.md"
    page.write_text("Café <!-- claims --><!-- /claims -->", encoding="latin-1")
    assert main(["markdown", saved(tmp_path / "r", YES), "--into", str(page)]) == 2
    assert capsys.readouterr().err == (
        f"bnclaims: {page} is not in UTF-8 (byte 4): save it in that encoding first\n"
    )


def test_compare_says_what_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = saved(tmp_path / "old", YES, NO)
    same = saved(tmp_path / "same", outcome("yes", 9.5), NO)
    assert main(["compare", old, same]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "0 of 2 verdicts changed",
        "yes: supported as before, 8.4 [5.0, 11.8], claimed > 0 -> 8.9 [5.5, 12.3], claimed > 0",
    ]
    new = saved(tmp_path / "new", outcome("yes", -9.0), MAYBE)
    assert main(["compare", old, new]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "3 of 3 verdicts changed",
        "no: refuted -9.5 [-11.7, -7.2], claimed > 0 -> absent",
        "perhaps: absent -> inconclusive -0.15 [-0.85, 0.55], claimed > 0",
        "yes: supported 8.4 [5.0, 11.8], claimed > 0 -> refuted -9.6 [-13.0, -6.2], claimed > 0",
    ]


def test_compare_refuses_what_is_not_alike(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = saved(tmp_path / "old", YES, EXACT)
    elsewhere = results(dataclasses.replace(NO, id="yes", data_note="digits"), EXACT)
    report.write(
        dataclasses.replace(elsewhere, protocol=ProtocolRecord("article", None, 10)),
        tmp_path / "new",
    )
    asked = ["compare", old, str(tmp_path / "new")]
    assert main(asked) == 2
    assert capsys.readouterr().err == (
        f"bnclaims: {old} and {tmp_path / 'new'} differ in protocol: quick, 10,000 images, "
        "6 epochs -> article, all images, 10 epochs; data: MNIST -> MNIST and digits. That alone "
        "may change verdicts; compare them all the same with --anyway\n"
    )
    assert main([*asked, "--anyway"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "1 of 2 verdicts changed"
    assert lines[1].startswith("yes: supported")
    assert lines[2].startswith("also different: protocol: quick")
    assert lines[3] == "also different: data: MNIST -> MNIST and digits"


def test_compare_looks_at_the_data_of_claims_that_both_have(tmp_path: Path) -> None:
    old = saved(tmp_path / "old", YES, dataclasses.replace(NO, data_note="digits"))
    assert main(["compare", old, saved(tmp_path / "new", YES)]) == 1


def test_compare_flags_other_versions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = results(YES), results(outcome("yes", 9.5))
    versions = new.versions | {"keras": "3.6"}
    report.write(old, tmp_path / "old")
    report.write(dataclasses.replace(new, versions=versions), tmp_path / "new")
    asked = ["compare", str(tmp_path / "old"), str(tmp_path / "new")]
    assert main(asked) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["0 of 1 verdicts changed", "also different: keras: 3.5 -> 3.6"]
    assert lines[2].startswith("yes: supported as before, ")


def test_what_changed_is_json_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = saved(tmp_path / "old", YES), saved(tmp_path / "new")
    assert main(["compare", old, new, "--json"]) == 1
    compared = json.loads(capsys.readouterr().out)
    assert compared["changes"] == [
        {
            "id": "yes",
            "before": "supported",
            "after": "absent",
            "was": "8.4 [5.0, 11.8], claimed > 0",
            "now": "",
        }
    ]
    assert compared["versions"] == []


def test_mistakes_are_told_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where no session has left a report
    folder = saved(tmp_path / "r", YES, outcome("bn-helps", 9.0), outcome("bn-hurts", 9.0))
    (tmp_path / "text").write_text("no JSON")
    for arguments, words in [
        (["list", str(tmp_path / "none")], "does not exist: run `pytest --claims-report=DIR`"),
        (["list", str(tmp_path / "text")], f"{tmp_path / 'text'} holds no results of bnclaims: "),
        (["show", folder, "no"], "no claim 'no' in {}: it has bn-helps, bn-hurts, yes"),
        (["show", folder, "bn-help"], "no claim 'bn-help' in {}: did you mean bn-helps?"),
        (["show", folder, "bn-hels"], "did you mean bn-helps or bn-hurts?"),
        (
            ["markdown", folder, "--into", str(tmp_path / "text")],
            f"{tmp_path / 'text'}: write <!-- claims --> and, below it, <!-- /claims -->",
        ),
        (
            ["markdown", folder, "--into", str(tmp_path / "none.md")],
            f"bnclaims: {tmp_path / 'none.md'}: No such file or directory",
        ),
        (["show", folder], "say which claim: bnclaims show {} CLAIM"),
        (["show", "yes"], "claims-report does not exist"),
        *(
            (["store", action, "none"], "there is no store in none: no such folder")
            for action in ("ls", "size", "verify", "prune")
        ),
        *(
            (["store", action, folder], "there is no store in {}: it holds other files only")
            for action in ("ls", "size", "verify", "prune")
        ),
    ]:
        assert main(arguments) == 2
        said = capsys.readouterr().err
        assert said.startswith("bnclaims: ")
        assert words.format(folder) in said
        assert said.count("\n") == 1


def test_results_are_looked_for_where_a_session_leaves_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    saved(tmp_path / "claims-report", YES)
    monkeypatch.chdir(tmp_path)
    assert main(["show", "yes"]) == 0
    assert capsys.readouterr().out.startswith("yes: It holds\n")
    assert main(["list"]) == 0
    assert main(["badges", "b"]) == 0
    assert (tmp_path / "b" / "yes.svg").exists()


def test_its_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"bnclaims {report.own_version()}\n"


def test_it_prints_the_form_of_results(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == wire.schema()


def test_a_new_claim_may_say_what_has_no_utf_8(tmp_path: Path) -> None:
    """It was a traceback, and left an empty file."""
    assert main(["new", "Bytes like \udce9 help", str(tmp_path)]) == 0
    (path,) = tmp_path.iterdir()
    assert r"Bytes like \\udce9 help" in path.read_text("utf-8")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["markdown", "r"],
        ["show", "r", "yes"],
        ["list", "r"],
        ["badges", "r", "b\udce9"],
        ["--help"],
    ],
)
def test_what_an_encoding_lacks_is_escaped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str, arguments: list[str]
) -> None:
    """The mark of a verdict was a traceback under PYTHONIOENCODING=ascii."""
    saved(tmp_path / "r", dataclasses.replace(YES, statement="It holds ± ✓"))
    monkeypatch.chdir(tmp_path)
    stdout = io.TextIOWrapper(io.BytesIO(), encoding)
    monkeypatch.setattr(sys, "stdout", stdout)
    with contextlib.suppress(SystemExit):
        assert main(arguments) == 0
    said = stdout.buffer.getvalue().decode(encoding)
    assert (r"\u2713" in said) == (arguments[0] in {"markdown", "show"} and encoding != "utf-8")


def test_a_store_is_listed_verified_and_pruned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(action: str, status: int = 0) -> list[str]:
        assert main(["store", action, str(tmp_path)]) == status
        return capsys.readouterr().out.splitlines()

    assert said("ls") == [f"no runs in {tmp_path}"]
    assert said("prune") == ["nothing to remove"]
    store, arm = LocalStore(tmp_path), FakeArm("a" * 64)
    for seed in range(11):
        store.save(arm, seed, history_of(seed))
    (line,) = said("ls")
    assert line.startswith("aaaaaaaaaaaa    11 runs, last 20")
    assert line.endswith(f"  {arm}")
    assert said("size") == [f"11 runs, 0.0 MiB in {tmp_path}"]
    assert said("verify") == ["0 of 11 runs are damaged"]
    broken, left = store.path(arm, 10), store.path(arm, 0).parent / ".1.run-left"
    broken.write_bytes(broken.read_bytes()[:-1])
    left.touch()
    os.utime(left, (0, 0))
    assert said("verify", status=1) == [
        f"{broken}: its checksum does not match", "1 of 11 runs are damaged",
    ]  # fmt: skip
    assert said("prune") == [f"removed {broken}", f"removed {left}"]
    assert said("verify") == ["0 of 10 runs are damaged"]
