"""The pytest plugin: hooks, options and fixtures; what they do is in the modules they call."""

import contextlib
import dataclasses
import shlex
import shutil
import sys
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import pytest

from bnclaims.backends.keras.backend import BACKENDS, KerasBackend
from bnclaims.errors import (
    ArmError,
    BnclaimsError,
    ClaimError,
    ClusterError,
    CommandError,
    DataError,
    DescriptionError,
)
from bnclaims.language.claim import Claim, claim_of
from bnclaims.language.evidence import Trial
from bnclaims.language.finding import Verdict
from bnclaims.language.fixtures import Probe, Train
from bnclaims.language.tracing import Trace, inform
from bnclaims.reporting import checked, failure, terminal, wire
from bnclaims.reporting.report import check_place
from bnclaims.reporting.results import ErrorRecord, Outcome, ReferenceRecord, Results
from bnclaims.running.backend import Backend
from bnclaims.running.contract import CheckedBackend, CheckedStore
from bnclaims.running.local_store import LocalStore
from bnclaims.running.mailbox import Mailbox, temporary_folder
from bnclaims.running.store import Store, StoreWarning
from bnclaims.session import checks, cluster, frames, hooks, interruption
from bnclaims.session.checks import CHECKS, CheckItem, Checks
from bnclaims.session.conclusion import CERTAIN, SUBTESTS, XFAIL, concluded, untested, verdict_of
from bnclaims.session.ending import Ending, claims_before, foretell
from bnclaims.session.listener import Listener, outcome_in
from bnclaims.session.live import LiveLine, can_redraw, real_stdout
from bnclaims.session.options import OPTIONS, Settings, backend_name, displaced, ini_name
from bnclaims.session.suite import Suite

_SUITE = pytest.StashKey[Suite]()
_MAILBOX = pytest.StashKey[Path]()
_WORKING = pytest.StashKey[contextlib.ExitStack]()
_TRIAL = pytest.StashKey[Trial]()
_EXACT = pytest.StashKey[bool]()
"""Whether a claim has begun to run that can train nothing."""
_STDOUT = pytest.StashKey[TextIO]()
_CLUSTER = pytest.StashKey[cluster.Cluster]()
_LISTENER = pytest.StashKey[Listener]()
_DECLARED = pytest.StashKey[dict[pytest.Function, str]]()
_FINISHED = pytest.StashKey[bool]()
"""Whether pytest has come to the end of a session, which it does of each that began."""
_FORETOLD = pytest.StashKey[bool]()
"""Whether an older report says that this session has not ended."""
_ENDING = pytest.StashKey[tuple[pytest.Session, Ending]]()

_LISTING = "collectonly", "showfixtures", "show_fixtures_per_test", "setuponly", "setupplan"
"""Pytest's options by which it runs no test."""

_NO_CLAIM = (
    "this test trains without being a claim, so the report leaves it out: declare it with "
    "@claim(statement, source=...)"
)

_LATE = (
    "this claim asks for its fixture while it runs, too late to know what it will compare: take "
    "train or probe as an argument"
)

_COLOURS: dict[terminal.Tone, dict[str, bool]] = {
    "head": {"bold": True},
    "expected": {"green": True},
    "unexpected": {"red": True},
}


# Options and the session


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds each option with its ini twin."""
    group = parser.getgroup("claims", "claims about training neural networks (bnclaims)")
    for name, values, text in OPTIONS:
        group.addoption(f"--claims-{name}", metavar=values, default=None, help=text)
        parser.addini(ini_name(name), f"as --claims-{name}: {text}", default="")
    report_help = "folder of the report, claims-report by default; none for no report"
    group.addoption("--claims-report", metavar="DIR|none", default=None, help=report_help)
    parser.addini("claims_report", f"as --claims-report: {report_help}", default="")
    group.addoption(
        "--claims-plan", action="store_true", help="show what would be trained, and train nothing"
    )


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Adds the hooks that a `conftest.py` may implement."""
    pluginmanager.add_hookspecs(hooks)


