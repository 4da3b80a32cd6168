"""Judgement: from the numbers of some seeds to a verdict, and to what is said beside it.

The rule: take an interval for the contrast's mean whose error is controlled over all looks.
Supported: the interval lies in the claim's region. Refuted: it lies outside. Otherwise undecided.
An endpoint has no mean; its number is the share of the seeds in which the comparison holds, and
its region what is more than half.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

from bnclaims.language.bounds import ANYTHING, Limits, Values
from bnclaims.language.finding import Finding, Look, Region, Share, Verdict, finite, with_unit
from bnclaims.language.sample import Endpoint, Part
from bnclaims.statistics import contrasts, futility, planning
from bnclaims.statistics.design import Design, decisions, lowest_share

POWERS = (0.80, 0.95)
"""For how much power an inconclusive verdict says the seeds that it would take."""


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
        with _as_usual():
            if support.adjusted_share_p(hits, look) <= support.level(look):
                return "supported"
            refuted = refute.adjusted_share_p(misses, look) <= refute.level(look)
            return "refuted" if refuted else "inconclusive"
    is_last = look == len(support.looks) - 1
    faces = part.faces(count)
    with _as_usual():
        t = np.array([_edge_t(face, closed=part.closed, is_last=is_last) for face in faces])
        decision = int(decisions(t, support.critical(look), refute.critical(look)))
    return "supported" if decision > 0 else "refuted" if decision < 0 else "inconclusive"


def chances(part: Part, look: int, support: Design, refute: Design) -> tuple[float, float]:
    """Returns the chances that later looks support an undecided part, and that they refute it.

    Args:
        part: As for `judged`.
        look: As for `judged`, not the last one.
        support: As for `judged`.
        refute: As for `judged`.
    """
    with _as_usual():
        count = support.looks[look]
        if isinstance(part.contrast, Endpoint):
            return futility.chances_of_share(*part.hits(count), look, support, refute)
        faces = np.stack(part.faces(count))
        if any(contrasts.is_constant(face) for face in faces):
            return 1.0, 1.0  # equal values may yet decide at the last look
        inside, outside = futility.chances_of_mean(
            faces.mean(axis=1),
            faces.std(axis=1, ddof=1),
            look,
            support,
            refute,
            margin_is_fixed=part.margin is None or not part.margin.sources,
        )
        return float(inside), float(outside)


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
    with _as_usual():
        return find(part, verdict, look, support, refute)


def _as_usual() -> np.errstate:
    """Returns NumPy's own settings: a conftest.py may have NumPy raise, for code of its own."""
    return np.errstate(divide="warn", over="warn", under="ignore", invalid="warn")


def explained(finding: Finding, last: int) -> str:
    """Returns a finding in words, some lines.

    Args:
        finding: What to explain.
        last: Seeds of the last look.
    """
    number = "{:.4g} [{:.4g}, {:.4g}]".format(finding.estimate, *finding.ends)
    lines = [
        f"{finding.verdict}: {finding.contrast} = {number}, claimed {finding.claimed}",
        f"  {finding.seeds} of at most {last} seeds, {_tested(finding)}",
        *_details(finding),
    ]
    lines += _unseen(finding)
    if finding.disagrees:
        lines.append("  the t test and the sign-flip test disagree: look at the seeds one by one")
    if finding.verdict == "inconclusive":
        lines.append(f"  {_outlook(finding)}")
    return "\n".join(lines)


def _tested(finding: Finding) -> str:
    if finding.p is None or finding.nominal_p is None:
        return "all seeds gave the same value, so no test was needed"
    p = f"p = {finding.p:.2g} adjusted for repeated looks ({finding.nominal_p:.2g} nominal"
    return p + (")" if finding.sign_flip_p is None else f", {finding.sign_flip_p:.2g} sign-flip)")


def _outlook(finding: Finding) -> str:
    """Returns what an undecided claim would take."""
    eighty, ninety_five = (f"{n}" if n else "more than 100,000" for n in finding.needed)
    return (
        _seen(finding)
        + f"at the estimate, {eighty} seeds give 80% power and {ninety_five} give 95%"
    )


def _seen(finding: Finding) -> str:
    """Returns what these looks would see of a mean's distance from the edge; '' for a share."""
    if finding.kind == "share":
        return ""
    if finding.detectable is None:
        return (
            "within so narrow a margin, or at so small an alpha, these looks cannot reach "
            "80% power; "
        )
    return (
        f"these looks detect a distance of {finding.with_unit(f'{finding.detectable:.2g}')} from "
        "the edge with 80% power; "
    )


