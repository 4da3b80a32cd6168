"""The end of a session: its report is never greener than what happened.

Each test is of a fault that left yesterday's green, or made one.
"""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bnclaims.reporting import badges, wire
from bnclaims.reporting.results import ErrorRecord, Results, SessionRecord
from bnclaims.session.listener import UNDERWAY, UNFINISHED
from tests import sessions
from tests.fake_project import BACKEND, claims, prepare
from tests.image_sets import save, small

GUARD = 60  # seconds after which a test that hangs gives up
STORE = "--claims-store=store"


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    return prepare(pytester, monkeypatch)


def reported(project: pytest.Pytester) -> tuple[Results, list[str]]:
    """What the report says, and the ids of its claims."""
    results = wire.read(project.path / "claims-report")
    return results, [claim.id for claim in results.claims]


def suite_badge(project: pytest.Pytester) -> tuple[str, bool]:
    """What the suite's badge says of its verdicts, and whether it is green."""
    badge = json.loads((project.path / "claims-report" / "badges" / "claims.json").read_text())
    verdicts, _, _ = badge["message"].partition(" · ")  # then protocol and data
    return verdicts, badge["color"] == badges.COLOURS["supported"]


def badge_files(project: pytest.Pytester) -> set[str]:
    return {path.stem for path in (project.path / "claims-report" / "badges").iterdir()}


WATCHED = (
    BACKEND
    + """
from bnclaims.reporting import report

write = report.write

def watched(results, folder):
    with open("writers.txt", "a") as file:
        file.write(f"{os.environ.get('PYTEST_XDIST_WORKER', 'controller')}\\n")
    return write(results, folder)

report.write = watched
"""
)