@pytest.hookimpl(wrapper=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, Any, Any]:
    """Plans in this process, which shares nothing out, and reports a session that never began."""
    if config.option.claims_plan and config.pluginmanager.hasplugin("xdist"):
        config.option.numprocesses = None
        config.option.dist = "no"
        config.option.tx = []
    try:
        exit_status = yield
    except pytest.UsageError:
        _report_what_never_began(config, pytest.ExitCode.USAGE_ERROR)
        raise
    except BaseException:
        _report_what_never_began(config, pytest.ExitCode.INTERNAL_ERROR)
        raise
    return _report_what_never_began(config, exit_status)


def pytest_configure(config: pytest.Config) -> None:
    """Reads the settings and, on a controller, opens the mailbox of its workers."""
    config.addinivalue_line("markers", "claim: a claim, declared with @bnclaims.language.claim")
    # Keras's own code on JAX and PyTorch, thousands of times a session under NumPy 2.4.
    config.addinivalue_line(
        "filterwarnings",
        "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning",
    )
    config.stash[_WORKING] = contextlib.ExitStack()
    worker = getattr(config, "workerinput", None)
    if worker is not None:
        folder = Path(worker["bnclaims_mailbox"])
        mailbox: Mailbox | None = Mailbox(folder, worker["workerid"])
    elif _is_controller(config):
        folder = config.stash[_MAILBOX] = _mailbox_folder(config)
        mailbox = Mailbox(folder, "controller")
    else:
        mailbox = None
    settings = Settings.from_pytest_config(config)
    if worker is not None and settings.scheduler:
        settings = dataclasses.replace(settings, scheduler=worker["bnclaims_scheduler"])
    config.stash[_SUITE] = Suite(settings, mailbox, *_backend_and_store(config, settings))
    if (reference := checks.opened(settings)) is not None:
        config.stash[CHECKS] = Checks(reference, config.stash[_SUITE])
    if worker is None:
        if mistaken := displaced(config):
            config.issue_config_time_warning(pytest.PytestConfigWarning(mistaken), stacklevel=2)
        _listen(config)


def _backend_and_store(config: pytest.Config, settings: Settings) -> tuple[Backend, Store]:
    """Returns what trains and what keeps; what others bring is checked."""
    backend = config.hook.pytest_claims_backend(config=config, threads=settings.threads)
    store = config.hook.pytest_claims_store(config=config, folder=settings.store)
    try:
        return (
            backend if isinstance(backend, KerasBackend) else CheckedBackend(backend),
            store if isinstance(store, LocalStore) else CheckedStore(store),
        )
    except BnclaimsError as error:
        raise pytest.UsageError(str(error)) from None


def _mailbox_folder(config: pytest.Config) -> Path:
    stack = contextlib.ExitStack()
    try:
        folder = stack.enter_context(temporary_folder())
    except OSError as error:
        raise pytest.UsageError(
            f"cannot make a temporary folder ({error}): make room, or set TMPDIR to another place"
        ) from None
    config.add_cleanup(stack.close)
    return folder


