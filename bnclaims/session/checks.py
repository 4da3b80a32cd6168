"""Checks: is training as it was in the release that a reference was frozen from?

Each metric of the reference makes a test of its own, behind the claims. What it is of, the claims
name: they are traced, and the arm and the metric found that the reference means.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bnclaims.errors import BnclaimsError, ResultsError
from bnclaims.language.against import Comparison, against
from bnclaims.language.evidence import Measured
from bnclaims.language.judgement import explained
from bnclaims.language.tracing import Trace
from bnclaims.reporting import reference
from bnclaims.reporting.checked import change_text
from bnclaims.reporting.reference import Key, Reference, ReferenceMetric
from bnclaims.reporting.results import Check, Outcome, ReferenceRecord
from bnclaims.session.options import Settings
from bnclaims.session.suite import Suite


class NotAsBeforeError(Exception):
    """A metric is worse than it was, or whether it is could not be decided."""


class Checks:
    """The comparisons of a session with a reference.

    Args:
        reference: What the session is compared with.
        suite: The session's claims.
    """

    def __init__(self, reference: Reference, suite: Suite) -> None:
        self.reference = reference
        self._suite = suite
        self._found: dict[Key, dict[Callable[..., float], Measured]] = {}
        self._names: dict[str, set[str]] = {}
        """What claims name, and the recipes of the arms they mean by it."""

    def look_for(self, traces: Iterable[Trace], wanted: Iterable[ReferenceMetric]) -> None:
        """Finds what is to be compared in the traces of claims.

        Args:
            traces: Of all claims that were collected.
            wanted: The metrics whose tests are selected.
        """
        for measured in (item for trace in traces for item in trace.measured if item.compares):
            self._found.setdefault(_key(measured), {}).setdefault(measured.function, measured)
            self._names.setdefault(measured.sample.text, set()).add(measured.runs.arm.recipe)
        found = [next(iter(self._found[m.key].values())) for m in wanted if m.key in self._found]
        self._suite.checked = list(dict.fromkeys(measured.runs for measured in found))

    def compared(self, metric: ReferenceMetric) -> Comparison:
        """Returns what a metric of the reference has come to, training what that needs."""
        if metric.key not in self._found:
            return Comparison("not compared", problem=self._why_missing(metric))
        measured, *namesakes = self._found[metric.key].values()
        comparison = against(
            measured,
            np.array(metric.values),
            metric.margin,
            self._suite.trial(),
            len(self.reference.metrics),
        )
        if comparison.finding and _differ(measured, namesakes, comparison.finding.seeds):
            problem = f"two metrics here are called {metric.metric}: rename one of them"
            return Comparison("undecided", problem=problem)
        return comparison

    def _why_missing(self, metric: ReferenceMetric) -> str:
        recipes = self._names.get(metric.name)
        if recipes is None:
            return "no claim that was collected here names it"
        if metric.recipe in recipes:
            return f"claims name it with other seeds now than those from {metric.first_seed} on"
        return "the arm is another one now: its model, or how it is trained, has changed"


class CheckFile(pytest.File):
    """The reference as a file of tests."""

    def collect(self) -> Iterator["CheckItem"]:
        """Returns a test for each metric."""
        for name, metric in self.config.stash[CHECKS].reference.named.items():
            yield CheckItem.from_parent(self, name=name, metric=metric)


class CheckItem(pytest.Item):
    """The test of whether a metric is as it was."""

    def __init__(self, *, metric: ReferenceMetric, **about: Any) -> None:
        super().__init__(**about)
        self.metric = metric
        self.check: Check | None = None
        """What it came to, once it has run."""

    def runtest(self) -> None:
        """Compares; fails where a metric is worse, or whether it is remains open."""
        comparison = self.config.stash[CHECKS].compared(self.metric)
        self.check = self._check(comparison)
        if self.check.status == "not compared":
            pytest.skip(self.check.problem)
        if not self.check.is_fine:
            raise NotAsBeforeError("\n".join(self._told(self.check)))

    def failed(self, why: str) -> Check:
        """Returns what a test came to that went wrong."""
        return self.check or self._check(Comparison("undecided", problem=why))

    def reportinfo(self) -> tuple[Path, None, str]:
        """Returns where the test is from."""
        return self.path, None, self.name

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Returns what is shown of a failure: the message says it all, where it is ours."""
        if isinstance(excinfo.value, NotAsBeforeError | BnclaimsError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def _check(self, comparison: Comparison) -> Check:
        finding = comparison.finding
        before = np.mean(self.metric.values[: finding.seeds]) if finding else None
        return Check(
            name=self.name,
            status=comparison.status,
            before=None if before is None else float(before),
            unit=self.metric.unit,
            finding=finding,
            problem=comparison.problem,
        )

    def _told(self, check: Check) -> list[str]:
        """Returns what a failure says, a line each."""
        lines = [f"{check.status}: {check.name}", f"  {change_text(check)}"]
        if check.finding is not None:
            seeds = len(self.metric.values)
            lines += explained(check.finding, seeds).splitlines()[1:]
        advice = (
            "more seeds may decide, or another margin: freeze a reference of a session with one "
            "late look, as in --claims-looks=20 or 40"
            if check.status == "undecided"
            else f"if it is meant to be so, freeze a new {self.path.name} of this session's report"
        )
        return [*lines, f"  {advice}"]


CHECKS = pytest.StashKey[Checks]()


def opened(settings: Settings) -> Reference | None:
    """Returns the reference that a session is compared with, if there is one.

    Raises:
        pytest.UsageError: It cannot be read, or was measured under another protocol.
    """
    path = settings.reference
    if path is None:
        return None
    try:
        found = reference.read(path)
    except ResultsError as error:
        raise pytest.UsageError(str(error)) from None
    except OSError as error:
        raise pytest.UsageError(f"--claims-reference={path}: {error.strerror}") from None
    theirs, ours = found.protocol, settings.protocol
    if (theirs.name, theirs.images, theirs.epochs) != (ours.name, ours.images, ours.epochs):
        choice = f"give --claims-protocol={theirs.name}, or " if theirs.name != ours.name else ""
        raise pytest.UsageError(
            f"{path} is of the {theirs.name} protocol ({theirs.size}), and this session trains "
            f"under {ours.name} ({ours.size}): {choice}freeze a reference of this protocol"
        )
    return found


def check_data(found: Reference, suite: Suite) -> None:
    """Refuses other images than the reference's.

    Raises:
        pytest.UsageError: These are others.
    """
    if found.fingerprint and suite.source.fingerprint != found.fingerprint:
        raise pytest.UsageError(
            f"{suite.settings.reference} is of other images ({found.data}) than this session's "
            f"({suite.source.note}): choose them by --claims-data, or freeze a reference of these"
        )


def collected(session: pytest.Session, path: Path) -> list[CheckItem]:
    """Returns the tests that a reference makes."""
    file = CheckFile.from_parent(session, path=path.absolute())
    return list(file.collect())


def record_of(
    found: Reference, path: Path, checks: Mapping[str, Check], outcomes: Iterable[Outcome]
) -> ReferenceRecord:
    """Returns what came of the comparison with a reference.

    Args:
        found: The reference.
        path: Its file.
        checks: What its tests came to, by name, as far as they ran.
        outcomes: Of the session's claims.
    """

    def unreached(name: str, metric: ReferenceMetric) -> Check:
        why = "its test was not selected, or not reached"
        return Check(name, "not compared", None, metric.unit, None, why)

    return ReferenceRecord(
        file=path.name,
        created=found.created,
        versions=found.versions,
        checks=tuple(
            checks.get(name) or unreached(name, metric) for name, metric in found.named.items()
        ),
        unknown=reference.unknown_to(found, tuple(outcomes)),
    )


def _differ(measured: Measured, namesakes: Iterable[Measured], seeds: int) -> bool:
    """Says whether metrics of one name and arm have different values."""
    values = measured.sample.values(seeds)
    return any(not np.array_equal(other.sample.values(seeds), values) for other in namesakes)


def _key(measured: Measured) -> Key:
    runs = measured.runs
    return Key(runs.arm.recipe, runs.first_seed, measured.name, measured.arguments)
