"""The end of a session: its results, and the report of them."""

import contextlib
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bnclaims.errors import BnclaimsError
from bnclaims.language.figure import Drawing, Figure
from bnclaims.reporting import report, wire
from bnclaims.reporting.results import ClaimResult, ReferenceRecord, Results
from bnclaims.session.hooks import listed
from bnclaims.session.listener import Reached
from bnclaims.session.suite import Suite
from bnclaims.statistics.design import Open


@dataclass
class Ending:
    """What is left of a session when its tests are done."""

    results: Results
    folder: Path | None
    """Where the report goes; None for no report."""
    page: Path | None = None
    """The report's page, once it is written."""
    problems: list[str] = field(default_factory=list)
    """What went wrong on the way, a line each."""

    @classmethod
    def of(
        cls,
        reached: Reached,
        config: pytest.Config,
        suite: Suite,
        reference: ReferenceRecord | None = None,
        *,
        draw: bool = True,
    ) -> "Ending":
        """Returns the end of a session, with its report written.

        Args:
            reached: What its claims came to.
            config: Pytest's.
            suite: Its settings, its backend and its runs.
            reference: What came of a comparison with a reference; None without one.
            draw: Whether the report has figures; they need data, which nobody may have found yet.
        """
        figures, problems = _figures(config, suite) if draw else ([], [])
        results = _results(reached, suite, figures, reference)
        ending = cls(results, suite.settings.report, problems=problems)
        ending.write()
        return ending

    @property
    def exit_status(self) -> int:
        """With which status pytest ends: not with success where a report is wanted and failed."""
        return self.results.session.exit_status

    def write(self) -> None:
        """Writes the report, where one is wanted; if that fails, success becomes a failure."""
        if self.folder is None:
            return
        try:
            self.page = report.write(self.results, self.folder)
        except Exception as error:  # noqa: BLE001  (whatever a picture meets, verdicts are reported)
            known = isinstance(error, OSError | BnclaimsError)
            kind = "" if known else f"{type(error).__name__}: "
            kept = "; the report there is as it was" if report.is_in(self.folder) else ""
            self.problems.append(f"cannot write the report to {self.folder}: {kind}{error}{kept}")
            if self.exit_status == pytest.ExitCode.OK:
                self._end_with(pytest.ExitCode.TESTS_FAILED)
                self.problems.append("the session fails, as it has no report: exit status 1")

    def settle(self, exit_status: int) -> None:
        """Has the report say with which status pytest ends, after other plugins' last word."""
        if exit_status != self.exit_status:
            self._end_with(exit_status)
            self.write()

    def _end_with(self, exit_status: int) -> None:
        session = dataclasses.replace(self.results.session, exit_status=int(exit_status))
        self.results = dataclasses.replace(self.results, session=session)


def foretell(reached: Reached, suite: Suite) -> None:
    """Has an older report say that this session has not ended, as it may be killed.

    Args:
        reached: What its claims have come to, which is nothing yet.
        suite: Its settings, and where its report goes.
    """
    folder = suite.settings.report
    if folder is not None and report.is_in(folder):
        with contextlib.suppress(Exception):  # its end says so, too
            report.write(_results(reached, suite), folder)


def claims_before(config: pytest.Config, folder: Path | None) -> dict[str, str]:
    """Returns the claims of an older report, as far as the session was asked for their files.

    A session that ended before it knew its own claims has not verified these.

    Args:
        config: Of the session.
        folder: Where the report is; None for none.

    Returns:
        Their names, by test.
    """
    if folder is None:
        return {}
    try:
        before = wire.read(folder)
    except (BnclaimsError, OSError):
        return {}
    here = config.invocation_params.dir
    asked = [(here / argument.partition("::")[0]).resolve() for argument in config.args]

    def is_asked_for(test: str) -> bool:
        file = (config.rootpath / test.partition("::")[0]).resolve()
        return any(file.is_relative_to(place) for place in asked)

    return {claim.test: claim.id for claim in before.claims if is_asked_for(claim.test)}


def _results(
    reached: Reached,
    suite: Suite,
    figures: Sequence[Drawing] = (),
    reference: ReferenceRecord | None = None,
) -> Results:
    return report.results_of(
        ClaimResult.beside(reached.outcomes, e_values=suite.settings.design.name == Open.name),
        reached.errors,
        session=reached.session,
        figures=figures,
        protocol=suite.settings.protocol,
        design=suite.settings.design,
        versions={"backend": suite.backend.name, **suite.backend.versions},
        fingerprint=_fingerprint(reached, suite),
        reference=reference,
    )


def _fingerprint(reached: Reached, suite: Suite) -> str:
    """Returns that of the images; '' where no claim measured anything, so that nobody has any."""
    return suite.source.fingerprint if any(o.measured for o in reached.outcomes) else ""


def _figures(config: pytest.Config, suite: Suite) -> tuple[list[Drawing], list[str]]:
    """Returns what the declared figures show whose runs are stored, and what went wrong."""
    if not config.hook.pytest_claims_figures.get_hookimpls():
        return [], []  # nobody asks for images, which might have to be fetched
    try:
        trial = suite.trial(tracing=True)
        answers = config.hook.pytest_claims_figures(
            train=suite.train(trial), probe=suite.probe(trial)
        )
        declared = listed("pytest_claims_figures", answers, Figure)
        figures = [suite.drawn(figure) for figure in declared]
    except BaseException as error:  # noqa: BLE001  (whatever a conftest does, verdicts are reported)
        known = isinstance(error, BnclaimsError)
        return [], [f"no figures in the report: {error if known else repr(error)}"]
    return [figure for figure in figures if figure is not None], []