def _listen(config: pytest.Config) -> None:
    """Follows what the tests come to, in the one process that reports it."""
    listener = config.stash[_LISTENER] = Listener(config.rootpath)
    config.pluginmanager.register(listener)
    config.pluginmanager.register(_AtOnce())
    interruption.end_on_signals(config)
    verbosity = config.getoption("verbose", 0)  # there is no such option under `-p no:terminal`
    if verbosity > -2 and (stream := real_stdout()) is not None:
        config.stash[_STDOUT] = stream
    if verbosity == 0:
        config.pluginmanager.register(_VerdictLines(config))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tells an xdist worker where the mailbox is, and how wide the terminal."""
    node.workerinput["bnclaims_mailbox"] = str(node.config.stash[_MAILBOX])
    node.workerinput["bnclaims_columns"] = _columns(node.config)
    node.workerinput["bnclaims_scheduler"] = node.config.stash[_SUITE].settings.scheduler


@pytest.hookimpl(trylast=True)
def pytest_claims_backend(config: pytest.Config, threads: int) -> KerasBackend:
    """Trains with Keras on the framework asked for where nobody brings another backend."""
    name = backend_name(config)
    backend = BACKENDS[name](threads)
    if name != Settings.backend:
        # Files with claims may import Keras, which then chooses its framework for good.
        try:
            backend.prepare()
            backend.versions  # noqa: B018  (asking for them finds what is not installed)
        except ArmError as error:
            raise pytest.UsageError(str(error)) from None
    return backend


@pytest.hookimpl(trylast=True)
def pytest_claims_store(folder: Path) -> LocalStore:
    """Keeps runs in a local folder where nobody brings another store."""
    return LocalStore(folder)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Has the report say with which exit status pytest ends, and lets go of the terminal."""
    _settle_report(config)
    if (suite := config.stash.get(_SUITE, None)) is not None:
        suite.close()
    if (stream := config.stash.get(_STDOUT, None)) is not None:
        with contextlib.suppress(OSError):  # what a terminal that is gone did not take
            stream.close()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Finds images and a place for the report first, where the project says that it has claims."""
    config = session.config
    if _wants_data_early(config) or (_verifies(config) and config.option.claims_report):
        _check_report(config.stash[_SUITE].settings.report)
    if _wants_data_early(config):
        suite = config.stash[_SUITE]
        try:
            suite.source  # noqa: B018  (asking for it finds it)
            if CHECKS in config.stash:
                checks.check_data(config.stash[CHECKS].reference, suite)
            _reach_cluster(config)
        except (ClusterError, DataError) as error:
            config.stash[_LISTENER].miss()
            raise pytest.UsageError(str(error)) from None


def _check_report(folder: Path | None) -> None:
    if folder is not None:
        try:
            check_place(folder)
        except OSError as error:
            raise pytest.UsageError(f"--claims-report={folder}: {error.strerror}") from None
        except CommandError as error:
            raise pytest.UsageError(str(error)) from None


def _reach_cluster(config: pytest.Config) -> None:
    """Finds or starts the cluster that is to train, before any worker needs it."""
    suite = config.stash[_SUITE]
    if suite.settings.scheduler and not config.option.claims_plan:
        ending = contextlib.ExitStack()
        config.add_cleanup(ending.close)
        found = config.stash[_CLUSTER] = cluster.reached(suite.settings.scheduler, ending)
        suite.settings = dataclasses.replace(suite.settings, scheduler=found.address)


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Says on what data and under which protocol claims are judged."""
    if not _wants_data_early(config):
        return []
    suite = config.stash[_SUITE]
    settings, protocol = suite.settings, suite.settings.protocol
    found = config.stash.get(_CLUSTER, None)
    return [
        f"bnclaims: {suite.source.note}",
        f"bnclaims: {protocol.name} protocol ({protocol.size})",
        f"bnclaims: {suite.backend.name}",
        f"bnclaims: {settings.design}",
        f"bnclaims: runs in {suite.store}",
        *([f"bnclaims: trained by {found.note}"] if found else []),
    ]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Counts and names the claims that the collected files declare, before any is deselected.

    Where there are some, the reference's tests come after them.
    """
    everything = items
    if any("::" in argument for argument in config.args):
        # Of a file that was asked for one test only, the others are declared, too.
        modules = dict.fromkeys(item.getparent(pytest.Module) for item in items)
        everything = [test for module in modules if module for test in session.genitems(module)]
    tests: dict[str, list[str]] = {}
    for item in everything:
        if declared := claim_of(getattr(item, "function", None)):
            tests.setdefault(_row_name(item, declared.id), []).append(item.nodeid)
    suite = config.stash[_SUITE]
    suite.tests = tests
    if CHECKS in config.stash and tests and suite.settings.reference:
        config.stash[_DECLARED] = _claims_of(items)
        items += checks.collected(session, suite.settings.reference)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Learns what the selected claims will need, and says that this worker is at it.

    First of all: no worker gets a test before each has told xdist that it has collected, so none
    can be through with its own before the others are known to be at work.
    """
    if _is_controller(session.config) or _only_lists(session.config):
        return
    suite = session.config.stash[_SUITE]
    claims = _claims_of(session.items)
    suite.select({item.nodeid: name for item, name in claims.items()})
    _foretell(session.config)
    try:
        for item in claims:
            try:
                suite.trace(item.nodeid, item.obj, _parameters(item))
            except ClaimError as error:
                suite.untraced[item.nodeid] = str(error)  # it is refused when it runs
        _look_for_checks(session)
    except BnclaimsError:
        return  # each claim reports it
    if suite.mailbox is not None and (suite.traces or suite.checked):
        session.config.stash[_WORKING].enter_context(suite.mailbox.working())