def test_crashes_and_unread_files_are_errors_and_only_the_controller_writes(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers wrote the report too, with their claims only; a crashed one's claim was not in it,
    nor a file that could not be imported: exit status 1, and a green badge.
    """
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)  # these tests may run in a worker
    project.makeconftest(WATCHED)
    project.makepyfile(
        test_a=claims("", "", ""),
        test_b=claims("os._exit(7)", first=4),
        test_c="import bnclaims\nimport no_such_module\n",
        test_d="import no_such_module_either\n",
    )
    stale = project.mkdir("claims-report") / "badges"
    stale.mkdir()
    (stale / "yesterday.svg").touch()
    badge = badges.endpoint("yesterday", "supported", badges.COLOURS["supported"])
    (stale / "yesterday.json").write_text(json.dumps(badge))
    result = project.runpytest_subprocess(STORE, "-n2", "--continue-on-collection-errors")
    assert result.ret == 1
    results, names = reported(project)
    assert names == ["claim-1", "claim-2", "claim-3"]
    crashed, unread = results.errors
    assert (crashed.id, unread.id) == ("claim-4", "test_c.py")
    assert "crashed while running 'test_b.py::test_4'" in crashed.message
    assert unread.message == "ModuleNotFoundError: No module named 'no_such_module'"
    assert results.session == SessionRecord(1, interrupted=False, unfinished=0)
    assert suite_badge(project) == ("3 supported, 2 errors", False)
    assert badge_files(project) == {
        "claim-1",
        "claim-2",
        "claim-3",
        "claim-4",
        "claims",
        "test_c.py",
    }
    assert (project.path / "writers.txt").read_text() == "controller\n"


@pytest.mark.parametrize("way", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_an_interrupted_session_reports_what_it_reached(project: pytest.Pytester, way: str) -> None:
    """Ctrl-C after two of six claims left the suite's badge green, with no word of the others;
    SIGTERM and SIGHUP left no report at all.
    """
    project.makeconftest(f"{BACKEND}\nimport signal\n{sessions.HEARS_SIGHUP}\n")
    kill = f"({sessions.HEARS_SIGINT}, os.kill(os.getpid(), signal.{way}), time.sleep(60))"
    project.makepyfile(claims("", "", kill, "", "", ""))
    result = project.runpytest_subprocess(STORE, "-n0")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["supported claim-1 *", "report: claims-report/index.html"])
    results, names = reported(project)
    assert names == ["claim-1", "claim-2"]
    assert {error.message for error in results.errors} == {UNFINISHED}
    assert [error.id for error in results.errors] == [f"claim-{n}" for n in (3, 4, 5, 6)]
    assert results.session == SessionRecord(2, interrupted=True, unfinished=4)
    assert suite_badge(project) == ("2 supported, 4 errors, interrupted", False)
    said = "The session was interrupted (exit status 2): 4 of 6 selected claims were not tested"
    assert said in (project.path / "claims-report" / "index.html").read_text()


def test_a_second_interruption_leaves_no_status_of_success(project: pytest.Pytester) -> None:
    """It kept pytest from setting its status, so the report said 0."""
    impatient = """
@pytest.hookimpl(trylast=True)
def pytest_keyboard_interrupt():
    raise KeyboardInterrupt
"""
    project.makeconftest(f"{BACKEND}\nimport pytest\n{impatient}")
    project.makepyfile(claims("", "signal.raise_signal(signal.SIGTERM)"))
    assert project.runpytest_subprocess(STORE, "-n0").ret != 0
    results, names = reported(project)
    assert names == ["claim-1"]
    assert results.session == SessionRecord(2, interrupted=True, unfinished=1)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + GUARD
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_sigterm_ends_a_session_of_workers_within_seconds(project: pytest.Pytester) -> None:
    """It left workers that went on training, and no report."""
    project.makepyfile(
        test_a=claims(""), test_b=claims("(open('reached', 'w').close(), time.sleep(50))", first=3)
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", STORE, "-n2"], cwd=project.path, stdout=subprocess.DEVNULL
    )
    report = project.path / "store" / "runs"
    wait_for(lambda: (project.path / "reached").exists() and len(list(report.glob("*/*"))) >= 10)
    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(GUARD) == pytest.ExitCode.INTERRUPTED
    assert time.monotonic() - started < 20
    results, _ = reported(project)
    assert results.session.interrupted
    assert "claim-3" in {error.id for error in results.errors}


def test_an_error_in_collection_leaves_no_green(project: pytest.Pytester) -> None:
    """Nothing was tested, exit status 2: yesterday's green report stayed."""
    project.makepyfile(test_a=claims(""))
    assert sessions.run(project, STORE, "-n0").ret == 0
    assert suite_badge(project) == ("1 supported", True)
    project.makepyfile(test_b="from bnclaims import no_such_name\n")
    assert sessions.run(project, STORE, "-n0").ret == pytest.ExitCode.INTERRUPTED
    results, names = reported(project)
    assert names == []
    assert [error.id for error in results.errors] == ["claim-1", "test_b.py"]
    assert suite_badge(project) == ("2 errors, interrupted", False)


GONE: dict[str, dict[str, str | None]] = {
    "a conftest.py that cannot be imported": {"claims/conftest": "import no_such_module"},
    "a helper that cannot be imported": {"claims/helper": "1 / 0"},
    "an unreadable file beside it": {"claims/conftest": "1 / 0", "claims/link": None},
    "workers that crash": {"claims/deep/test_b": "import os\nos._exit(1)"},
}


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
@pytest.mark.parametrize("gone", GONE)
def test_a_session_that_never_learns_of_its_claims_leaves_no_green(
    project: pytest.Pytester, gone: str, workers: str
) -> None:
    """Nobody had selected the claims, so yesterday's green report stayed."""
    if gone == "workers that crash" and workers == "-n0":
        pytest.skip("the session itself is gone")
    folder = project.mkpydir("claims") / "deep"
    folder.mkdir()
    (folder.parent / "helper.py").write_text("from tests.fake_project import *\n")
    test = claims("").replace("import os\n", "from claims.helper import *\nimport os\n", 1)
    (folder / "test_a.py").write_text(test)
    assert project.runpytest_subprocess(STORE, "-n0").ret == 0
    assert suite_badge(project) == ("1 supported", True)
    for name, content in GONE[gone].items():
        path = project.path / f"{name}.py"
        if content is None:
            path.symlink_to("nowhere")
        else:
            path.write_text(content)
    result = project.runpytest_subprocess(STORE, workers)
    assert result.ret != 0
    assert "INTERNALERROR" not in result.stdout.str() + result.stderr.str()
    assert not suite_badge(project)[1]
    results, names = reported(project)
    assert names == []
    assert "claim-1" in {error.id for error in results.errors}


BEFORE_IT_BEGINS = {
    "an error": "1 / 0",
    "an exit that says success": "pytest.exit('no database', returncode=0)",
    "an exit with a status of its own": "pytest.exit('no database', returncode=7)",
    "Ctrl-C": "raise KeyboardInterrupt",
}


@pytest.mark.parametrize(
    ("way", "hook", "workers"),
    [(way, hook, "-n0") for way in BEFORE_IT_BEGINS for hook in ("sessionstart", "collection")]
    + [("an error", "sessionstart", "-n2"), ("Ctrl-C", "sessionstart", "-n2")],
)
def test_a_session_that_fails_before_it_begins_leaves_no_green(
    project: pytest.Pytester, way: str, hook: str, workers: str
) -> None:
    """As when data are fetched, or another plugin fails: yesterday's green report stayed."""
    project.makepyfile(test_a=claims(""))
    assert sessions.run(project, STORE, "-n0").ret == 0
    assert suite_badge(project) == ("1 supported", True)
    starts = f"import pytest\ndef pytest_{hook}():\n    {BEFORE_IT_BEGINS[way]}\n"
    project.makeconftest(f"{BACKEND}\n{starts}")
    status = project.runpytest_subprocess(STORE, workers).ret
    assert status != 0
    results, names = reported(project)
    assert names == []
    assert [error.id for error in results.errors] == ["claim-1"]
    assert results.session == SessionRecord(int(status), interrupted=True, unfinished=1)
    assert suite_badge(project) == ("1 error, interrupted", False)


@pytest.mark.parametrize("missing", ["data", "scheduler"])
@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_a_session_that_lacks_what_it_needs_leaves_no_green(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, missing: str, workers: str
) -> None:
    """What yesterday's command trained on is gone today: its report was green still."""
    project.makepyfile(test_a=claims(""))
    assert sessions.run(project, STORE, "-n0").ret == 0
    options = [STORE, workers, "--claims-protocol=default"]
    if missing == "data":
        (project.path / "damaged.npz").write_bytes(b"damaged")
        monkeypatch.setenv("BNCLAIMS_DATA", str(project.path / "damaged.npz"))
    else:
        options.append("--claims-scheduler=nowhere.json")
    result = project.runpytest_subprocess(*options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    results, names = reported(project)
    assert names == []
    assert [error.id for error in results.errors] == ["claim-1"]
    assert results.session == SessionRecord(4, interrupted=True, unfinished=1)
    assert suite_badge(project) == ("1 error, interrupted", False)


def test_a_mistaken_command_leaves_the_report(project: pytest.Pytester) -> None:
    project.makepyfile(test_a=claims(""))
    assert sessions.run(project, STORE, "-n0").ret == 0
    for mistake in ("--claims-protocol=long", "test_nowhere.py"):
        status = project.runpytest_subprocess(STORE, "-n0", mistake).ret
        assert status == pytest.ExitCode.USAGE_ERROR
        assert suite_badge(project) == ("1 supported", True)


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_a_session_whose_output_nobody_takes_leaves_no_green(
    project: pytest.Pytester, workers: str
) -> None:
    """As on a full disk: pytest gives up at its first line, and yesterday's report stayed."""
    project.makepyfile(test_a=claims(""))
    assert sessions.run(project, STORE, "-n0").ret == 0
    with Path("/dev/full").open("w") as full:
        status = subprocess.run(
            [sys.executable, "-m", "pytest", STORE, workers],
            cwd=project.path, stdout=full, stderr=subprocess.DEVNULL, check=False,
        ).returncode  # fmt: skip
    assert status != 0
    assert not suite_badge(project)[1]


IN_TERMINAL = f"""
import fcntl, signal, sys, termios
import pytest
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
{sessions.HEARS_SIGHUP}
sys.exit(pytest.main(sys.argv[1:]))
"""
"""Runs pytest under the terminal that is its standard input."""


def test_a_session_whose_terminal_is_closed_reports_what_it_reached(
    project: pytest.Pytester,
) -> None:
    """Its process was ended by SIGHUP, and yesterday's report stayed."""
    project.makepyfile(claims("", "(open('reached', 'w').close(), time.sleep(60))"))
    terminal, its_end = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", IN_TERMINAL, STORE, "-n0"],
        cwd=project.path, stdin=its_end, stdout=its_end, stderr=its_end, start_new_session=True,
    )  # fmt: skip
    os.close(its_end)
    wait_for((project.path / "reached").exists)
    os.close(terminal)
    assert process.wait(GUARD) != 0
    results, names = reported(project)
    assert names == ["claim-1"]
    assert results.session.interrupted
    assert [error.id for error in results.errors] == ["claim-2"]


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
@pytest.mark.parametrize("order", ["tryfirst", "trylast"])
def test_a_claim_that_another_plugin_fails_is_an_error(
    project: pytest.Pytester, order: str, workers: str
) -> None:
    """As of soft assertions: it was supported, and the session's exit status maybe 0."""
    failing = f"""
import pytest

@pytest.hookimpl(wrapper=True, {order}=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call" and item.name == "test_2":
        report.outcome, report.longrepr = "failed", "a soft assertion failed"
    return report
"""
    project.makeconftest(BACKEND + failing)
    project.makepyfile(claims("", ""))
    result = project.runpytest_subprocess(STORE, workers)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["FAILED *::test_2 - a soft*"])
    results, names = reported(project)
    assert names == ["claim-1"]
    assert [(error.id, error.message) for error in results.errors] == [
        ("claim-2", "a soft assertion failed")
    ]
    assert suite_badge(project) == ("1 supported, 1 error", False)


