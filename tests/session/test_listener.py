"""What reports, in whatever order they come, say of the claims of a session."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bnclaims.reporting import wire
from bnclaims.reporting.results import ErrorRecord, Outcome, SessionRecord
from bnclaims.session.listener import UNFINISHED, Listener, Reached
from tests.fake_results import NO, YES

OK = int(pytest.ExitCode.OK)
SELECTED = {"test_a.py::test_yes": "yes"}
(TEST,) = SELECTED


def node(worker: str, dist: str) -> Any:
    """The xdist worker that sent a report."""
    return SimpleNamespace(
        config=SimpleNamespace(getoption=lambda _: dist), gateway=SimpleNamespace(id=worker)
    )


def report(
    when: str,
    outcome: Outcome | None = None,
    *,
    error: str = "",
    failed: bool = False,
    longrepr: str = "",
    test: str = TEST,
    **about: Any,
) -> Any:
    """A report as pytest's, with what the plugin attaches."""
    found = SimpleNamespace(nodeid=test, when=when, failed=failed, longrepr=longrepr, **about)
    if outcome is not None:
        found.bnclaims = wire.to_plain(outcome)
    if error:
        found.bnclaims_error = wire.to_plain(ErrorRecord("yes", error))
    return found


def reached(*reports: Any, selected: dict[str, str] = SELECTED, status: int = OK) -> Reached:
    listener = Listener(Path())
    for each in reports:
        listener.pytest_runtest_logreport(each)
    return listener.reached(selected, status)


def attempt(outcome: Outcome | None = None, **about: Any) -> list[Any]:
    """The three reports of one attempt at a test."""
    return [report("setup", **about), report("call", outcome, **about), report("teardown", **about)]


def errors(found: Reached) -> dict[str, str]:
    return {error.id: error.message for error in found.errors}


def test_a_claim_with_a_verdict_is_reached() -> None:
    found = reached(*attempt(YES))
    assert found == Reached([YES], [], SessionRecord(OK, interrupted=False, unfinished=0))


def test_a_claim_that_nobody_got_to_is_unfinished() -> None:
    for reports in ([], [report("setup")]):
        found = reached(*reports)
        assert errors(found) == {"yes": UNFINISHED}
        ended = SessionRecord(pytest.ExitCode.INTERRUPTED, interrupted=True, unfinished=1)
        assert found.session == ended


def test_a_skipped_claim_has_neither_verdict_nor_error() -> None:
    assert reached(report("setup"), report("teardown")) == Reached(
        [], [], SessionRecord(OK, interrupted=False, unfinished=0)
    )


def test_an_error_in_the_teardown_takes_the_verdict_away() -> None:
    setup, call, _ = attempt(YES)
    found = reached(setup, call, report("teardown", error="cannot tidy up"))
    assert found.outcomes == []
    assert errors(found) == {"yes": "cannot tidy up"}


def test_the_last_attempt_counts() -> None:
    broken = [report("setup"), report("call", error="boom"), report("teardown")]
    assert reached(*broken, *attempt(YES)).outcomes == [YES]
    assert errors(reached(*attempt(YES), *broken)) == {"yes": "boom"}


def test_a_crashed_worker_leaves_an_error() -> None:
    """xdist reports the crash as a failure without any step before it."""
    crash = report("???", failed=True, longrepr="worker 'gw0' crashed")
    assert errors(reached(crash)) == {"yes": "worker 'gw0' crashed"}


def test_of_workers_that_each_run_every_test_the_worst_counts() -> None:
    good, bad = attempt(YES, node=node("gw0", "each")), attempt(NO, node=node("gw1", "each"))
    assert reached(*good, *bad).outcomes == reached(*bad, *good).outcomes == [NO]


def test_a_test_that_is_run_again_elsewhere_is_one_test() -> None:
    first, second = (
        attempt(each, node=node(gw, "load")) for each, gw in ((NO, "gw0"), (YES, "gw1"))
    )
    assert reached(*first, *second).outcomes == [YES]


def test_a_claim_of_a_worker_that_told_no_selection_is_known_by_its_report() -> None:
    assert reached(*attempt(YES), selected={}).outcomes == [YES]


@pytest.mark.parametrize(
    ("status", "interrupted"),
    [
        (pytest.ExitCode.TESTS_FAILED, False),
        (pytest.ExitCode.INTERRUPTED, True),
        (pytest.ExitCode.INTERNAL_ERROR, True),
    ],
)
def test_a_session_that_was_cut_short_is_said_to_be(status: int, interrupted: bool) -> None:
    found = reached(*attempt(YES), status=status)
    assert found.session == SessionRecord(int(status), interrupted=interrupted, unfinished=0)


@pytest.mark.parametrize(
    ("source", "noted"), [("import bnclaims\nimport absent\n", True), ("import absent\n", False)]
)
def test_a_file_that_cannot_be_imported_is_an_error_if_it_names_us(
    tmp_path: Path, source: str, noted: bool
) -> None:
    (tmp_path / "test_c.py").write_text(source)
    listener = Listener(tmp_path)
    longrepr = "test_c.py:2: in <module>\n    import absent\nE   ModuleNotFoundError: absent"
    failed: Any = SimpleNamespace(nodeid="test_c.py", failed=True, longrepr=longrepr)
    listener.pytest_collectreport(failed)
    found = listener.reached({}, int(pytest.ExitCode.INTERRUPTED))
    assert errors(found) == ({"test_c.py": "ModuleNotFoundError: absent"} if noted else {})
