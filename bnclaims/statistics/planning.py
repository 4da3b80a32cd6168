"""Planning a claim: how many seeds it takes, what some seeds can show, what to expect of a design.

For whoever writes a claim, before any run: guess how much a metric of one arm varies over seeds
(`spread`, its standard deviation) and how alike two arms' seeds are (`correlation`).

    >>> claim = superiority(margin=0.1)
    >>> seeds_needed(claim, effect=0.3, spread=0.1, power=0.8)
    16

What a claim says of its arms' means is a linear hypothesis: contrasts between arms, whose means
must all be positive (an intersection-union test). Contrasts are taken to be normal.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnclaims.statistics import contrasts
from bnclaims.statistics.boundary import Boundary, ExponentialBoundary
from bnclaims.statistics.design import Design, Sequential, decisions
from bnclaims.statistics.futility import chances_of_mean
from bnclaims.statistics.numerics import bisect, fewest, threshold
from bnclaims.statistics.spending import check_alpha

__all__ = [
    "LinearHypothesis", "Outlook", "bound", "detectable_distance", "detectable_effect",
    "equivalence", "interaction", "ordering", "outlook", "rate", "seeds_for_distances",
    "seeds_for_share", "seeds_needed", "superiority", "trend",
]  # fmt: skip

_Array = NDArray[np.float64]

MOST_SEEDS = 100_000
"""More are out of reach."""

_DEFAULT = ExponentialBoundary()
_DRAWS = 20_000
"""Simulated experiments: a power's standard error is at most 0.0036."""


@dataclass(frozen=True, eq=False)
class LinearHypothesis:
    """What a claim says of its arms' means: each of some contrasts is positive.

    Attributes:
        contrasts: Shape (contrasts, arms).
        offsets: What is added to each contrast, shape (contrasts,): margins and tolerances.
        pattern: The arms' means at an effect of 1, shape (arms,).
        is_nearness: Whether its contrasts are the two edges of one region around no effect, so that
            an effect makes it harder to show. Else each contrast is a part of its own.
    """

    contrasts: _Array
    offsets: _Array
    pattern: _Array
    is_nearness: bool = False

    @property
    def parts(self) -> tuple[tuple[int, ...], ...]:
        """Which contrasts are edges of one region."""
        if self.is_nearness:
            return ((0, 1),)
        return tuple((i,) for i in range(len(self.offsets)))

    def means(self, effect: float) -> _Array:
        """Returns the contrasts' means, shape (contrasts,)."""
        return np.asarray(effect * (self.contrasts @ self.pattern) + self.offsets)


def bound(margin: float = 0.0) -> LinearHypothesis:
    """`a > bound + margin`. The effect is the arm's distance from the bound."""
    return LinearHypothesis(np.array([[1.0]]), np.array([-margin]), np.array([1.0]))


def superiority(margin: float = 0.0) -> LinearHypothesis:
    """`a < b - margin`. The effect is b - a."""
    return LinearHypothesis(np.array([[-1.0, 1.0]]), np.array([-margin]), np.array([0.0, 1.0]))


def equivalence(margin: float) -> LinearHypothesis:
    """`abs(a - b) < margin`. The effect is the difference that there is nevertheless."""
    return LinearHypothesis(
        np.array([[1.0, -1.0], [-1.0, 1.0]]), np.full(2, margin), np.array([1.0, 0.0]), True
    )


def interaction(margin: float = 0.0) -> LinearHypothesis:
    """`a0 - a1 > b0 - b1 + margin`. The effect is the difference of the differences."""
    return LinearHypothesis(
        np.array([[1.0, -1.0, -1.0, 1.0]]), np.array([-margin]), np.array([1.0, 0, 0, 0])
    )


def trend(levels: int, tolerance: float) -> LinearHypothesis:
    """`decreasing([...], tolerance=...)`. The effect is the fall from one level to the next."""
    steps = -np.diff(np.eye(levels), axis=0)
    slope = contrasts.trend_weights(levels)
    return LinearHypothesis(
        np.vstack([slope, steps]),
        np.array([0.0] + [tolerance] * (levels - 1)),
        -np.arange(levels, dtype=np.float64),
    )


