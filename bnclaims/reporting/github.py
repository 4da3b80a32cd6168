"""What GitHub is told of a session: a summary, annotations, a comment, and an issue.

The comment and the issue are written by GitHub's own command `gh`, and found again by a marker, so
that there is one of each, brought up to date.
"""

import ast
import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from bnclaims.errors import CommandError
from bnclaims.reporting import changes, checked, markdown
from bnclaims.reporting.results import ClaimResult, Results
from bnclaims.reporting.terminal import numbers_text

_LONGEST = 60_000
"""Characters of a comment or an issue; GitHub takes 65,536."""


@dataclass(frozen=True)
class _PullRequest:
    number: int


@dataclass(frozen=True)
class _Repository:
    default_branch: str = ""


@dataclass(frozen=True)
class _Event:
    """What a build wants to know of the event that began it."""

    pull_request: _PullRequest | None = None
    repository: _Repository | None = None

    @property
    def default_branch(self) -> str:
        return self.repository.default_branch if self.repository else ""

    @classmethod
    def read(cls, path: Path) -> "_Event":
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except (ValueError, RecursionError) as error:
            raise CommandError(
                f"{path} holds no event of GitHub ({error}): GITHUB_EVENT_PATH is for GitHub "
                "Actions to set"
            ) from None


@dataclass(frozen=True)
class Build:
    """What a build on GitHub Actions is for."""

    repository: str
    """`OWNER/NAME`."""
    pull_request: int | None
    """Its number; None where the build is of no pull request."""
    of_default_branch: bool
    """Whether what is built is the default branch, pushed or on a schedule."""
    workspace: Path
    """The checkout, to which the paths of annotations are relative."""
    address: str
    """The build's own page."""

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Build":
        """Returns the build that GitHub's environment variables describe.

        Raises:
            CommandError: This is no build on GitHub Actions.
            OSError: The file with the build's event cannot be read.
        """
        try:
            event = _Event.read(Path(environ["GITHUB_EVENT_PATH"]))
            repository, server = environ["GITHUB_REPOSITORY"], environ["GITHUB_SERVER_URL"]
            run, workspace = environ["GITHUB_RUN_ID"], Path(environ["GITHUB_WORKSPACE"])
            scheduled = environ["GITHUB_EVENT_NAME"] == "schedule"
            branch = environ["GITHUB_REF_NAME"]
        except KeyError as missing:
            raise CommandError(
                f"{missing.args[0]} is not set: this command is for builds on GitHub Actions"
            ) from None
        return cls(
            repository=repository,
            pull_request=event.pull_request.number if event.pull_request else None,
            # A schedule's event does not name the default branch, on which it always runs.
            of_default_branch=scheduled or branch == event.default_branch,
            workspace=workspace,
            address=f"{server}/{repository}/actions/runs/{run}",
        )


def annotations(results: Results, workspace: Path) -> list[str]:
    """Returns a workflow command for each claim that is not as expected: GitHub marks its test.

    What is not as in the reference comes after these.

    Args:
        results: Of a session in the current folder.
        workspace: The checkout, to which GitHub's paths are relative.
    """
    unexpected = [claim for claim in results.claims if not claim.as_expected]
    return [
        *(_error(claim.id, _surprise(claim), _place(claim, workspace)) for claim in unexpected),
        *(_error(error.id, f"no verdict: {error.message}", {}) for error in results.errors),
        *(
            _error(check.name, f"{check.status}: {checked.change_text(check)}", {})
            for check in results.checks
            if not check.is_fine
        ),
    ]


def report(
    results: Results, since: Results | None, build: Build, *, name: str, summary: Path | None
) -> Iterator[str]:
    """Tells GitHub of a session; yields what is to be printed for the build's log, lines of it.

    A comment goes to the pull request, if there is one. An issue is opened where a verdict flipped
    on the default branch. What GitHub refuses is said in a warning, and the rest is told.

    Args:
        results: Of a session in the current folder.
        since: Of an earlier one.
        build: What the build is for.
        name: Tells apart what several builds of a repository tell.
        summary: The file of the build's summary; None where there is none.

    Raises:
        OSError: The summary cannot be written to.
    """
    yield from annotations(results, build.workspace)
    text = "\n".join(markdown.summary(results, since)) + "\n"
    if summary is not None:
        with summary.open("a", encoding="utf-8") as file:
            file.write(text)
    marker = f"<!-- bnclaims: {name.replace('--', '- -')} -->"
    body = f"{marker}\n{_fitting(text)}\n[{name}]({build.address})\n"
    if build.pull_request is not None:
        yield from _told("a comment", "pull-requests", lambda: _comment(build, marker, body))
    flips = _flips(since, results) if since is not None else []
    if flips and build.of_default_branch:
        title = f"{name}: {len(flips)} verdict{'s' * (len(flips) > 1)} flipped"
        yield from _told("an issue", "issues", lambda: _issue(build, marker, title, body))


