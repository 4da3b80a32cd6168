"""What GitHub is told, by a stand-in for `gh` that keeps comments and issues in a file."""

import dataclasses
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bnclaims.cli import main
from bnclaims.reporting import github, report
from bnclaims.reporting.results import Outcome, Results
from tests.fake_results import EXACT, NO, YES, outcome, results

GH = """#!{python}
import json, pathlib, sys
path = pathlib.Path({state!r})
kept = json.loads(path.read_text())
*options, place = sys.argv[2:]
assert sys.argv[1] == "api", sys.argv
if kept["refusal"]:
    sys.exit(kept["refusal"])
shelf = "comments" if "comments" in place else "issues"
if options == ["--paginate", "--slurp"]:
    print(json.dumps([[each] for each in kept[shelf]]))
    sys.exit()
_, method, *given = options
assert given == ["--input", "-"], options
fields = json.load(sys.stdin)
if method == "POST":
    number = len(kept[shelf]) + 1
    kept[shelf].append({{"id": number, "number": number, "html_url": f"https://x/{{number}}"}})
else:
    number = int(place.rpartition("/")[2])
kept[shelf][number - 1] |= fields
kept["calls"].append([method, place])
path.write_text(json.dumps(kept))
print(json.dumps(kept[shelf][number - 1]))
"""


@dataclasses.dataclass
class GitHub:
    """A build on GitHub Actions, and what was told."""

    folder: Path

    @property
    def kept(self) -> dict[str, Any]:
        kept: dict[str, Any] = json.loads((self.folder / "state").read_text())
        return kept

    def keep(self, **changes: Any) -> None:
        (self.folder / "state").write_text(json.dumps(self.kept | changes))

    @property
    def summary(self) -> str:
        return (self.folder / "summary").read_text()

    def tell(self, new: Results, old: Results | None = None, *more: str) -> int:
        report.write(new, self.folder / "new")
        if old:
            report.write(old, self.folder / "old")
            more = ("--since", str(self.folder / "old"), *more)
        return main(["github", str(self.folder / "new"), *more])


