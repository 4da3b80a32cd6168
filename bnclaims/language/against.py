"""A metric against its values in an earlier release: as before, better, worse, or not decided.

The same seeds are trained again, so that the change from one release to the other is known seed by
seed. That its mean lies within a margin is an equivalence like any other. All changes of a session
are one conjunction: each is *as before* at alpha, and that any of them is not, though nothing
changed, has a probability of alpha at most. See docs/reference.md.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from bnclaims.errors import NotFiniteError
from bnclaims.language.bounds import Values
from bnclaims.language.evidence import Measured, Trial
from bnclaims.language.finding import Better, Finding, Status, Verdict
from bnclaims.language.judgement import chances, found, judged
from bnclaims.language.sample import Part, Sample, as_sample
from bnclaims.statistics import contrasts
from bnclaims.statistics.design import Design


@dataclass(frozen=True)
class Comparison:
    """What a metric came to beside its earlier values."""

    status: Status
    finding: Finding | None = None
    """Of the mean change; None where there is no number."""
    problem: str = ""
    """Why there is none."""


@dataclass(frozen=True)
class Decision:
    """How the mean change of a metric was decided."""

    change: Part
    verdict: Verdict
    """*Supported* where it lies within the margin, *refuted* where beyond."""
    look: int
    """The last one taken, from 0."""
    support: Design
    refute: Design

    @property
    def finding(self) -> Finding:
        """What was found."""
        return found(self.change, self.verdict, self.look, self.support, self.refute)


def against(
    measured: Measured, before: Values, margin: float, trial: Trial, changes: int
) -> Comparison:
    """Compares a metric with its earlier values, training what that needs.

    Args:
        measured: The metric.
        before: Its earlier values, of the first seeds on, one a seed.
        margin: How large a mean change does not matter, in the metric's units.
        trial: What trains, and the design.
        changes: How many metrics are compared in all.
    """
    first = trial.design.looks[0]
    if len(before) < first:
        problem = f"the reference has {len(before)} seeds, and the first look takes {first}"
        return Comparison("not compared", problem=problem)
    try:
        finding = decided(measured, before, margin, trial, changes).finding
    except NotFiniteError as error:
        return Comparison("undecided", problem=str(error))
    return Comparison(_status(finding, measured.better), finding)


def decided(
    measured: Measured, before: Values, margin: float, trial: Trial, changes: int
) -> Decision:
    """Decides whether a metric's mean change lies within the margin.

    It looks when the design says, with the design's boundaries, as far as there are earlier values.
    How many there are may have depended on what they were: who stops early for any reason only
    gives away what later looks might have shown.

    Args:
        measured: As for `against`.
        before: As for `against`, at least as many as the first look takes.
        margin: As for `against`.
        trial: As for `against`.
        changes: As for `against`.

    Raises:
        NotFiniteError: The metric has no value for some run.
    """
    change = Part(_change(measured, before), "near", as_sample(margin))
    looks = [seeds for seeds in trial.design.looks if seeds <= len(before)]
    # Each of the changes has two edges, and crossing any of them calls the release changed. Where
    # it is not, a toss-up could say which of a seed's runs is the new one: changes are symmetric.
    support = trial.design
    refute = support.for_symmetric().with_alpha(support.alpha / (2 * changes))
    for look, (start, stop) in enumerate(pairwise((0, *looks))):
        trial.train_to(change.sources, start, stop)
        if _is_settled(change.contrast.values(stop), before[:stop], is_last=stop == looks[-1]):
            support, refute = support.ending_at(look), refute.ending_at(look)
        verdict = judged(change, look, support, refute)
        decision = Decision(change, verdict, look, support, refute)
        if verdict != "inconclusive" or _is_hopeless(decision):
            break
    return decision


def _is_settled(values: Values, before: Values, *, is_last: bool) -> bool:
    """Says whether equal changes decide now: no more will come, or nothing has changed at all.

    Where seeds differ from each other and yet each has the value that it had, the metric is not
    one of few values, which may be the same by chance.
    """
    if not contrasts.is_constant(values):
        return False
    return is_last or (not values.any() and len(np.unique(before)) == len(before))


def _change(measured: Measured, before: Values) -> Sample:
    """Returns by how much the metric is more than before, seed by seed."""
    now = measured.sample
    low, high = now.limits
    earlier = Sample(
        lambda n: before[:n], now.sources, "the reference", limits=now.limits, terms={}
    )
    return Sample(
        lambda n: now.values(n) - earlier.values(n),
        now.sources,
        f"{now.text} - {earlier.text}",
        sides=(now, earlier),
        limits=(low - high, high - low),
        terms={},
        unit=now.unit,
    )


def _is_hopeless(decision: Decision) -> bool:
    """Says whether a verdict by the last look is too unlikely to go on."""
    support, refute = decision.support, decision.refute
    if decision.look == len(support.looks) - 1:
        return True
    return math.fsum(chances(decision.change, decision.look, support, refute)) < support.futility


def _status(finding: Finding, better: Better) -> Status:
    if finding.verdict != "refuted":
        return "as before" if finding.verdict == "supported" else "undecided"
    if not better:
        return "changed"
    return "better" if (finding.estimate < 0) == (better == "lower") else "worse"
