"""Judgement: from the numbers of some seeds to a verdict, and to what is said beside it.

The rule: take an interval for the contrast's mean whose error is controlled over all looks.
Supported: the interval lies in the claim's region. Refuted: it lies outside. Otherwise undecided.
An endpoint has no mean; its number is the share of the seeds in which the comparison holds, and
its region what is more than half.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bnclaims.language.bounds import Values
from bnclaims.language.sample import Endpoint, Part
from bnclaims.statistics import contrasts, planning
from bnclaims.statistics.design import Design, decisions, lowest_share

Verdict = Literal["supported", "refuted", "inconclusive"]

POWERS = (0.80, 0.95)
"""For how much power an inconclusive verdict says the seeds that it would take."""


@dataclass(frozen=True)
class Look:
    """What one look saw."""

    seeds: int
    estimate: float
    low: float
    """Lower end of the repeated interval."""
    high: float
    """Upper end."""


@dataclass(frozen=True)
class Finding:
    """What one part of a claim came to. NaN, or None, is what does not exist for it."""

    verdict: Verdict
    contrast: str
    estimate: float
    low: float
    """Lower end of the repeated interval of the mean, in the metric's units; or of the share."""
    high: float
    """Upper end."""
    region: tuple[float, float]
    """Where the mean, or the share, has to lie for the claim to hold."""
    seeds: int
    p: float
    """Look-adjusted p of the verdict's direction, or, undecided, of the estimate's."""
    nominal_p: float
    """The same look's p as if it were the only one."""
    sign_flip_p: float
    """Exact sign-flip p of the same direction."""
    effect: float
    """Standardised effect with Hedges' correction, from the region's nearest edge."""
    effect_low: float
    """Lower end of its 95% interval, as if this look were the only one."""
    effect_high: float
    """Upper end."""
    correlation: float
    """Between the two sides, over the seeds."""
    page_p: float
    """Page's p of a trend's levels, in the claimed direction, as if this look were the only one."""
    unknown: int
    """Seeds that an endpoint's bounds leave open."""
    detectable: float
    """Smallest distance from the edge that these looks would detect with 80% power; infinite where
    a region is too narrow for any."""
    needed: tuple[int | None, ...]
    """Seeds for 80% and 95% power, were the estimate true; None if out of reach."""
    values: tuple[float, ...]
    """The contrast seed by seed; for a share 1 where it holds, 0 where not, NaN where unknown."""
    looks: tuple[Look, ...]
    """The looks up to this one."""

    @property
    def disagrees(self) -> bool:
        """Says whether the sign-flip test would not have decided as t did."""
        decided = self.verdict != "inconclusive" and not self.is_exact
        return decided and contrasts.sign_flip_disagrees(self.sign_flip_p, self.seeds)

    @property
    def is_exact(self) -> bool:
        """Says whether all seeds gave the same value, which then decides without any test."""
        return self.low == self.high


def judged(part: Part, look: int, support: Design, refute: Design) -> Verdict:
    """Returns a part's verdict at a look.

    Args:
        part: What is claimed.
        look: Index of the look, from 0.
        support: The design at the alpha of supporting.
        refute: The design at the alpha of refuting an edge.

    Raises:
        NotFiniteError: A metric has no value for some run.
    """
    count = support.looks[look]
    if isinstance(part.contrast, Endpoint):
        hits, misses = part.hits(count)
        if support.adjusted_share_p(hits, look) <= support.level(look):
            return "supported"
        refuted = refute.adjusted_share_p(misses, look) <= refute.level(look)
        return "refuted" if refuted else "inconclusive"
    t = np.array([_edge_t(face, closed=part.closed) for face in part.faces(count)])
    decision = int(decisions(t, support.critical(look), refute.critical(look)))
    return "supported" if decision > 0 else "refuted" if decision < 0 else "inconclusive"


def found(part: Part, verdict: Verdict, look: int, support: Design, refute: Design) -> Finding:
    """Returns what a part came to at the look that settled it, or at the last one.

    Args:
        part: As for `judged`.
        verdict: What it came to.
        look: As for `judged`.
        support: As for `judged`.
        refute: As for `judged`.

    Raises:
        NotFiniteError: A metric has no value for some run.
    """
    find = _found_share if isinstance(part.contrast, Endpoint) else _found_mean
    return find(part, verdict, look, support, refute)