def ordering(best: int, rest: int, margin: float = 0.0) -> LinearHypothesis:
    """`lowest([...], than=[...], by=margin)`. The effect is how far the best lie below the rest."""
    pairs = [
        np.eye(best + rest)[best + worse] - np.eye(best + rest)[better]
        for better in range(best)
        for worse in range(rest)
    ]
    pattern = np.array([0.0] * best + [1.0] * rest)
    return LinearHypothesis(np.array(pairs), np.full(len(pairs), -margin), pattern)


def rate(at: Sequence[float], within: float) -> LinearHypothesis:
    """`abs(rate([...], at=...) - expected) < within`. The effect is the rate's distance from it.

    The spread is that of a level's logarithm.
    """
    weights = contrasts.slope_weights(np.log(np.asarray(at, dtype=np.float64)))
    return LinearHypothesis(
        np.vstack([-weights, weights]), np.full(2, within), np.log(np.asarray(at)), True
    )


def seeds_needed(
    hypothesis: LinearHypothesis,
    effect: float,
    *,
    spread: float,
    correlation: float = 0.0,
    alpha: float = 0.01,
    power: float = 0.8,
    boundary: Boundary = _DEFAULT,
) -> int | None:
    """Returns the smallest fixed number of seeds that supports a claim with some probability.

    Looking earlier as well costs a few more at the last look, and on average saves many.

    Args:
        hypothesis: What is claimed.
        effect: How large the effect is in truth, in the metric's units.
        spread: Standard deviation of an arm's metric over seeds, positive.
        correlation: Between two arms over the same seeds, in [0, 1).
        alpha: One-sided level, in (0, 1/2).
        power: The probability, in (0, 1).
        boundary: What decides at the single look.

    Returns:
        The number of seeds; None when it is more than 100,000.

    Raises:
        ValueError: A number is out of range.
    """
    problem = _Problem(hypothesis, spread, correlation)
    check_alpha(alpha)
    contrasts.check_probability("power", power)
    return _fewest(lambda n: problem.power(effect, n, boundary.critical_alone(n, alpha)) >= power)


def detectable_effect(
    hypothesis: LinearHypothesis,
    seeds: int,
    *,
    spread: float,
    correlation: float = 0.0,
    alpha: float = 0.01,
    power: float = 0.8,
    boundary: Boundary = _DEFAULT,
) -> float | None:
    """Returns the effect with which a number of seeds supports a claim with some probability.

    Args:
        hypothesis: What is claimed.
        seeds: How many seeds, 2 or more.
        spread: As for `seeds_needed`.
        correlation: As for `seeds_needed`.
        alpha: As for `seeds_needed`.
        power: As for `seeds_needed`.
        boundary: As for `seeds_needed`.

    Returns:
        The smallest such effect. For an equivalence or a rate the largest one, in the metric's
        units, and None where these seeds would not even do without any.

    Raises:
        ValueError: A number is out of range.
    """
    problem = _Problem(hypothesis, spread, correlation)
    check_alpha(alpha)
    contrasts.check_probability("power", power)
    if seeds < 2:
        raise ValueError(f"a t test needs at least two seeds, got {seeds}")
    critical = boundary.critical_alone(seeds, alpha)

    def shown(effect: float) -> bool:
        return problem.power(effect, seeds, critical) >= power

    if hypothesis.is_nearness:
        return threshold(lambda effect: not shown(effect), step=spread) if shown(0.0) else None
    return 0.0 if shown(0.0) else threshold(shown, step=spread)


@dataclass(frozen=True)
class Outlook:
    """What to expect of a claim under a design.

    Attributes:
        supported: Probability of that verdict.
        refuted: Probability of that verdict; what is left is inconclusive.
        seeds: Expected number of seeds at the verdict.
    """

    supported: float
    refuted: float
    seeds: float


def outlook(
    hypothesis: LinearHypothesis,
    effect: float,
    *,
    spread: float,
    correlation: float = 0.0,
    design: Design | None = None,
) -> Outlook:
    """Returns what to expect of a claim under a design with looks, by 20,000 simulations.

    Args:
        hypothesis: What is claimed.
        effect: As for `seeds_needed`.
        spread: As for `seeds_needed`.
        correlation: As for `seeds_needed`.
        design: The default is looks at 5, 10, 15 and 20 seeds and alpha 0.01 each way.

    Raises:
        ValueError: A number is out of range.
    """
    problem = _Problem(hypothesis, spread, correlation)
    design = design or Sequential()
    runs = problem.runs(effect, design.looks[-1])
    verdict, stopped = judged_over_looks(runs, hypothesis.parts, design)
    return Outlook(
        supported=float(np.mean(verdict > 0)),
        refuted=float(np.mean(verdict < 0)),
        seeds=float(np.mean(stopped)),
    )