def _claims_of(items: Iterable[pytest.Item]) -> dict[pytest.Function, str]:
    """Returns the claims among tests, with their names."""
    return {
        item: _row_name(item, declared.id)
        for item in items
        if isinstance(item, pytest.Function) and (declared := claim_of(item.function))
    }


def _look_for_checks(session: pytest.Session) -> None:
    """Finds what the reference's tests compare, by the traces of all claims, selected or not."""
    wanted = [item.metric for item in session.items if isinstance(item, CheckItem)]
    if not wanted:
        return
    suite = session.config.stash[_SUITE]
    traces = [
        suite.traces.get(item.nodeid) or _traced(suite, item)
        for item in session.config.stash[_DECLARED]
    ]
    session.config.stash[CHECKS].look_for(filter(None, traces), wanted)


def _traced(suite: Suite, item: pytest.Function) -> Trace | None:
    try:
        return suite.traced(item.obj, _parameters(item))[0]
    except ClaimError:
        return None  # it is refused when it runs


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, Any, Any]:
    """Plans instead of running; lets a worker that is done with its own tests help the others."""
    config = session.config
    suite = config.stash[_SUITE]
    if config.option.claims_plan:
        session.items.clear()
        return (yield)
    with config.stash[_WORKING], _progress(config):
        result = yield
    if suite.traces or suite.checked:
        # Where warnings are errors, what is wrong with the store has failed the claims.
        with contextlib.suppress(StoreWarning):
            suite.schedule.help()
    return result


# Claims


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuses a claim that is called like another: nothing could tell their badges apart."""
    _forget_attempt(item.stash)
    if declared := claim_of(getattr(item, "function", None)):
        suite = item.config.stash[_SUITE]
        if item.get_closest_marker("xfail"):
            pytest.fail(XFAIL, pytrace=False)
        if "subtests" in getattr(item, "fixturenames", ()):
            pytest.fail(SUBTESTS, pytrace=False)
        if suite.settings.homeless:
            pytest.fail(suite.settings.homeless, pytrace=False)
        try:
            declared.check_protocols(suite.settings.protocols)
        except ClaimError as error:
            pytest.fail(str(error), pytrace=False)
        name = _row_name(item, declared.id)
        tests = suite.tests.get(name, [])
        if others := [test for test in tests if test != item.nodeid]:
            pytest.fail(
                f"{name} is also {', '.join(others)}: give one of them another id=", pytrace=False
            )


@pytest.fixture
def train(request: pytest.FixtureRequest) -> Train:
    """Names an arm, a model with its training protocol; see `bnclaims.language.fixtures.Train`."""
    suite, trial = _suite_and_trial(request)
    return suite.train(trial)


@pytest.fixture
def probe(request: pytest.FixtureRequest) -> Probe:
    """Names an untrained layer; see `bnclaims.language.fixtures.Probe`."""
    suite, trial = _suite_and_trial(request)
    return suite.probe(trial)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> None:
    """Traces a claim that needs fixtures of its own, now that they are there.

    One that cannot fail is refused before anything trains.
    """
    trial = pyfuncitem.stash.get(_TRIAL, None)
    suite = pyfuncitem.config.stash[_SUITE]
    if not claim_of(pyfuncitem.function):
        return
    if trial is None:
        pyfuncitem.stash[_EXACT] = True
        return
    if pyfuncitem.nodeid not in suite.traces or pyfuncitem.nodeid in suite.untraced:
        suite.trace(pyfuncitem.nodeid, pyfuncitem.obj, pyfuncitem.funcargs, trial)
        inform(trial, suite.traces[pyfuncitem.nodeid])
    if trial.certain:
        pytest.fail(CERTAIN, pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turns how a claim's body ended into a verdict, and the verdict into pass or fail."""
    function = getattr(item, "function", None)
    declared = claim_of(function)
    shows_all = item.config.getoption("fulltrace", False)
    if declared and call.excinfo and not shows_all:
        frames.forget_ours(call.excinfo)
    report = yield
    if isinstance(item, CheckItem):
        _note_check(report, item, call)
    if declared is None:
        return report
    if _is_xfail(item, call):
        report.outcome, report.longrepr = "failed", XFAIL
        report.__dict__.pop("wasxfail", None)
        _note_error(report, item, declared.id, XFAIL)
        return report
    if call.when != "call":
        _note_error(report, item, declared.id, _message(report, call))
        return report
    trial = item.stash.get(_TRIAL, None)
    if trial is not None and call.excinfo is None and (fault := untested(trial)):
        report.outcome, report.longrepr = "failed", fault
        _note_error(report, item, declared.id, fault)
        return report
    if report.failed and call.excinfo is None:  # by another plugin, as of soft assertions
        _note_error(report, item, declared.id, _message(report, call))
        return report
    unfit = (ArmError, ClusterError, DataError, DescriptionError)
    if call.excinfo is not None and call.excinfo.errisinstance(unfit) and not shows_all:
        report.longrepr = str(call.excinfo.value)  # the message says it all
    verdict = verdict_of(call.excinfo and call.excinfo.value, trial)
    if verdict is None:
        _note_error(report, item, declared.id, _message(report, call))
    else:
        _note_verdict(report, item, declared, call, verdict)
    return report