def explained(finding: Finding, last: int) -> str:
    """Returns a finding in words, some lines.

    Args:
        finding: What to explain.
        last: Seeds of the last look.
    """
    interval = f"[{finding.low:.4g}, {finding.high:.4g}]"
    claimed = f"claimed {_claimed(*finding.region)}"
    lines = [
        f"{finding.verdict}: {finding.contrast} = {finding.estimate:.4g} {interval}, {claimed}",
        f"  {finding.seeds} of at most {last} seeds, {_tested(finding)}",
        *_details(finding),
    ]
    if finding.disagrees:
        lines.append("  the t test and the sign-flip test disagree: look at the seeds one by one")
    if finding.verdict == "inconclusive":
        lines.append(f"  {_outlook(finding)}")
    return "\n".join(lines)


def _tested(finding: Finding) -> str:
    if finding.is_exact:
        return "all of the same value: it decides by itself, without a test or an error rate"
    p = f"p = {finding.p:.2g} adjusted for looks ({finding.nominal_p:.2g} nominal"
    return p + (
        ")" if math.isnan(finding.sign_flip_p) else f", {finding.sign_flip_p:.2g} sign-flip)"
    )


def _outlook(finding: Finding) -> str:
    """Returns what an undecided claim would take."""
    eighty, ninety_five = (f"{n}" if n else "more than 100,000" for n in finding.needed)
    seen = f"these looks see a distance of {finding.detectable:.2g} from the edge with 80% power; "
    if math.isinf(finding.detectable):
        seen = (
            "within so narrow a margin, or at so small an alpha, these looks see nothing with 80% "
            "power; "
        )
    return (
        ("" if math.isnan(finding.detectable) else seen)
        + f"for what was measured it would take {eighty} seeds (80%) or {ninety_five} (95%): "
        "raise --claims-looks"
    )


def _details(finding: Finding) -> list[str]:
    details = []
    if not math.isnan(finding.effect):
        ends = f" [{finding.effect_low:.2f}, {finding.effect_high:.2f}]"
        known = "" if math.isnan(finding.effect_low) else ends
        details.append(f"standardised effect from the edge {finding.effect:.2f}{known}")
    if not math.isnan(finding.correlation):
        details.append(f"the two sides correlate {finding.correlation:.2f} over seeds")
    if not math.isnan(finding.page_p):
        details.append(f"Page's trend test p = {finding.page_p:.2g}")
    if finding.unknown:
        details.append(f"{finding.unknown} seeds leave it open within their budget")
    return [f"  {', '.join(details)}"] if details else []


def _claimed(low: float, high: float) -> str:
    if math.isinf(high):
        return f"> {low:.4g}"
    return f"< {high:.4g}" if math.isinf(low) else f"between {low:.4g} and {high:.4g}"


def _edge_t(face: Values, *, closed: bool) -> float:
    # Without any variance the mean is exact, and an edge is inside a closed region only.
    if np.ptp(face) == 0 and face[0] == 0:
        return math.inf if closed else -math.inf
    return contrasts.t_statistic(face)


def _found_mean(
    part: Part, verdict: Verdict, look: int, support: Design, refute: Design
) -> Finding:
    count = support.looks[look]
    faces = part.faces(count)
    nearest = min(faces, key=contrasts.t_statistic)
    outside = verdict == "refuted" or (verdict == "inconclusive" and nearest.mean() < 0)
    sign, design = (-1.0, refute) if outside else (1.0, support)
    exact = bool(np.ptp(nearest) == 0)
    adjusted = design.adjusted_p(sign * contrasts.t_statistic(nearest), look)
    values, region, text = _shown(part, nearest, count)
    looks = _looks(
        design, look, lambda k, n: contrasts.interval(values[:n], design.critical(k)), values
    )
    effect = contrasts.standardised_effect(nearest)
    deviation = float(nearest.std(ddof=1))
    sides = part.contrast.sides
    return Finding(
        verdict=verdict,
        contrast=text,
        estimate=looks[-1].estimate,
        low=looks[-1].low,
        high=looks[-1].high,
        region=region,
        seeds=count,
        p=math.nan if exact else _undivided(adjusted, support, design),
        nominal_p=math.nan if exact else contrasts.nominal_p(sign * nearest),
        sign_flip_p=math.nan if exact else contrasts.sign_flip_p(sign * nearest),
        effect=effect.g,
        effect_low=effect.low,
        effect_high=effect.high,
        correlation=(
            contrasts.correlation(sides[0].values(count), sides[1].values(count))
            if sides
            else math.nan
        ),
        page_p=_page_p(part, sign, count),
        unknown=0,
        detectable=_detectable(part, deviation, count, support.critical(look)),
        needed=tuple(
            planning.seeds_for_distances(_distances(faces, deviation), design, power)
            for power in POWERS
        ),
        values=tuple(values.tolist()),
        looks=looks,
    )