Start = Callable[..., GitHub]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Begins a build on GitHub Actions."""

    def begin(branch: str = "main", *, event: str = "push", number: int | None = None) -> GitHub:
        (tmp_path / "bin").mkdir()
        gh = tmp_path / "bin" / "gh"
        gh.write_text(GH.format(python=sys.executable, state=str(tmp_path / "state")))
        gh.chmod(0o755)
        payload: dict[str, Any] = {} if event == "schedule" else {
            "repository": {"default_branch": "main"}
        }  # fmt: skip
        if number is not None:
            payload["pull_request"] = {"number": number}
        (tmp_path / "event.json").write_text(json.dumps(payload))
        state = {"refusal": "", "comments": [], "issues": [], "calls": []}
        (tmp_path / "state").write_text(json.dumps(state))
        for name, value in {
            "PATH": f"{gh.parent}{os.pathsep}{os.environ['PATH']}",
            "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
            "GITHUB_EVENT_NAME": event,
            "GITHUB_REF_NAME": branch,
            "GITHUB_REPOSITORY": "me/it",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_RUN_ID": "7",
            "GITHUB_WORKSPACE": str(tmp_path),
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)
        return GitHub(tmp_path)

    return begin


FLIPPED = outcome("yes", -9.0)


def test_a_pull_request_has_one_comment_that_says_what_changed(start: Start) -> None:
    build = start("feature", event="pull_request", number=12)
    assert build.tell(results(FLIPPED), results(YES)) == 0
    (comment,) = build.kept["comments"]
    assert comment["body"].startswith("<!-- bnclaims: Claims -->\n## Claims: 1 refuted")
    assert ": 1 verdict changed" in comment["body"]
    assert "| yes | supported 8.4" in comment["body"]
    assert comment["body"].endswith("[Claims](https://github.com/me/it/actions/runs/7)\n")
    build.tell(results(YES), results(YES))
    (comment,) = build.kept["comments"]
    assert ": no verdicts changed" in comment["body"]
    assert build.kept["calls"] == [
        ["POST", "repos/me/it/issues/12/comments"],
        ["PATCH", "repos/me/it/issues/comments/1"],
    ]
    assert build.kept["issues"] == []  # a branch under review has broken nothing yet


def test_comments_of_others_and_of_other_names_are_left_alone(start: Start) -> None:
    build = start("feature", event="pull_request", number=12)
    quoting = {"id": 1, "body": "> <!-- bnclaims: Claims -->", "html_url": "u"}
    build.keep(comments=[quoting, {"id": 2, "body": None, "html_url": "u"}])
    build.tell(results(YES))
    build.tell(results(YES), None, "--name", "Newest")
    first, second, ours, newest = build.kept["comments"]
    assert (first["body"], second["body"]) == (quoting["body"], None)
    assert ours["body"].startswith("<!-- bnclaims: Claims -->")
    assert newest["body"].startswith("<!-- bnclaims: Newest -->")


@pytest.mark.parametrize(("branch", "event"), [("main", "push"), ("main", "schedule")])
def test_a_flip_on_the_default_branch_opens_one_issue(
    start: Start, branch: str, event: str
) -> None:
    build = start(branch, event=event)
    build.tell(results(FLIPPED), results(YES))
    build.tell(results(FLIPPED), results(YES))
    (issue,) = build.kept["issues"]
    assert issue["title"] == "Claims: 1 verdict flipped"
    assert "| yes | supported 8.4" in issue["body"]
    assert [method for method, _ in build.kept["calls"]] == ["POST", "PATCH"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (results(YES), results(YES)),
        (results(), results(YES)),
        (results(YES), results(errors=("yes",))),
        (results(dataclasses.replace(YES, data_note="digits: NOT MNIST")), results(FLIPPED)),
    ],
    ids=["same", "new", "error", "other data"],
)
def test_what_is_no_flip_opens_no_issue(start: Start, old: Results, new: Results) -> None:
    build = start()
    build.tell(new, old)
    assert build.kept["issues"] == []


def test_a_flip_on_another_branch_opens_no_issue(start: Start) -> None:
    build = start("feature")
    build.tell(results(FLIPPED), results(YES))
    assert build.kept["calls"] == []


def test_where_writing_is_not_allowed_the_rest_is_told(
    start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    build = start("feature", event="pull_request", number=12)
    build.keep(refusal="HTTP 403: Resource not accessible")
    assert build.tell(results(YES)) == 0
    assert capsys.readouterr().out == (
        "::warning title=bnclaims::cannot write a comment: HTTP 403: Resource not accessible; give "
        "the job the permission `pull-requests: write`, and GH_TOKEN to this step\n"
    )
    assert build.summary.startswith("## Claims: 1 supported\n")


def test_where_gh_is_missing_or_answers_otherwise_the_rest_is_told(
    start: Start, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    build = start("feature", event="pull_request", number=12)
    gh = build.folder / "bin" / "gh"
    gh.write_text("#!/bin/sh\necho 'update gh'\n")
    assert build.tell(results(YES)) == 0
    assert "cannot write a comment: JSONDecodeError: " in capsys.readouterr().out
    monkeypatch.setenv("PATH", "")
    assert build.tell(results(YES)) == 0
    assert "::cannot write a comment: " in capsys.readouterr().out


def test_a_test_is_annotated_where_it_stands(tmp_path: Path, start: Start) -> None:
    build = start()
    (tmp_path / "claims").mkdir()
    file = tmp_path / "claims" / "test_it.py"
    file.write_text("import x\n\n@claim('it holds')\ndef test_it(train):\n    ...\n")

    def annotated(test: str) -> str:
        claim: Outcome = dataclasses.replace(NO, test=test)
        (line,) = github.annotations(results(claim), build.folder)
        return line

    said = "title=no::expected supported, now refuted: -9.5 [-11.7, -7.2], claimed > 0"
    at = "::error file=claims/test_it.py"
    assert annotated("claims/test_it.py::test_it[a-1]") == f"{at},line=4,{said}"
    assert annotated("claims/test_it.py::TestIt::test_it") == f"{at},line=4,{said}"
    assert annotated("claims/test_it.py::test_made_elsewhere") == f"{at},{said}"
    assert annotated("claims/gone.py::test_it") == f"::error {said}"
    assert annotated("../elsewhere.py::test_it") == f"::error {said}"


def test_only_what_is_not_as_expected_is_annotated(tmp_path: Path) -> None:
    (line,) = github.annotations(results(YES, EXACT, errors=("broken",)), tmp_path)
    assert line == "::error title=broken::no verdict: boom"


def test_no_text_ends_an_annotation(tmp_path: Path) -> None:
    claim = dataclasses.replace(NO, id="a,b:c%\n::error::d")
    (line,) = github.annotations(results(claim), tmp_path)
    assert line.startswith("::error title=a%2Cb%3Ac%25%0A%3A%3Aerror%3A%3Ad::expected")
    error = dataclasses.replace(results(errors=("x",)).errors[0], message="50%\r\nof it")
    (line,) = github.annotations(dataclasses.replace(results(), errors=(error,)), tmp_path)
    assert line == "::error title=x::no verdict: 50%25%0D%0Aof it"


def test_a_long_comment_is_cut_between_lines(start: Start) -> None:
    build = start("feature", event="pull_request", number=12)
    many = results(*(dataclasses.replace(YES, id=f"claim-{i:04}") for i in range(1200)))
    whole = build.folder / "summary"
    list(github.report(many, None, github.Build.of(os.environ), name="Claims", summary=whole))
    (comment,) = build.kept["comments"]
    assert len(comment["body"]) < 65_536
    *_, last, empty, rest, _, _, _ = comment["body"].split("\n")
    assert last.endswith("| 5 |")
    assert empty == ""
    kept = comment["body"].count("| ✓ supported | claim-")
    assert rest == f"{1200 - kept} more lines are in the build's summary."
    assert build.summary.count("| ✓ supported | claim-") == 1200


@pytest.mark.parametrize(
    "event",
    [
        b"not json", b"", b"[]", b"null", b"3", b"\xff", b"[" * 100_000,
        b'{"pull_request": 3}', b'{"pull_request": {}}', b'{"pull_request": {"number": "x"}}',
        b'{"repository": "x"}', b'{"repository": {"default_branch": 3}}',
        b'{"repository": {"default_branch": "\xe9"}}',
    ],
)  # fmt: skip
def test_an_event_of_another_form_is_named(
    start: Start, event: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each was a traceback."""
    build = start()
    file = build.folder / "event.json"
    file.write_bytes(event)
    assert build.tell(results(YES)) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"bnclaims: {file} holds no event of GitHub (")
    assert said.count("\n") == 1


@pytest.mark.parametrize("comment", [3, None, {"body": 3}, {}, []])
def test_an_answer_of_another_form_is_a_warning(
    start: Start, comment: object, capsys: pytest.CaptureFixture[str]
) -> None:
    """Some were tracebacks."""
    build = start("feature", event="pull_request", number=12)
    build.keep(comments=[comment])
    assert build.tell(results(YES)) == 0
    assert "::warning title=bnclaims::cannot write a comment: " in capsys.readouterr().out


@pytest.mark.parametrize("event", [b"{}", b'{"pull_request": null, "repository": null}'])
def test_an_event_may_be_of_no_pull_request(start: Start, event: bytes) -> None:
    build = start()
    (build.folder / "event.json").write_bytes(event)
    assert build.tell(results(YES)) == 0
    assert not build.kept["calls"]


def test_elsewhere_it_says_what_it_is_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GITHUB_EVENT_PATH", raising=False)
    report.write(results(YES), tmp_path)
    assert main(["github", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        "bnclaims: GITHUB_EVENT_PATH is not set: this command is for builds on GitHub Actions\n"
    )