def _is_xfail(item: pytest.Item, call: pytest.CallInfo[None]) -> bool:
    """Says whether a test is said to fail, by a mark or by the `pytest.xfail` that ended it."""
    called = call.excinfo is not None and call.excinfo.errisinstance(pytest.xfail.Exception)
    return called or (call.when != "teardown" and item.get_closest_marker("xfail") is not None)


def pytest_report_teststatus(report: Any) -> tuple[str, str, str] | None:
    """Shows the verdict where pytest would show PASSED or FAILED."""
    if (check := getattr(report, "bnclaims_check", None)) is not None:
        letter = {"passed": ".", "skipped": "s"}.get(report.outcome, "F")
        return report.outcome, letter, check["status"].upper()
    if (outcome := outcome_in(report)) is None:
        return None
    letter = "." if outcome.as_expected else "F"
    expected = " (as expected)" if outcome.as_expected and outcome.verdict != "supported" else ""
    return report.outcome, letter, f"{outcome.verdict.upper()}{expected}"


class _VerdictLines:
    """Writes a verdict as soon as it is reached, where pytest would write a dot.

    Expected ones of stored runs come all at once, so they keep their dots.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_report_teststatus(self, report: Any) -> tuple[str, str, str] | None:
        """Leaves the dot out."""
        status, outcome = pytest_report_teststatus(report), outcome_in(report)
        if status is None or outcome is None or not self._has_line(outcome):
            return status
        return status[0], "", status[2]

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: Any) -> None:
        """Writes the line."""
        reporter = self._config.pluginmanager.getplugin("terminalreporter")
        outcome = outcome_in(report)
        if reporter is None or outcome is None or not self._has_line(outcome):
            return
        # Not through the reporter, which would name the file anew for each test.
        writer = reporter._tw
        if writer.width_of_current_line:
            writer.line()
        for line in terminal.row(outcome, writer.fullwidth):
            writer.line(line, **_COLOURS[terminal.tone(outcome)])

    def _has_line(self, outcome: Outcome) -> bool:
        return not outcome.as_expected or bool(self._config.stash[_SUITE].progress().wanted)


# The end


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any) -> None:
    """Learns of the selected claims from the first worker that has collected them."""
    _foretell(node.config)


def _foretell(config: pytest.Config) -> None:
    """Has an older report say, once, that this session has not ended, as it may be killed."""
    suite = config.stash[_SUITE]
    if _verifies(config) and suite.selected and not config.stash.get(_FORETOLD, False):
        config.stash[_FORETOLD] = True
        reached = config.stash[_LISTENER].reached(
            suite.selected, pytest.ExitCode.INTERRUPTED, ended=False
        )
        with interruption.held():
            foretell(reached, suite)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Writes the report: on the controller only, and before the summary, which may not come.

    Where that fails, the session does.
    """
    config = session.config
    config.stash[_FINISHED] = True
    if _verifies(config) and _ENDING not in config.stash:
        with interruption.held():
            end = _ending(config, exitstatus)
        if end is not None:
            session.exitstatus = end.exit_status
            config.stash[_ENDING] = session, end
            if not config.pluginmanager.hasplugin("terminalreporter"):
                _complain(end.problems)