def _looks(
    design: Design, last: int, interval: Callable[[int, int], tuple[float, float]], values: Values
) -> tuple[Look, ...]:
    """Returns the looks up to one, with the mean and the interval of each."""
    seen = enumerate(design.looks[: last + 1])
    return tuple(Look(n, float(values[:n].mean()), *interval(k, n)) for k, n in seen)


def _detectable(part: Part, deviation: float, count: int, critical: float) -> float:
    distance = deviation * planning.detectable_distance(count, critical, POWERS[0])
    # Nothing lies further inside a region than its middle.
    half = math.inf if part.margin is None or part.margin.sources else part.margin.offset
    return distance if distance <= half else math.inf


def _distances(faces: Sequence[Values], deviation: float) -> list[float]:
    """Returns how far inside the region's edges the estimate is, in standard deviations.

    Outside, it is how far from the edge that it crossed.
    """
    means = [float(face.mean()) for face in faces]
    if min(means) < 0:
        means = [-min(means)]
    return [mean / deviation if deviation else math.inf for mean in means]


def _found_share(
    part: Part, verdict: Verdict, look: int, support: Design, refute: Design
) -> Finding:
    count = support.looks[look]
    outcomes = part.outcomes(count)
    hits, misses = part.hits(count)
    outside = verdict == "refuted" or (verdict == "inconclusive" and misses > hits)
    counted, design = (misses, refute) if outside else (hits, support)

    def interval(k: int, n: int) -> tuple[float, float]:
        hits, misses = part.hits(n)
        return lowest_share(design, hits, k), 1 - lowest_share(design, misses, k)

    looks = _looks(design, look, interval, np.where(np.isnan(outcomes), 0.0, outcomes))
    return Finding(
        verdict=verdict,
        contrast=f"share of seeds in which {part}",
        estimate=looks[-1].estimate,
        low=looks[-1].low,
        high=looks[-1].high,
        region=(0.5, math.inf),
        seeds=count,
        p=_undivided(design.adjusted_share_p(counted, look), support, design),
        nominal_p=contrasts.binomial_p(counted, count),
        sign_flip_p=math.nan,
        effect=math.nan,
        effect_low=math.nan,
        effect_high=math.nan,
        correlation=math.nan,
        page_p=math.nan,
        unknown=count - hits - misses,
        detectable=math.nan,
        needed=tuple(
            planning.seeds_for_share(max(hits, misses) / count, design.alpha, power)
            for power in POWERS
        ),
        values=tuple(outcomes.tolist()),
        looks=looks,
    )


def _undivided(p: float, whole: Design, part: Design) -> float:
    """Returns a p-value at a part's alpha on the scale of the whole alpha."""
    return min(1.0, p * whole.alpha / part.alpha)


def _page_p(part: Part, sign: float, count: int) -> float:
    if not part.levels:
        return math.nan
    levels = np.stack([level.values(count) for level in part.levels], axis=1)
    return contrasts.page_p(sign * levels)


def _shown(part: Part, nearest: Values, count: int) -> tuple[Values, tuple[float, float], str]:
    """Returns values, region and text: of the contrast where the region is fixed."""
    if part.margin is not None and part.margin.sources:
        return nearest, (0.0, math.inf), f"{part.margin} - |{part.contrast}|"
    offset = part.contrast.offset
    values = part.contrast.values(count) - offset
    edge = 0.0 - offset  # never a negative zero
    region = (-math.inf, edge) if part.where == "below" else (edge, math.inf)
    if part.margin is not None:
        region = (edge - part.margin.offset, edge + part.margin.offset)
    return values, region, part.contrast.text