def _details(finding: Finding) -> list[str]:
    details = []
    if finding.effect is not None:
        ends = (finding.effect_low, finding.effect_high)
        known = "" if None in ends else " [{:.2f}, {:.2f}]".format(*ends)
        details.append(f"standardised effect from the edge {finding.effect:.2f}{known}")
    if finding.correlation is not None:
        details.append(f"the two sides correlate {finding.correlation:.2f} over seeds")
    if finding.page_p is not None:
        details.append(f"Page's trend test p = {finding.page_p:.2g}")
    share = finding.share
    if finding.kind == "mean":
        details.append(
            f"holds in {share.estimate:.0%} of seeds [{share.low:.0%}, {share.high:.0%}]"
        )
    if finding.unknown:
        details.append(f"{finding.unknown} seeds are censored by their budget")
    return [f"  {', '.join(details)}"] if details else []


def _unseen(finding: Finding) -> list[str]:
    """Returns what seeds that fail as none of these did would do to a supported mean."""
    if finding.turns_at is None:
        return []
    behind = finding.with_unit(f"{finding.turns_at:.2g}")
    unseen = (
        f"up to {contrasts.unseen_share(finding.seeds):.0%} of seeds may fail (95% confidence, as "
        f"none of {finding.seeds} did); so many failures, each by {behind}, would overturn the "
        "claim"
    )
    return [f"  {unseen}"]


def _edge_t(face: Values, *, closed: bool, is_last: bool) -> float:
    if not contrasts.is_constant(face):
        return contrasts.t_statistic(face)
    # A few equal values say nothing of a rare other one: they decide when no more will come.
    if not is_last:
        return 0.0
    # An edge is inside a closed region only.
    inside = face[0] >= 0 if closed else face[0] > 0
    return math.inf if inside else -math.inf


def _found_mean(
    part: Part, verdict: Verdict, look: int, support: Design, refute: Design
) -> Finding:
    count = support.looks[look]
    faces = part.faces(count)
    nearest = min(faces, key=contrasts.t_statistic)
    outside = verdict == "refuted" or (verdict == "inconclusive" and nearest.mean() < 0)
    sign, design = (-1.0, refute) if outside else (1.0, support)
    exact = contrasts.is_constant(nearest)
    adjusted = design.adjusted_p(sign * contrasts.t_statistic(nearest), look)
    sign_flip = contrasts.sign_flip_p(sign * nearest)
    values, region, text = _shown(part, nearest, count)
    looks = _looks(design, look, _interval_of_mean(part, values, design), values)
    # The deviation of what differs by rounding alone is none to measure by.
    effect = contrasts.standardised_effect(np.full(count, nearest[0]) if exact else nearest)
    deviation = float(nearest.std(ddof=1))
    return Finding(
        kind="mean",
        verdict=verdict,
        contrast=text,
        estimate=looks[-1].estimate,
        low=looks[-1].low,
        high=looks[-1].high,
        region=region,
        unit=part.unit,
        seeds=count,
        p=None if exact else _undivided(adjusted, support, design),
        nominal_p=None if exact else float(contrasts.nominal_p(sign * nearest)),
        sign_flip_p=None if exact else float(sign_flip),
        share=_share_inside(part, faces, design, look),
        turns_at=_turns_at(nearest) if verdict == "supported" else None,
        disagrees=(
            verdict != "inconclusive"
            and not exact
            and contrasts.sign_flip_disagrees(sign_flip, count)
        ),
        effect=finite(effect.g),
        effect_low=finite(effect.low),
        effect_high=finite(effect.high),
        correlation=_correlation(part, count),
        page_p=_page_p(part, sign, count),
        unknown=0,
        detectable=_detectable(part, deviation, support),
        needed=_needed(faces, deviation, design),
        values=tuple(map(finite, values)),
        looks=looks,
    )


def _interval_of_mean(
    part: Part, values: Values, design: Design
) -> Callable[[int, int], tuple[float, float]]:
    """Returns what gives the interval of a look, by the look and its number of seeds."""
    least, most = _limits(part)

    def interval(k: int, n: int) -> tuple[float, float]:
        decides = k == len(design.looks) - 1 or not contrasts.is_constant(values[:n])
        low, high = contrasts.interval(values[:n], design.critical(k) if decides else math.inf)
        return max(low, least), min(high, most)

    return interval


def _share_inside(part: Part, faces: Sequence[Values], design: Design, look: int) -> Share:
    """Returns the share of all seeds that are in the region, each by itself."""
    least = np.min(faces, axis=0)
    inside = least >= 0 if part.closed else least > 0
    return _share(design, look, int(np.count_nonzero(inside)), int(np.count_nonzero(~inside)))