class _AtOnce:
    """Writes the report of an interrupted session first of all.

    Next pytest-xdist waits for its workers, up to ten seconds, and who interrupts may not.
    """

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Does what comes last otherwise."""
        if exitstatus == pytest.ExitCode.INTERRUPTED:
            pytest_sessionfinish(session, exitstatus)


def _report_what_never_began(config: pytest.Config, exit_status: int) -> int:
    """Has an older report say that this session verified nothing, if it failed before it began.

    Returns:
        With which status pytest is to end.
    """
    if _LISTENER not in config.stash or _FINISHED in config.stash or not _verifies(config):
        return exit_status
    if not config.stash[_LISTENER].is_cut_short(exit_status):
        return exit_status
    with interruption.held():
        end = _ending(config, exit_status, began=False)
    if end is None:
        return exit_status
    _complain(end.problems)
    return end.exit_status


def _ending(config: pytest.Config, exit_status: int, *, began: bool = True) -> Ending | None:
    """Returns the end of the session, with its report; None where it has to do with no claims."""
    suite, listener = config.stash[_SUITE], config.stash[_LISTENER]
    selected = suite.selected
    if not selected and listener.is_cut_short(exit_status):
        selected = claims_before(config, suite.settings.report)
    reached = listener.reached(selected, exit_status)
    if not (selected or reached.outcomes or reached.errors or listener.checks):
        return None
    reference = _reference_record(config, reached.outcomes)
    return Ending.of(reached, config, suite, reference, draw=began)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Prints the verdict table, or the plan."""
    if config.option.claims_plan:
        _print_plan(terminalreporter, config.stash[_SUITE])
    if _ENDING not in config.stash:
        return
    _, end = config.stash[_ENDING]
    if end.results.claims:
        _print_verdicts(terminalreporter, end.results, config)
    if end.results.reference:
        _print_checks(terminalreporter, end.results, end.results.reference)
    for problem in end.problems:
        terminalreporter.write_line(problem, red=True)
    if end.page is not None:
        here = Path.cwd()
        shown = end.page.relative_to(here) if end.page.is_relative_to(here) else end.page
        terminalreporter.write_line(f"report: {shown}")


def _reference_record(config: pytest.Config, outcomes: Sequence[Outcome]) -> ReferenceRecord | None:
    path = config.stash[_SUITE].settings.reference
    if CHECKS not in config.stash or path is None:
        return None
    found = config.stash[_LISTENER].checks
    return checks.record_of(config.stash[CHECKS].reference, path, found, outcomes)


def _settle_report(config: pytest.Config) -> None:
    """Has the report say what pytest's exit status came to be, which is no success without it."""
    if _ENDING in config.stash:
        session, end = config.stash[_ENDING]
        known = len(end.problems)
        end.settle(int(session.exitstatus))
        session.exitstatus = end.exit_status
        _complain(end.problems[known:])


def _complain(problems: Iterable[str]) -> None:
    for problem in problems:
        sys.stderr.write(f"bnclaims: {problem}\n")


def _print_verdicts(terminalreporter: Any, results: Results, config: pytest.Config) -> None:
    suite, width = config.stash[_SUITE], terminalreporter._tw.fullwidth
    claims = results.claims
    terminalreporter.write_sep("=", "claims")
    verbose = config.option.verbose > 0
    surprise = results.errors or not all(claim.as_expected for claim in claims)
    if verbose or surprise or suite.progress().wanted:
        for line, tone in terminal.table(claims, width):
            terminalreporter.write_line(line, **_COLOURS[tone])
    lines = terminal.notes(claims, suite.settings.design.alpha, width)
    if verbose:
        lines = ["", *terminal.fitted(terminal.evidence(claims), width), "", *lines]
    for line in lines:
        terminalreporter.write_line(line)


