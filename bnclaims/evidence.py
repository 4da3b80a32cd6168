"""Evidence: a comparison of samples, whose truth value is a group-sequential test.

The rule: reduce each seed to a contrast, and take an interval for its mean whose error is
controlled over all looks. Supported: the interval lies in the claim's region. Refuted: it lies
outside. Otherwise more seeds are trained; undecided at the last look is inconclusive.
See docs/statistics.md.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal, cast

import numpy as np

from bnclaims import statistics
from bnclaims.arm import Arm
from bnclaims.boundaries import Design, adjusted_p, critical_values
from bnclaims.history import History
from bnclaims.sample import NotFiniteError, Number, Part, Runs, Sample, Values, as_sample
from bnclaims.schedule import Cohort

Verdict = Literal["supported", "refuted", "inconclusive"]

_POWER = (0.80, 0.95)
"""For how much power an inconclusive verdict says the seeds that it would take."""


class _AnyVerdict(str):
    """What a traced comparison's verdict is: whatever it is compared with, and also not."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str)

    __ne__ = __eq__


_ANY = _AnyVerdict("supported")


class Inconclusive(Exception):  # noqa: N818  (a verdict, not a mistake)
    """The evidence decides neither way at the last look; the message says what it would take."""


@dataclass(frozen=True)
class Finding:
    """What one part of a claim came to."""

    verdict: Verdict
    contrast: str
    estimate: float
    low: float
    """Lower end of the repeated interval of the mean, in the metric's units."""
    high: float
    """Upper end."""
    region: tuple[float, float]
    """Where the mean has to lie for the claim to hold."""
    seeds: int
    p: float
    """Look-adjusted p of the verdict's direction."""
    nominal_p: float
    """The same look's p as if it were the only one."""
    sign_flip_p: float
    """Exact sign-flip p of the same direction."""
    d_z: float
    """Standardised effect with Hedges' correction, from the region's nearest edge."""
    correlation: float
    """Between the two sides, over the seeds; NaN where there are no two sides."""
    detectable: float
    """Smallest distance from the edge that these looks would detect with 80% power."""
    needed: tuple[int | None, ...]
    """Seeds for 80% and 95% power, were the estimate true; None if out of reach."""

    @property
    def disagrees(self) -> bool:
        """Says whether the sign-flip test would not have decided: neither at 5% nor as it can."""
        decided = self.verdict != "inconclusive"
        decided = decided and self.low < self.high  # without variance there is nothing to flip
        return decided and self.sign_flip_p > max(1.01 * 2.0**-self.seeds, 0.05)


@dataclass
class Trial:
    """What a claim's evidence needs to know: the design, the runs, and how much it asserts.

    While tracing nothing trains and every comparison answers true, so that a claim's arms and
    the edges of its regions are known before it runs.
    """

    design: Design
    require: Callable[[Sequence[Cohort]], None]
    load: Callable[[Arm, int], History]
    tracing: bool = False
    edges: int | None = None
    """Over how many edges of regions a refutation's alpha is split; None for an untraced claim."""
    named: list[Runs] = field(default_factory=list)
    """The runs that the claim named."""
    evidence: list["Evidence"] = field(default_factory=list)
    """What it compared, in order."""

    def histories(self, runs: Runs, count: int) -> list[History]:
        """Returns the histories of the first seeds, which the store must hold."""
        return [self.load(runs.arm, seed) for seed in runs.seeds(count)]

    def judge(self, *parts: Part) -> "Evidence":
        """Returns the evidence that all parts hold."""
        evidence = Evidence(parts, self)
        self.evidence.append(evidence)
        return evidence

    def train_to(self, sources: Sequence[Runs], start: int, stop: int) -> None:
        """Has the runs from one look to the next in the store."""
        cohorts = [Cohort(runs.arm, tuple(runs.seeds(stop)[start:])) for runs in sources]
        self.require(cohorts)


