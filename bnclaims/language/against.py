"""A metric against its values in an earlier release: as before, better, worse, or not decided.

The same seeds are trained again, so that the change from one release to the other is known seed by
seed. That its mean lies within a margin is an equivalence like any other. All changes of a session
are one conjunction: each is *as before* at alpha, and that any of them is not, though nothing
changed, has a probability of alpha at most. See docs/reference.md.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

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


def against(
    measured: Measured, before: Values, margin: float, trial: Trial, changes: int
) -> Comparison:
    """Compares a metric with its earlier values, training what that needs.

    It looks when the design says, with the design's boundaries, as far as there are earlier values.
    How many there are may have depended on what they were: who stops early for any reason only
    gives away what later looks might have shown.

    Args:
        measured: The metric.
        before: Its earlier values, of the first seeds on, one a seed.
        margin: How large a mean change does not matter, in the metric's units.
        trial: What trains, and the design.
        changes: How many metrics are compared in all.
    """
    design = trial.design
    looks = [seeds for seeds in design.looks if seeds <= len(before)]
    if not looks:
        return Comparison(
            "not compared",
            problem=f"the reference has {len(before)} seeds, and the first look takes "
            f"{design.looks[0]}",
        )
    change = Part(_change(measured, before), "near", as_sample(margin))
    # Each of the changes has two edges, and crossing any of them calls the release changed. Where
    # it is not, a toss-up could say which of a seed's runs is the new one: changes are symmetric.
    designs = design, design.for_symmetric().with_alpha(design.alpha / (2 * changes))
    verdict: Verdict = "inconclusive"
    try:
        for look, (start, stop) in enumerate(pairwise((0, *looks))):
            trial.train_to(change.sources, start, stop)
            verdict = judged(change, look, *designs)
            if verdict != "inconclusive" or _is_hopeless(change, look, *designs):
                break
        if verdict == "inconclusive" and contrasts.is_constant(change.contrast.values(stop)):
            # Equal values decide when no more will come, and the reference has no more.
            designs = designs[0].ending_at(look), designs[1].ending_at(look)
            verdict = judged(change, look, *designs)
        finding = found(change, verdict, look, *designs)
    except NotFiniteError as error:
        return Comparison("undecided", problem=str(error))
    return Comparison(_status(finding, measured.better), finding)


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


def _is_hopeless(change: Part, look: int, support: Design, refute: Design) -> bool:
    """Says whether a verdict by the last look is too unlikely to go on."""
    if look == len(support.looks) - 1:
        return True
    return math.fsum(chances(change, look, support, refute)) < support.futility


def _status(finding: Finding, better: Better) -> Status:
    if finding.verdict != "refuted":
        return "as before" if finding.verdict == "supported" else "undecided"
    if not better:
        return "changed"
    return "better" if (finding.estimate < 0) == (better == "lower") else "worse"