def judged_over_looks(
    contrasts: _Array, parts: Sequence[Sequence[int]], design: Design
) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """Returns the verdicts of simulated claims, look by look as in earnest.

    Args:
        contrasts: One number a seed for each edge of the claim's regions, positive inside; shape
            (edges, claims, seeds).
        parts: The edges of each part; a part is supported at all of them at the same look.
        design: Its last look is the number of seeds, or less.

    Returns:
        1 for supported, -1 for refuted, 0 for inconclusive, and the seeds at which each stopped.
    """
    edges, claims, _ = contrasts.shape
    refute = design.with_alpha(design.alpha / edges)
    settled = np.zeros((len(parts), claims), np.int8)
    verdict = np.zeros(claims, np.int8)
    stopped = np.full(claims, design.looks[-1])
    going = np.ones(claims, bool)
    for look, n in enumerate(design.looks):
        t = _t(contrasts[:, :, :n], is_last=n == design.looks[-1])
        for number, part in enumerate(parts):
            decided = decisions(t[list(part)], design.critical(look), refute.critical(look))
            settled[number] = np.where(settled[number] == 0, decided, settled[number])
        reached = np.where((settled < 0).any(axis=0), -1, (settled > 0).all(axis=0)).astype(np.int8)
        now = going & (reached != 0)
        verdict[now] = reached[now]
        hopeless = going & ~now
        hopeless[hopeless] = _are_hopeless(
            contrasts[:, hopeless, :n], settled[:, hopeless], parts, look, (design, refute)
        )
        stopped[now | hopeless] = n
        going &= ~(now | hopeless)
    return verdict, stopped


def _are_hopeless(
    seen: _Array,
    settled: NDArray[np.int8],
    parts: Sequence[Sequence[int]],
    look: int,
    designs: tuple[Design, Design],
) -> NDArray[np.bool_]:
    """Says which claims stop undecided before the last look."""
    design, claims = designs[0], seen.shape[1]
    if look == len(design.looks) - 1 or design.futility == 0:
        return np.zeros(claims, bool)
    supported, refuted = np.ones(claims), np.zeros(claims)
    mean, deviation = seen.mean(axis=-1), seen.std(axis=-1, ddof=1)
    for number, part in enumerate(parts):
        edges, is_open = list(part), settled[number] == 0
        with np.errstate(all="ignore"):
            inside, outside = chances_of_mean(mean[edges], deviation[edges], look, *designs)
        # Equal values may yet decide at the last look.
        varies = (deviation[edges] > 0).all(axis=0)
        inside, outside = np.where(varies, inside, 1.0), np.where(varies, outside, 1.0)
        supported = np.where(is_open, np.minimum(supported, inside), supported)
        refuted = np.where(is_open, refuted + outside, refuted)
    return np.asarray(supported + refuted < design.futility)


def detectable_distance(
    n: int, critical: float, power: float, width: float = math.inf
) -> float | None:
    """Returns how far inside an edge a mean must lie for n seeds to show it.

    Args:
        n: Number of seeds, at least 2.
        critical: Critical value on the scale of t.
        power: Probability of showing it, in (0, 1).
        width: Of the region, from this edge to the opposite one, which the mean must be shown to
            be inside of, too.

    Returns:
        The distance, like the width in standard deviations; None where there is none: nothing lies
        further inside a region than its middle, and no t reaches infinity.
    """
    if math.isinf(critical):
        return None
    if math.isinf(width):
        return threshold(lambda distance: contrasts.power(distance, n, critical) >= power)

    def shown(distance: float) -> bool:
        return contrasts.equivalence_power(distance, width - distance, n, critical) >= power

    return bisect(shown, 0.0, width / 2)[1] if shown(width / 2) else None


def seeds_for_distances(distances: Sequence[float], design: Design, power: float) -> int | None:
    """Returns the seeds of a single look for a mean so far inside the edges of its region.

    Args:
        distances: From one edge, or from two opposite ones, in standard deviations.
        design: What decides.
        power: Probability of showing it.

    Returns:
        The number of seeds; None when it is more than 100,000, or a distance is infinite or not
        positive.
    """
    if not all(0 < distance < math.inf for distance in distances):
        return None
    return _fewest(lambda n: design.decides_alone(n, partial(_edge_power, distances, n), power))