def _surprise(claim: ClaimResult) -> str:
    numbers = f": {numbers_text(claim.deciding)}" if claim.deciding else ""
    return f"expected {claim.expected}, now {claim.verdict}{numbers}"


def _place(claim: ClaimResult, workspace: Path) -> dict[str, str]:
    """Returns file and line of a claim's test, as far as they can be found."""
    name, *parts = claim.test.split("::")
    file = Path(name)
    try:
        relative = file.resolve().relative_to(workspace.resolve())
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return {}
    function = parts[-1].partition("[")[0] if parts else ""
    lines = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name == function
    ]
    return {"file": relative.as_posix()} | ({"line": str(lines[0])} if lines else {})


def _error(title: str, message: str, place: Mapping[str, str]) -> str:
    return _command("error", message, {**place, "title": title})


def _command(kind: str, message: str, properties: Mapping[str, str]) -> str:
    """Returns a workflow command, with what would end it escaped as GitHub's toolkit does."""
    data = message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    shown = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{kind} {shown}::{data}"


def _property(value: str) -> str:
    for character in "%\r\n:,":
        value = value.replace(character, f"%{ord(character):02X}")
    return value


def _fitting(text: str) -> str:
    """Returns text that GitHub takes, without the last rows of a table too long."""
    if len(text) <= _LONGEST:
        return text
    kept = text[:_LONGEST].rpartition("\n")[0]
    left_out = text.count("\n") - kept.count("\n") - 1
    return f"{kept}\n\n{left_out:,} more lines are in the build's summary.\n"


def _flips(old: Results, new: Results) -> list[changes.Change]:
    """Returns the flipped verdicts of comparable reports."""
    if changes.incomparable(old, new):
        return []
    return [change for change in changes.changes(old, new) if change.flipped]


def _told(what: str, permission: str, tell: Callable[[], str]) -> Iterator[str]:
    """Tells something, and yields what came of it: of a fork, a build may only read."""
    try:
        yield tell()
        return
    except subprocess.CalledProcessError as error:
        advice = f"give the job the permission `{permission}: write`, and GH_TOKEN to this step"
        said = f"{error.stderr.strip()}; {advice}"
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        # There is no gh, or its answer has another form.
        said = f"{type(error).__name__}: {error}"
    yield _command("warning", f"cannot write {what}: {said}", {"title": "bnclaims"})


def _comment(build: Build, marker: str, body: str) -> str:
    comments = f"repos/{build.repository}/issues/{build.pull_request}/comments"
    for comment in _all(comments):
        if _has(comment, marker):
            place = f"repos/{build.repository}/issues/comments/{comment['id']}"
            return f"comment: {_gh('PATCH', place, body=body)['html_url']}"
    return f"comment: {_gh('POST', comments, body=body)['html_url']}"


def _issue(build: Build, marker: str, title: str, body: str) -> str:
    issues = f"repos/{build.repository}/issues"
    for issue in _all(f"{issues}?state=open"):
        if _has(issue, marker) and "pull_request" not in issue:
            place = f"{issues}/{issue['number']}"
            return f"issue: {_gh('PATCH', place, title=title, body=body)['html_url']}"
    return f"issue: {_gh('POST', issues, title=title, body=body)['html_url']}"


def _has(written: Mapping[str, Any], marker: str) -> bool:
    """Says whether a comment or an issue is one of ours: the marker is the first thing in it."""
    return (written["body"] or "").startswith(marker)


def _all(place: str) -> Iterator[dict[str, Any]]:
    for page in json.loads(_run("--paginate", "--slurp", place)):
        yield from page


def _gh(method: str, place: str, **fields: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(
        _run("--method", method, "--input", "-", place, given=json.dumps(fields))
    )
    return answer


def _run(*arguments: str, given: str = "") -> str:
    command = ["gh", "api", *arguments]
    done = subprocess.run(  # noqa: S603  (no shell; places are GitHub's own)
        command, input=given, capture_output=True, text=True, check=True, encoding="utf-8"
    )
    return done.stdout