class Evidence:
    """A comparison of samples: true when supported, false when refuted.

    Args:
        parts: What must hold together.
        trial: Where its runs come from.

    Raises:
        Inconclusive: On asking for its truth, when the last look decides neither way.
    """

    def __init__(self, parts: Sequence[Part], trial: Trial) -> None:
        self.parts = tuple(parts)
        self.trial = trial
        samples = [s for part in parts for s in (part.contrast, part.margin) if s is not None]
        self.sources = tuple(dict.fromkeys(runs for s in samples for runs in s.sources))
        self.look: int | None = None
        """The look that was the last one needed, from 0; None while nobody has asked."""
        self.problem = ""
        """Why there is no number to judge, where there is none."""
        self._settled: dict[int, tuple[Verdict, int]] = {}
        """Each part's verdict and the look that gave it, where one did."""

    def __bool__(self) -> bool:
        if self.trial.tracing:
            return True
        if self.verdict == "inconclusive":
            raise Inconclusive(str(self))
        return self.verdict == "supported"

    def __repr__(self) -> str:
        return f"<Evidence: {self}>"

    def __str__(self) -> str:
        if self.problem:
            return self.problem
        return "\n".join(explained(f, self.trial.design) for f in self.findings) or "not decided"

    @property
    def verdict(self) -> Verdict:
        """The verdict. Asking for it trains what the design needs, once."""
        if self.trial.tracing:
            return cast(Verdict, _ANY)
        if self.look is None:
            self._decide()
        if self.is_refuted:
            return "refuted"
        return "supported" if len(self._settled) == len(self.parts) else "inconclusive"

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What each part came to; empty while undecided, and where there is a problem."""
        if self.look is None or self.problem:
            return ()
        undecided: tuple[Verdict, int] = ("inconclusive", self.look)
        return tuple(
            self._finding(part, *self._settled.get(number, undecided))
            for number, part in enumerate(self.parts)
        )

    def _decide(self) -> None:
        looks = self.trial.design.looks
        for look, (start, stop) in enumerate(zip((0, *looks), looks, strict=False)):
            self.trial.train_to(self.sources, start, stop)
            self.look = look
            support, refute = self._criticals(look)
            try:
                verdicts = [_judged(part.faces(stop), support, refute) for part in self.parts]
            except NotFiniteError as error:
                self.problem = str(error)
                return
            # A boundary once crossed stays crossed: that is what the alpha was spent on.
            for number, verdict in enumerate(verdicts):
                if verdict != "inconclusive":
                    self._settled.setdefault(number, (verdict, look))
            if self.is_refuted or len(self._settled) == len(self.parts):
                return

    @property
    def is_refuted(self) -> bool:
        """Says whether an edge has been crossed, as far as anybody has asked."""
        return any(verdict == "refuted" for verdict, _ in self._settled.values())

    @property
    def edges(self) -> int:
        """How many edges its regions have: crossing any of them refutes."""
        return sum(part.edges for part in self.parts)

    @property
    def _split_alpha(self) -> float:
        """The alpha of a refutation at each edge."""
        return self.trial.design.alpha / (self.trial.edges or self.edges)

    def _criticals(self, look: int) -> tuple[float, float]:
        """Returns the boundary for supporting and the one for refuting."""
        design = self.trial.design
        return (
            critical_values(design.looks, design.alpha, design.rho)[look],
            critical_values(design.looks, self._split_alpha, design.rho)[look],
        )

    def _finding(self, part: Part, verdict: Verdict, look: int) -> Finding:
        design, split = self.trial.design, self._split_alpha
        count = design.looks[look]
        support, refute = self._criticals(look)
        nearest = min(part.faces(count), key=statistics.t_statistic)
        sign = -1.0 if verdict == "refuted" else 1.0
        critical, alpha = (refute, split) if verdict == "refuted" else (support, design.alpha)
        t = sign * statistics.t_statistic(nearest)
        adjusted = adjusted_p(t, look, design.looks, alpha, design.rho)
        estimate, low, high, region, text = _shown(part, nearest, critical, count)
        deviation = float(nearest.std(ddof=1))
        effect = abs(float(nearest.mean())) / deviation if deviation else math.inf
        sides = part.contrast.sides
        return Finding(
            verdict=verdict,
            contrast=text,
            estimate=estimate,
            low=low,
            high=high,
            region=region,
            seeds=count,
            p=min(1.0, adjusted * design.alpha / alpha),
            nominal_p=statistics.nominal_p(sign * nearest),
            sign_flip_p=statistics.sign_flip_p(sign * nearest),
            d_z=statistics.standardised_effect(nearest).g,
            correlation=(
                statistics.correlation(sides[0].values(count), sides[1].values(count))
                if sides
                else math.nan
            ),
            detectable=deviation * statistics.detectable_effect(count, support, _POWER[0]),
            needed=tuple(
                statistics.seeds_needed(effect, design.alpha, power)
                if math.isfinite(effect)
                else None
                for power in _POWER
            ),
        )


def all_of(*evidence: Evidence) -> Evidence:
    """Returns the evidence that several comparisons hold together.

    Supported when each is, without correction (an intersection-union test); refuted when one is, at
    its share of alpha.
    """
    if not evidence or not all(isinstance(item, Evidence) for item in evidence):
        raise TypeError("all_of takes comparisons of samples, as in all_of(a < b, c < d)")
    trial = evidence[0].trial
    for item in evidence:
        trial.evidence.remove(item)
    return trial.judge(*(part for item in evidence for part in item.parts))


def decreasing(levels: Sequence[Sample], *, tolerance: Sample | Number) -> Any:
    """Returns the evidence for a trend: the levels decrease, without a material reversal.

    Args:
        levels: Samples of equally spaced levels, at least three.
        tolerance: By how much a step from one level to the next may rise. Requiring each step to
            fall significantly would have no power; a slope alone calls a zigzag a trend.

    Raises:
        ValueError: There are fewer than three levels, or the tolerance is not positive.
    """
    if len(levels) < 3:
        raise ValueError(f"a trend needs at least three levels, not {len(levels)}")
    if isinstance(tolerance, Number) and tolerance <= 0:
        raise ValueError(f"tolerance={tolerance}: give a positive number, in the metric's units")
    weights = statistics.trend_weights(len(levels))
    slope = sum((float(w) * level for w, level in zip(weights, levels, strict=True)), start=0.0)
    named = _renamed(as_sample(slope), f"fall per level of {levels[0]} … {levels[-1]}")
    steps = [before - after + tolerance for before, after in pairwise(levels)]
    return levels[0].court.judge(Part(named), *(Part(step) for step in steps))


def equivalent(levels: Sequence[Sample], *, within: Sample | Number) -> Any:
    """Returns the evidence that all later levels differ from the first by less than a margin.

    Raises:
        ValueError: There are fewer than two levels, or the margin is not positive.
    """
    if len(levels) < 2:
        raise ValueError("an equivalence needs at least two levels")
    if isinstance(within, Number) and within <= 0:
        raise ValueError(f"within={within}: give a positive margin, in the metric's units")
    margin = as_sample(within)
    return levels[0].court.judge(*(Part(level - levels[0], "near", margin) for level in levels[1:]))


def explained(finding: Finding, design: Design) -> str:
    """Returns a finding in words, two or three lines."""
    claimed = f"claimed {_claimed(*finding.region)}"
    interval = f"[{finding.low:.4g}, {finding.high:.4g}]"
    p = f"{finding.p:.2g} adjusted for looks ({finding.nominal_p:.2g} nominal, "
    p += f"{finding.sign_flip_p:.2g} sign-flip)"
    lines = [
        f"{finding.verdict}: {finding.contrast} = {finding.estimate:.4g} {interval}, {claimed}",
        f"  {finding.seeds} of at most {design.looks[-1]} seeds, p = {p}",
        f"  d_z = {finding.d_z:.2f}",
    ]
    if not math.isnan(finding.correlation):
        lines[-1] += f", the two sides correlate {finding.correlation:.2f} over seeds"
    if finding.disagrees:
        lines.append("  the t test and the sign-flip test disagree: look at the seeds one by one")
    if finding.verdict == "inconclusive":
        eighty, ninety_five = (f"{n}" if n else "more than 100,000" for n in finding.needed)
        lines.append(
            f"  these looks see a distance of {finding.detectable:.2g} from the edge with 80% "
            f"power; for what was measured it would take {eighty} seeds (80%) or {ninety_five} "
            "(95%): raise --claims-looks"
        )
    return "\n".join(lines)


def _claimed(low: float, high: float) -> str:
    if math.isinf(high):
        return f"> {low:.4g}"
    return f"< {high:.4g}" if math.isinf(low) else f"between {low:.4g} and {high:.4g}"


def _judged(faces: Sequence[Values], support: float, refute: float) -> Verdict:
    if all(statistics.interval(face, support)[0] > 0 for face in faces):
        return "supported"
    if any(_is_outside(face, refute) for face in faces):
        return "refuted"
    return "inconclusive"


def _is_outside(face: Values, critical: float) -> bool:
    # Without any variance the mean is exact, and an edge is not inside its region.
    high = statistics.interval(face, critical)[1]
    return high < 0 or (high == 0 and bool(np.ptp(face) == 0))


def _shown(
    part: Part, nearest: Values, critical: float, count: int
) -> tuple[float, float, float, tuple[float, float], str]:
    """Returns estimate, interval, region and text: of the contrast where the region is fixed."""
    if part.margin is not None and part.margin.sources:
        low, high = statistics.interval(nearest, critical)
        text = f"{part.margin} - |{part.contrast}|"
        return float(nearest.mean()), low, high, (0.0, math.inf), text
    offset = part.contrast.offset
    values = part.contrast.values(count) - offset
    low, high = statistics.interval(values, critical)
    edge = 0.0 - offset  # never a negative zero
    region = (-math.inf, edge) if part.where == "below" else (edge, math.inf)
    if part.margin is not None:
        region = (edge - part.margin.offset, edge + part.margin.offset)
    return float(values.mean()), low, high, region, part.contrast.text


def _renamed(sample: Sample, text: str) -> Sample:
    return Sample(sample.values, sample.sources, text)