def _print_checks(terminalreporter: Any, results: Results, record: ReferenceRecord) -> None:
    width = terminalreporter._tw.fullwidth
    terminalreporter.write_sep("=", "against the reference")
    for check in checked.notable(record):
        colour = _COLOURS["expected" if check.is_fine else "unexpected"]
        line = f"{check.status.ljust(9)} {check.name} {checked.change_text(check)}"
        for part in terminal.fitted([line], width):
            terminalreporter.write_line(part, **colour)
    said = [checked.counts_text(record), checked.since_text(record, results)]
    for line in terminal.fitted([*said, *checked.left_out(record)], width):
        terminalreporter.write_line(line)


def _print_plan(terminalreporter: Any, suite: Suite) -> None:
    claims = [
        (
            name,
            [suite.first_look(runs) for runs in suite.runs_of(name)],
            suite.untraced.get(name, ""),
        )
        for name in dict.fromkeys([*suite.traces, *suite.untraced])
    ]
    requests = [(request, len(request.missing(suite.store))) for request in suite.planned()]
    usual, threads = suite.seconds_per_cost(), suite.settings.threads
    terminalreporter.write_sep("=", "plan")
    for line in terminal.plan(claims, requests, usual, threads):
        terminalreporter.write_line(line)


# Helpers of the hooks


@contextlib.contextmanager
def _progress(config: pytest.Config) -> Iterator[None]:
    """Shows progress while tests run, where there is somewhere to show it."""
    stream = config.stash.get(_STDOUT, None)
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if stream is None or reporter is None:
        yield
        return
    suite = config.stash[_SUITE]

    def text() -> str:
        progress = suite.progress()
        undecided = config.stash[_LISTENER].undecided(suite.selected)
        return f"bnclaims: {progress.text(undecided)}" if progress.doing else ""

    with LiveLine(reporter._tw, stream, text, redraw=can_redraw(stream)):
        yield


def _verifies(config: pytest.Config) -> bool:
    """Says whether this process is to say what claims come to."""
    worker = hasattr(config, "workerinput")
    return not (worker or _only_lists(config) or config.option.claims_plan)


def _only_lists(config: pytest.Config) -> bool:
    """Says whether this session is to show what there is, and to run no test."""
    return any(getattr(config.option, name, False) for name in _LISTING)


def _is_controller(config: pytest.Config) -> bool:
    shared_out = config.getoption("dist", "no") != "no" and bool(config.getoption("tx", None))
    return shared_out and not hasattr(config, "workerinput")


def _wants_data_early(config: pytest.Config) -> bool:
    worker = hasattr(config, "workerinput")
    chosen = config.stash[_SUITE].settings.chosen
    return chosen and not worker and not _only_lists(config)


def _parameters(item: pytest.Function) -> dict[str, Any]:
    callspec = getattr(item, "callspec", None)
    return dict(callspec.params) if callspec else {}


def _note_error(report: pytest.TestReport, item: pytest.Item, name: str, message: str) -> None:
    """Has a failed report tell the controller which claim has no verdict, and why."""
    if report.failed:
        error = ErrorRecord(_row_name(item, name), message)
        report.__dict__["bnclaims_error"] = wire.to_plain(error)


def _message(report: pytest.TestReport, call: pytest.CallInfo[None]) -> str:
    return call.excinfo.exconly() if call.excinfo else str(report.longrepr)


def _note_check(report: pytest.TestReport, item: CheckItem, call: pytest.CallInfo[None]) -> None:
    """Tells the controller what a comparison with the reference came to."""
    if call.when != "call" and not report.failed:
        return
    why = call.excinfo.exconly() if call.excinfo else ""
    check = item.failed(why)
    item.user_properties.append(("reference", check.status))
    report.__dict__["bnclaims_check"] = wire.to_plain(check)