def test_a_session_of_other_tests_leaves_the_report(project: pytest.Pytester) -> None:
    project.makepyfile(test_a=claims(""), test_b="import no_such_module\n")
    assert sessions.run(project, STORE, "-n0", "test_a.py").ret == 0
    assert sessions.run(project, STORE, "-n0", "test_b.py").ret == pytest.ExitCode.INTERRUPTED
    assert suite_badge(project) == ("1 supported", True)


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_signals_that_come_again_leave_a_report_of_this_session(
    project: pytest.Pytester, workers: str
) -> None:
    """A second one, while workers were waited for, left yesterday's."""
    project.makepyfile(test_a=claims(""))
    assert sessions.run(project, STORE, "-n0").ret == 0
    project.makepyfile(test_b=claims("(open('reached', 'w').close(), time.sleep(50))", first=3))
    process = subprocess.Popen(
        [sys.executable, "-c", sessions.HEARING, STORE, workers],
        cwd=project.path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_for((project.path / "reached").exists)
    process.send_signal(signal.SIGINT)
    time.sleep(1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(GUARD) != 0
    results, _ = reported(project)
    assert results.session.interrupted
    assert results.session.exit_status != 0
    assert "claim-3" in {error.id for error in results.errors}
    assert not suite_badge(project)[1]


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_a_session_that_is_killed_leaves_no_green(project: pytest.Pytester, workers: str) -> None:
    """Nobody could write any more, so yesterday's green report stayed."""
    project.makepyfile(claims("", "(open('reached', 'w').close(), time.sleep(60))"))
    claim = ["-k", "test_1"]
    assert sessions.run(project, STORE, "-n0", *claim).ret == 0
    assert suite_badge(project) == ("1 supported", True)
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", STORE, workers],
        cwd=project.path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    wait_for((project.path / "reached").exists)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(GUARD)
    results, names = reported(project)
    assert names == []
    assert results.errors == (ErrorRecord("claim-1", UNDERWAY), ErrorRecord("claim-2", UNDERWAY))
    assert results.session == SessionRecord(2, interrupted=True, unfinished=2, ended=False)
    assert suite_badge(project) == ("2 errors, not ended", False)
    page = (project.path / "claims-report" / "index.html").read_text()
    assert "The session has not ended, or was killed: it has verified nothing yet." in page
    assert sessions.run(project, STORE, workers, *claim).ret == 0
    assert suite_badge(project) == ("1 supported", True)


def test_a_claim_that_ends_its_process_leaves_no_green(project: pytest.Pytester) -> None:
    """So does pytest-timeout with its method `thread`."""
    project.makepyfile(claims(""))
    assert sessions.run(project, STORE, "-n0").ret == 0
    project.makepyfile(claims("os._exit(0)"))
    assert project.runpytest_subprocess(STORE, "-n0").ret == 0
    assert suite_badge(project) == ("1 error, not ended", False)


def test_a_claim_that_ends_its_process_when_first_read_leaves_no_green(
    project: pytest.Pytester,
) -> None:
    """Claims are traced before any is tested, and an older report was left until then."""
    project.makepyfile(claims(""))
    assert sessions.run(project, STORE, "-n0").ret == 0
    project.makepyfile(claims("").replace("train.trial.tracing", "os._exit(0)"))
    assert project.runpytest_subprocess(STORE, "-n0").ret == 0
    assert suite_badge(project) == ("1 error, not ended", False)


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_a_claim_that_compares_without_end_is_refused(
    project: pytest.Pytester, workers: str
) -> None:
    """Each comparison is true when a claim is first read, so collecting never ended."""
    endless = claims("").replace("    assert", "    while loss(train, 1) < 2: pass\n    assert")
    project.makepyfile(test_a=endless, test_b=claims("", first=2))
    result = project.runpytest_subprocess(STORE, workers)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    results, names = reported(project)
    assert names == ["claim-2"]
    assert [error.id for error in results.errors] == ["claim-1"]
    assert "1,000 comparisons, and the claim asks for more" in results.errors[0].message
    assert "for ... in range(...)" in results.errors[0].message


def test_a_claim_that_is_cancelled_is_an_error_of_its_own(project: pytest.Pytester) -> None:
    """When it was first read, what is no Exception was an internal error of the session."""
    cancelled = claims("").replace("    train.trial", "    import asyncio\n    train.trial")
    cancelled = cancelled.replace("    assert", "    raise asyncio.CancelledError\n    assert")
    project.makepyfile(test_a=cancelled, test_b=claims("", first=2))
    assert sessions.run(project, STORE, "-n0").ret == pytest.ExitCode.TESTS_FAILED
    results, names = reported(project)
    assert names == ["claim-2"]
    assert [error.id for error in results.errors] == ["claim-1"]


def test_where_no_report_was_none_is_written_before_the_end(project: pytest.Pytester) -> None:
    project.makepyfile(claims("os.path.exists('claims-report') and 1 / 0"))
    assert sessions.run(project, STORE, "-n0").ret == 0


def test_a_session_that_tests_no_claim_leaves_the_report(project: pytest.Pytester) -> None:
    project.makepyfile(claims(""), test_plain="def test_plain(): pass\n")
    assert sessions.run(project, STORE, "-n0").ret == 0
    for options in (["-k", "nothing"], ["-k", "plain"], ["--collect-only"], ["--claims-plan"],
                    ["--fixtures"], ["--fixtures-per-test"], ["--setup-only"], ["--setup-plan"],
                    ["--cache-show"], ["--markers"], ["--setup-only", "-n2"]):  # fmt: skip
        sessions.run(project, STORE, "-n0", *options)
        assert suite_badge(project) == ("1 supported", True), options


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_the_report_needs_no_terminal(project: pytest.Pytester, workers: str) -> None:
    """`-p no:terminal` was an internal error, also where there are no claims or one is refuted."""
    project.makepyfile(test_plain="def test_plain(): pass\n")
    command = [STORE, "-p", "no:terminal", workers]
    assert project.runpytest_subprocess(*command).ret == 0
    refuted = """
@claim("It is not", source="here")
def test_refuted(train):
    assert loss(train, 1) > loss(train, 2)
"""
    project.makepyfile(test_a=claims("", "1 / 0") + refuted)
    result = project.runpytest_subprocess(*command)
    assert result.ret == 1
    assert "INTERNALERROR" not in result.stdout.str() + result.stderr.str()
    assert suite_badge(project) == ("1 supported, 1 refuted, 1 error", False)


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_damaged_runs_are_no_internal_error_where_warnings_are_errors(
    project: pytest.Pytester, workers: str
) -> None:
    project.makepyfile(claims("", ""))
    assert sessions.run(project, STORE, "-n0").ret == 0
    for file in (project.path / "store").glob("runs/*/*.run"):
        file.write_bytes(file.read_bytes()[:-1])
    result = project.runpytest_subprocess(STORE, "-W", "error", workers)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "INTERNALERROR" not in result.stdout.str() + result.stderr.str()
    results, names = reported(project)
    assert names == []
    assert {"StoreWarning" in error.message for error in results.errors} == {True}


RERUN = (
    BACKEND
    + """
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):
    for attempt in (1, 2):
        os.environ["ATTEMPT"] = str(attempt)
        for report in runtestprotocol(item, nextitem=nextitem, log=False):
            if attempt == 1 and report.failed:
                report.outcome = "rerun"
            item.ihook.pytest_runtest_logreport(report=report)
    return True
"""
)


def test_the_last_of_several_reports_on_a_claim_counts(project: pytest.Pytester) -> None:
    """Each attempt made a row, and an error that was gone stayed."""
    project.makeconftest(RERUN)
    fails = "1 / (os.environ['ATTEMPT'] == '{}')"
    project.makepyfile(claims("", fails.format(2), fails.format(1)))
    sessions.run(project, STORE, "-n0", "-p", "no:cacheprovider")
    results, names = reported(project)
    assert names == ["claim-1", "claim-2"]
    assert [error.id for error in results.errors] == ["claim-3"]


def test_a_claim_that_runs_again_compares_anew(project: pytest.Pytester) -> None:
    """It compared beside what it had, so that each finding was there twice."""
    project.makeconftest(RERUN)
    negated = """
@claim("It is not", source="here", id="negated")
def test_negated(train):
    assert not loss(train, 1) < loss(train, 2) - 0.5
"""
    project.makepyfile(claims("") + negated)
    sessions.run(project, STORE, "-n0", "-p", "no:cacheprovider")
    results, names = reported(project)
    assert names == ["claim-1", "negated"]
    assert [claim.verdict for claim in results.claims] == ["supported", "refuted"]
    assert [len(claim.findings) for claim in results.claims] == [1, 1]


def test_of_several_environments_the_worst_counts(project: pytest.Pytester) -> None:
    """Under `--dist each` each worker made a row of each claim."""
    elsewhere = "1 / (os.environ['PYTEST_XDIST_WORKER'] == 'gw0')"
    project.makepyfile(claims("", elsewhere))
    result = project.runpytest_subprocess(STORE, "--dist=each", "--tx=2*popen")
    assert result.ret == 1
    results, names = reported(project)
    assert names == ["claim-1"]
    assert [error.id for error in results.errors] == ["claim-2"]


MISUSES = """
import warnings

@pytest.mark.xfail(reason="known")
@claim("It is not", source="here")
def test_xfailed(train):
    assert loss(train, 1) > loss(train, 2)

WHY = "the learning rate is too low"

@claim("It is not, and here is why", source="here")
def test_why(train):
    assert loss(train, 1) > loss(train, 2), WHY

def test_no_claim(train):
    assert loss(train, 1) < loss(train, 2)

@claim("Its teardown fails", source="here")
def test_teardown(train, broken):
    assert loss(train, 1) < loss(train, 2)

@pytest.fixture
def broken():
    yield
    raise RuntimeError("cannot tidy up")

@claim("It is not, and says so late", source="here")
def test_called(train):
    loss(train, 2) < loss(train, 1) or pytest.xfail("known")

@claim("It is not, and is marked late", source="here")
def test_marked(request, train):
    request.applymarker(pytest.mark.xfail)
    assert loss(train, 2) < loss(train, 1)

class TestBN:
    @claim("In a class", source="here")
    def test_speed(self, train):
        assert loss(train, 1) < loss(train, 2)

class TestLayerNorm:
    @claim("In another", source="here")
    def test_speed(self, train):
        assert loss(train, 1) < loss(train, 2)
"""


def test_what_a_claim_is_marked_with_and_says_is_kept(project: pytest.Pytester) -> None:
    """An xfail hid a refutation, `assert x, "why"` lost its why, a test without @claim trained
    unseen, a failing teardown left the claim green, and two classes could not share a name.
    """
    project.makepyfile(claims("") + MISUSES)
    result = sessions.run(project, STORE, "-n0")
    result.assert_outcomes(passed=5, failed=3, errors=2, warnings=1)
    result.stdout.fnmatch_lines(
        [
            "xfail on a claim: say which verdict it has instead*",
            "why is refuted, expected supported",
            "the learning rate is too low",
            "*this test trains without being a claim*declare it with @claim*",
        ]
    )
    results, names = reported(project)
    assert names == ["bn-speed", "claim-1", "layer-norm-speed", "why"]
    assert {error.id: error.message.split(": ")[0] for error in results.errors} == {
        "xfailed": "xfail on a claim",
        "called": "xfail on a claim",
        "marked": "xfail on a claim",
        "teardown": "RuntimeError",
    }


def test_a_session_that_fails_elsewhere_is_not_green(project: pytest.Pytester) -> None:
    """Claims were green beside a failing test."""
    project.makepyfile(test_a=claims(""), test_b="def test_plain(): assert False\n")
    assert sessions.run(project, STORE, "-n0").ret == 1
    assert suite_badge(project) == ("1 supported, other tests failed", False)


def test_a_status_that_another_plugin_changes_is_in_the_report(project: pytest.Pytester) -> None:
    """The report was written before, and said 0."""
    change = "def pytest_terminal_summary(): SESSION[0].exitstatus = 5\n"
    note = "SESSION = []\ndef pytest_sessionstart(session): SESSION.append(session)\n"
    project.makeconftest(BACKEND + note + change)
    project.makepyfile(claims(""))
    assert sessions.run(project, STORE, "-n0").ret == 5
    results, _ = reported(project)
    assert results.session.exit_status == 5
    assert suite_badge(project) == ("1 supported, other tests failed", False)


FULL_DISK = (
    BACKEND
    + """
import errno
from bnclaims.reporting import wire

def save(results, folder):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

wire.save = save
"""
)


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_a_session_without_its_report_is_no_success(
    project: pytest.Pytester, workers: str, terminal: bool
) -> None:
    """It ended with 0, and yesterday's green badges stayed for whoever publishes them next."""
    project.makepyfile(claims("", ""))
    assert sessions.run(project, STORE, "-n0").ret == 0
    before = suite_badge(project)
    project.makeconftest(FULL_DISK)
    command = [STORE, workers, *([] if terminal else ["-p", "no:terminal"])]
    result = project.runpytest_subprocess(*command)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    said = (result.stdout if terminal else result.stderr).str()
    assert said.count("the report there is as it was") == 1
    assert said.count("the session fails, as it has no report: exit status 1") == 1
    assert suite_badge(project) == before == ("2 supported", True)
    assert project.runpytest_subprocess(*command, "--claims-report=none").ret == 0


def test_only_success_becomes_a_failure_without_a_report(project: pytest.Pytester) -> None:
    project.makeconftest(FULL_DISK)
    project.makepyfile(test_a=claims(""), test_b="from bnclaims import no_such_name\n")
    result = project.runpytest_subprocess(STORE, "-n0")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["cannot write the report to *"])
    result.stdout.no_fnmatch_line("the session fails*")


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_texts_that_have_no_utf_8_lose_no_claim(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, workers: str
) -> None:
    """An undecodable path of data left no report, or ended a worker."""
    data = save(project.path / "d\udce9.npz", small(train=600))
    monkeypatch.setenv("BNCLAIMS_DATA", str(data))
    lone = """
@claim("A lone \\ud800", source="here \\udfff")
def test_lone(train):
    assert loss(train, 1) > loss(train, 2)
"""
    project.makepyfile(claims("") + lone)
    command = [sys.executable, "-m", "pytest", STORE, workers]
    done = subprocess.run(command, cwd=project.path, stdout=subprocess.DEVNULL, check=False)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    results, names = reported(project)
    assert names == ["claim-1", "lone"]
    assert not results.errors
    assert r"d\udce9.npz" in results.claims[0].data_note
    assert results.claims[1].statement == r"A lone \ud800"


@pytest.mark.parametrize(
    ("folder", "why"),
    [
        ("x" * 300, "File name too long"),
        ("a_file", "a_file is no folder: give the report another place"),
        (f"{os.devnull}/x", f"{os.devnull} is no folder: give the report another place"),
        ("docs", "*index.html is of no report of bnclaims and is left as it is: *"),
    ],
)
@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_a_report_that_cannot_be_is_refused_before_anything_is_trained(
    project: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    folder: str,
    why: str,
    workers: str,
) -> None:
    """It was said after the last run, and a name of 300 characters was a traceback."""
    (project.path / "a_file").touch()
    page = project.mkdir("docs") / "index.html"
    page.write_text("<h1>Somebody's</h1>")
    project.makepyfile(claims(""))
    result = project.runpytest_subprocess(STORE, workers, f"--claims-report={folder}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: *{why}"])
    assert not (project.path / "store").exists()
    monkeypatch.delenv("BNCLAIMS_DATA")  # so that nothing else says that there are claims
    result = project.runpytest_subprocess(workers, f"--claims-report={folder}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert page.read_text() == "<h1>Somebody's</h1>"


def test_where_no_report_was_none_is_said_to_be_as_it_was(project: pytest.Pytester) -> None:
    project.makepyfile(claims("open('later', 'w').close()"))
    result = project.runpytest_subprocess(STORE, "-n0", "--claims-report=later")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["cannot write the report to *later: *", "the session fails, as it has no report*"]
    )
    result.stdout.no_fnmatch_line("*the report there*")
    result.stdout.no_fnmatch_line("*Error: *")


def test_a_plugin_cannot_make_a_success_of_a_session_without_its_report(
    project: pytest.Pytester,
) -> None:
    change = "def pytest_terminal_summary(): SESSION[0].exitstatus = 0\n"
    note = "SESSION = []\ndef pytest_sessionstart(session): SESSION.append(session)\n"
    project.makeconftest(FULL_DISK + note + change)
    project.makepyfile(claims("", "1 / 0"))
    result = project.runpytest_subprocess(STORE, "-n0")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