def seeds_for_share(share: float, design: Design, power: float) -> int | None:
    """Returns the seeds of a single look for a comparison that holds in a share of them.

    Args:
        share: Of all seeds, in (1/2, 1].
        design: What decides.
        power: Probability of showing it.

    Returns:
        The number of seeds; None when it is more than 100,000.
    """

    def enough(n: int) -> bool:
        hits = design.critical_hits_alone(n)
        return hits <= n and contrasts.binomial_p(hits, n, share) >= power

    if share <= 0.5:
        return None
    # Whole hits make the power a sawtooth: among few seeds each number is tried.
    few = next((n for n in range(2, 500) if enough(n)), None)
    return few or _fewest(enough)


class _Problem:
    """A hypothesis with numbers: the contrasts of arms that vary alike and correlate alike."""

    def __init__(self, hypothesis: LinearHypothesis, spread: float, correlation: float) -> None:
        if not 0 < spread < math.inf:
            raise ValueError(f"spread must be positive, got {spread!r}: a standard deviation")
        if not 0 <= correlation < 1:
            raise ValueError(f"correlation must lie in [0, 1), got {correlation!r}")
        self.hypothesis = hypothesis
        arms = len(hypothesis.pattern)
        covariance = (1 - correlation) * np.eye(arms) + correlation
        self.mixing = hypothesis.contrasts @ (spread * np.linalg.cholesky(covariance))
        """Makes contrasts of independent standard normal numbers, shape (contrasts, arms)."""
        self.deviations = np.sqrt(np.square(self.mixing).sum(axis=1))

    def power(self, effect: float, n: int, critical: float) -> float:
        """Returns the probability that all contrasts exceed the critical value."""
        means = self.hypothesis.means(effect)
        if len(means) == 1 or self.hypothesis.is_nearness:
            return _edge_power(means / self.deviations, n, critical)
        return float(np.mean((self._t(means, n) >= critical).all(axis=0)))

    def runs(self, effect: float, seeds: int) -> _Array:
        """Returns simulated contrasts, shape (contrasts, draws, seeds)."""
        normal = _rng().standard_normal((self.mixing.shape[1], _DRAWS * seeds))
        contrasts = (self.mixing @ normal).reshape(-1, _DRAWS, seeds)
        return np.asarray(contrasts + self.hypothesis.means(effect)[:, None, None])

    def _t(self, means: _Array, n: int) -> _Array:
        """Returns simulated t statistics: of normal means and of Wishart covariances.

        Those come from Bartlett's factor, or from n - 1 normal vectors where it has none; either
        way the draws cost the same for any number of seeds.
        """
        rng, arms = _rng(), self.mixing.shape[1]
        centre = rng.standard_normal((_DRAWS, arms)) @ self.mixing.T
        df = n - 1
        if df < arms:
            factor = rng.standard_normal((_DRAWS, arms, df))
        else:
            factor = np.tril(rng.standard_normal((_DRAWS, arms, arms)), -1)
            diagonal = np.sqrt(rng.chisquare(df - np.arange(arms), (_DRAWS, arms)))
            factor[:, range(arms), range(arms)] = diagonal
        deviation = np.sqrt(np.square(self.mixing @ factor).sum(axis=2) / df)
        return np.asarray(((math.sqrt(n) * means + centre) / deviation).T)


def _edge_power(distances: Any, n: int, critical: float) -> float:
    if len(distances) == 1:
        return contrasts.power(distances[0], n, critical)
    below, above = distances
    return contrasts.equivalence_power(below, above, n, critical)


def _t(contrasts: _Array, *, is_last: bool) -> _Array:
    n = contrasts.shape[-1]
    with np.errstate(all="ignore"):
        t = math.sqrt(n) * contrasts.mean(axis=-1) / contrasts.std(axis=-1, ddof=1)
    # Equal values decide at the last look only, and an edge is not inside.
    exact = np.ptp(contrasts, axis=-1) == 0
    decided = np.where(contrasts[..., 0] > 0, math.inf, -math.inf) if is_last else 0.0
    return np.where(exact, decided, t)


def _fewest(enough: Callable[[int], bool]) -> int | None:
    return fewest(enough, 2, MOST_SEEDS)


def _rng() -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(20))
