"""What the controller of a session learns of its claims, report by report."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bnclaims.reporting import wire
from bnclaims.reporting.results import Check, ErrorRecord, Outcome, SessionRecord

UNFINISHED = "the session ended before this test did"
"""What is said of a claim that was selected and has no verdict, as nobody got to it."""

UNDERWAY = "the session has not ended, or was killed"
"""What is said of it as long as somebody may."""

_CUT_SHORT = {pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR}


@dataclass
class _Test:
    """What the last attempt at a test came to, as far as it has got."""

    outcome: Outcome | None = None
    error: str = ""
    ended: bool = False

    def add(self, outcome: Outcome) -> None:
        """Notes a verdict; an unexpected one stays, as of a `subTest` within a test."""
        if self.outcome is None or self.outcome.as_expected:
            self.outcome = outcome

    @property
    def badness(self) -> int:
        """Orders what several workers made of one test."""
        if self.error or not (self.ended or self.outcome):
            return 3
        return 0 if self.outcome is None else 1 + (not self.outcome.as_expected)


@dataclass(frozen=True)
class Reached:
    """What a session's selected claims came to."""

    outcomes: list[Outcome]
    errors: list[ErrorRecord]
    session: SessionRecord


class Listener:
    """Listens to the reports of a session, its workers' included.

    To be registered with pytest's plugin manager. The last report on a test counts, so that a rerun
    replaces what was before; where several workers run each test, the worst of theirs does.

    Args:
        root: What the paths in reports are relative to.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._tests: dict[str, dict[str, _Test]] = {}
        """By test, then by worker."""
        self._names: dict[str, str] = {}
        """How claims are called, as their reports say."""
        self._unread: dict[str, str] = {}
        """Why a file that has to do with claims could not be imported, by its name."""
        self._interrupted = False
        self._disturbed = False
        """Whether a file could not be collected, a worker was lost, somebody ended it all, or what
        it needs was not to be had."""
        self.checks: dict[str, Check] = {}
        """What comparisons with a reference came to, by name."""

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Notes an interruption before pytest does, which a second one may keep from it."""
        self._interrupted = excinfo.errisinstance(KeyboardInterrupt)
        self._disturbed = True

    def miss(self) -> None:
        """Notes that what the session needs is not to be had, so that it cannot begin."""
        self._disturbed = True

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Notes a step of a test: its setup, its call or its teardown."""
        if (plain := getattr(report, "bnclaims_check", None)) is not None:
            check = wire.from_plain(plain, Check)
            self.checks[check.name] = check
        by_worker = self._tests.setdefault(report.nodeid, {})
        worker = _worker(report)
        if report.when == "setup" or worker not in by_worker:
            by_worker[worker] = _Test()
        test = by_worker[worker]
        test.ended = report.when not in {"setup", "call"}
        if (plain := getattr(report, "bnclaims", None)) is not None:
            self._names[report.nodeid] = plain["id"]
        if (outcome := outcome_in(report)) is not None:
            test.add(outcome)
        elif (plain := getattr(report, "bnclaims_error", None)) is not None:
            error = wire.from_plain(plain, ErrorRecord)
            self._names[report.nodeid], test.error = error.id, error.message
        elif report.failed:  # xdist's own report, of a worker that crashed
            test.error = str(report.longrepr)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Notes a file that could not be imported, if it has to do with claims."""
        self._disturbed |= report.failed
        file, *_ = report.nodeid.split("::")
        if report.failed and _names_us(self._root / file):
            self._unread[report.nodeid] = _essence(str(report.longrepr))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, error: object) -> None:
        """Notes the loss of a worker."""
        self._disturbed |= bool(error)

    def is_cut_short(self, exit_status: int) -> bool:
        """Says whether the session ended before its time, maybe before it knew of any claim."""
        return self._disturbed or exit_status in _CUT_SHORT

    def undecided(self, selected: Mapping[str, str]) -> float:
        """Returns the share of the selected claims that are not tested yet.

        Args:
            selected: As for `reached`.
        """
        tested = sum(any(t.badness != 3 for t in self._tests.get(n, {}).values()) for n in selected)
        return 1 - tested / len(selected) if selected else 0.0

    def reached(
        self, selected: Mapping[str, str], exit_status: int, *, ended: bool = True
    ) -> Reached:
        """Returns what the claims came to.

        Args:
            selected: The names of the selected claims by their tests, as far as anybody told.
            exit_status: Pytest's.
            ended: Whether the session has.
        """
        outcomes: list[Outcome] = []
        errors = [ErrorRecord(name, message) for name, message in self._unread.items()]
        unfinished = 0
        for test, name in (self._names | dict(selected)).items():
            worst = max(self._tests.get(test, {}).values(), key=_badness, default=_Test())
            if worst.error:
                errors.append(ErrorRecord(name, worst.error))
            elif worst.outcome is not None:
                outcomes.append(worst.outcome)
            elif not worst.ended:
                unfinished += 1
                errors.append(ErrorRecord(name, UNFINISHED if ended else UNDERWAY))
        cut_short = bool(unfinished) or exit_status in _CUT_SHORT
        if exit_status == pytest.ExitCode.OK and (unfinished or self._interrupted):
            exit_status = pytest.ExitCode.INTERRUPTED  # pytest has not come to set it
        session = SessionRecord(int(exit_status), cut_short, unfinished, ended)
        return Reached(outcomes, errors, session)


def outcome_in(report: Any) -> Outcome | None:
    """Returns the verdict that a report carries.

    None where it carries none, or where another plugin has failed it for reasons of its own.
    """
    plain = getattr(report, "bnclaims", None)
    if plain is None:
        return None
    outcome = wire.from_plain(plain, Outcome)
    return None if report.failed and outcome.as_expected else outcome


def _badness(test: _Test) -> int:
    return test.badness


def _worker(report: Any) -> str:
    """Returns which of several workers that run the same tests a report is from, else ''."""
    node = getattr(report, "node", None)
    if node is None or node.config.getoption("dist") != "each":
        return ""  # a test that is run again, maybe elsewhere, is the same test
    worker: str = node.gateway.id
    return worker


def _names_us(path: Path) -> bool:
    """Says whether a file, or one in a folder, mentions this package."""
    return any(_mentions_us(file) for file in ([path] if path.is_file() else path.glob("*.py")))


def _mentions_us(file: Path) -> bool:
    try:
        return b"bnclaims" in file.read_bytes()
    except OSError:  # a folder, or a link to nowhere
        return False


def _essence(traceback: str) -> str:
    """Returns what went wrong, without pytest's account of where."""
    lines = [line[1:].strip() for line in traceback.splitlines() if line.startswith("E ")]
    return "\n".join(lines) or traceback