def _note_verdict(
    report: pytest.TestReport,
    item: pytest.Item,
    declared: Claim,
    call: pytest.CallInfo[None],
    verdict: Verdict,
) -> None:
    """Has a report pass if the verdict is the expected one, and tell the controller of it."""
    suite, function = item.config.stash[_SUITE], getattr(item, "function", None)
    settings, trial = suite.settings, item.stash.get(_TRIAL, None)
    outcome = concluded(
        suite,
        declared,
        _row_name(item, declared.id),
        verdict,
        trial,
        test=item.nodeid,
        function=function,
        command=shlex.join(settings.command(item.nodeid, suite.chosen_data)),
    )
    report.outcome = "passed" if outcome.as_expected else "failed"
    steps = failure.what_now(outcome, declared.expected, settings.protocols, settings.design)
    if outcome.as_expected:
        report.longrepr = None
    elif verdict != "refuted" or outcome.refuting:
        report.longrepr = _failure(item, outcome, trial, call, steps)
    else:  # an exact claim's assertion failed, which pytest shows best
        report.sections.append(("what now", "\n".join(steps)))
    item.user_properties.extend(_properties(outcome))  # JUnit's XML takes them from the teardown
    # On the report itself: its attributes are what xdist carries to the controller.
    report.__dict__["bnclaims"] = wire.to_plain(outcome)


def _forget_attempt(stash: pytest.Stash) -> None:
    """Drops what an earlier attempt compared, where a test runs again."""
    if _TRIAL in stash:
        del stash[_TRIAL]
    if _EXACT in stash:
        del stash[_EXACT]


def _row_name(item: pytest.Item, name: str) -> str:
    callspec = getattr(item, "callspec", None)
    return f"{name}[{callspec.id}]" if callspec else name


def _suite_and_trial(request: pytest.FixtureRequest) -> tuple[Suite, Trial]:
    """Returns the session's suite and this test's trial, which `train` and `probe` share."""
    suite, item = request.config.stash[_SUITE], request.node
    if _TRIAL not in item.stash:
        if _EXACT in item.stash:
            pytest.fail(_LATE, pytrace=False)
        try:
            suite.source  # noqa: B018  (asking for it finds it)
        except DataError as error:
            pytest.fail(str(error), pytrace=False)
        item.stash[_TRIAL] = suite.trial(name=item.nodeid)
        if not claim_of(getattr(item, "function", None)):
            item.warn(pytest.PytestWarning(_NO_CLAIM))
    return suite, item.stash[_TRIAL]


def _why(call: pytest.CallInfo[None]) -> str:
    """Returns what the test itself says of a failed assertion: `assert it, "why"`."""
    if call.excinfo is None or not call.excinfo.errisinstance(AssertionError):
        return ""
    text = str(call.excinfo.value)
    return "" if text.startswith("assert ") else text.partition("\nassert ")[0]


def _failure(
    item: pytest.Item,
    outcome: Outcome,
    trial: Trial | None,
    call: pytest.CallInfo[None],
    steps: Sequence[str],
) -> str:
    function = getattr(item, "function", None)
    place = frames.assertion(call.excinfo) if call.excinfo else frames.declaration(function)
    store = f"--claims-store={item.config.stash[_SUITE].settings.store}"
    return failure.text(
        outcome,
        place=place,
        why=_why(call),
        evidence=[str(e) for e in trial.evidence] if trial else [],
        steps=steps,
        command=f"{outcome.command} {shlex.quote(store)}",
        width=_columns(item.config),
    )


def _columns(config: pytest.Config) -> int:
    """Returns how wide the terminal is that the controller writes to."""
    worker = getattr(config, "workerinput", None)
    if worker:
        return int(worker["bnclaims_columns"])
    reporter = config.pluginmanager.getplugin("terminalreporter")
    return int(reporter._tw.fullwidth) if reporter else shutil.get_terminal_size().columns


def _properties(outcome: Outcome) -> list[tuple[str, object]]:
    """Returns what JUnit's XML says of a claim."""
    properties: list[tuple[str, object]] = [("claim", outcome.id), ("verdict", outcome.verdict)]
    if found := outcome.deciding:
        names = ("estimate", "low", "high", "seeds", "p")
        properties += [(name, getattr(found, name)) for name in names]
    return properties