def _turns_at(nearest: Values) -> float:
    """Returns by how much seeds that fail as none of these did would have to fall behind."""
    return float(nearest.mean()) / contrasts.unseen_share(len(nearest))


def _correlation(part: Part, count: int) -> float | None:
    """Returns how the two sides of a difference correlate over the seeds; None for others."""
    if part.contrast.sides is None:
        return None
    one, other = part.contrast.sides
    return finite(contrasts.correlation(one.values(count), other.values(count)))


def _needed(
    faces: Sequence[Values], deviation: float, design: Design
) -> tuple[int | None, int | None]:
    """Returns how many seeds give each of the powers, were the estimate true."""
    distances = _distances(faces, deviation)
    fewer, more = (planning.seeds_for_distances(distances, design, power) for power in POWERS)
    return fewer, more


def _looks(
    design: Design, last: int, interval: Callable[[int, int], tuple[float, float]], values: Values
) -> tuple[Look, ...]:
    """Returns the looks up to one, with the mean and the interval of each."""
    seen = enumerate(design.looks[: last + 1])
    return tuple(Look(n, float(values[:n].mean()), *map(finite, interval(k, n))) for k, n in seen)


def _detectable(part: Part, deviation: float, design: Design) -> float | None:
    width = math.inf
    if part.margin is not None and not part.margin.sources and deviation:
        width = 2 * part.margin.offset / deviation
    last = len(design.looks) - 1
    distance = planning.detectable_distance(
        design.looks[last], design.critical(last), POWERS[0], width
    )
    return None if distance is None else finite(distance * deviation)


def _share(design: Design, look: int, hits: int, misses: int) -> Share:
    """Returns the share of all seeds that hit, with its repeated interval."""
    low, high = lowest_share(design, hits, look), 1 - lowest_share(design, misses, look)
    return Share(hits / design.looks[look], low, high)


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
    holds = part.holds(count)
    hits, misses = part.hits(count)
    outside = verdict == "refuted" or (verdict == "inconclusive" and misses > hits)
    counted, design = (misses, refute) if outside else (hits, support)

    def interval(k: int, n: int) -> tuple[float, float]:
        hits, misses = part.hits(n)
        return lowest_share(design, hits, k), 1 - lowest_share(design, misses, k)

    looks = _looks(design, look, interval, np.where(np.isnan(holds), 0.0, holds))
    share = max(hits, misses) / count
    return Finding(
        kind="share",
        verdict=verdict,
        contrast=with_unit(f"share of seeds in which {part}", part.unit),
        estimate=looks[-1].estimate,
        low=looks[-1].low,
        high=looks[-1].high,
        region=Region(0.5, None),
        unit="of seeds",
        seeds=count,
        p=_undivided(design.adjusted_share_p(counted, look), support, design),
        nominal_p=float(contrasts.binomial_p(counted, count)),
        sign_flip_p=None,
        share=_share(design, look, hits, misses),
        turns_at=None,
        disagrees=False,
        effect=None,
        effect_low=None,
        effect_high=None,
        correlation=None,
        page_p=None,
        unknown=count - hits - misses,
        detectable=None,
        needed=(
            planning.seeds_for_share(share, design, POWERS[0]),
            planning.seeds_for_share(share, design, POWERS[1]),
        ),
        values=tuple(map(finite, holds)),
        looks=looks,
    )


def _undivided(p: float, whole: Design, part: Design) -> float:
    """Returns a p-value at a part's alpha on the scale of the whole alpha."""
    return float(min(1.0, p * whole.alpha / part.alpha))


def _page_p(part: Part, sign: float, count: int) -> float | None:
    if not part.levels:
        return None
    levels = np.stack([level.values(count) for level in part.levels], axis=1)
    return finite(contrasts.page_p(sign * levels))


def _shown(part: Part, nearest: Values, count: int) -> tuple[Values, Region, str]:
    """Returns values, region and text: of the contrast where the region is fixed."""
    if part.margin is not None and part.margin.sources:
        return nearest, Region(0.0, None), f"{part.margin} - |{part.contrast}|"
    offset = part.contrast.offset
    values = part.contrast.values(count) - offset
    edge = 0.0 - float(offset)  # never a negative zero
    return values, _region(part, edge), part.contrast.text


def _limits(part: Part) -> Limits:
    """Returns between what the mean that is shown must lie, whatever the runs."""
    if part.margin is not None and part.margin.sources:
        return ANYTHING
    low, high = part.contrast.limits
    return low - part.contrast.offset, high - part.contrast.offset


def _region(part: Part, edge: float) -> Region:
    if part.margin is not None:
        margin = float(part.margin.offset)
        return Region(edge - margin, edge + margin)
    return Region(None, edge) if part.where == "below" else Region(edge, None)
