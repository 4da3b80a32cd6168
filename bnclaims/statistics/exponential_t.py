"""Group-sequential boundaries of the t statistic when the data are skewed: exponential.

The null is a centred exponential whose long tail points away from the claim, X = 1 - E. Its rare
large values, while they have not come yet, make the mean look positive and the variance small: of
the two exponentials it is the one that errs towards the claim. Looks, spending and recursion are as
in `bnclaims.statistics.sequential_t`, whose boundary is that of normal data:

    P(t_j >= c_j for some j <= k) = f(n_k / n_K, alpha).

**The law of the looks.** Divide n exponential numbers by their sum S: the proportions are
independent of S, which is gamma(n). With W the root of n times their variance (divisor n - 1),

    t = (n - S) / (S * W),   so that   t >= c   is   S <= n / (1 + c * W).

Proportions up to look k fix those of all earlier looks, and the parts B_j = S_{j-1} / S_j. So,
given them, every look up to k bounds S_k, and the chance of crossing by look k is that of

    S_k <= A_k,   A_k = max(A_{k-1} / B_k, n_k / (1 + c_k * W_k)).

**What is integrated.** W needs of each block of seeds between two looks only its sum and its
spread, whose law is known (`bnclaims.statistics.greenwood`); blocks of a and b seeds have together

    v = B**2 * v_a + (1 - B)**2 * v_b + (a + b) / (a * b) * (B - a / (a + b))**2.

Spreads and parts are independent of each other, a normal score each for the former, a beta each for
the latter. So look k is an integral of the gamma distribution function over 2k - 1 numbers: by
Gauss and Legendre's rule at the first look, by a lattice rule at the others. There importance
sampling draws proportions as they look when boundaries are crossed: closer to each other than those
of exponential numbers, like those of gamma(kappa) numbers, kappa in a mixture over 1, 2, 4, ...
whose weights are fitted to the look. Crossing probabilities of each look have a relative standard
error below 0.3%, at the first look of 1e-5, whatever alpha; a critical value's is a fraction of it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise

import numpy as np
import scipy
from numpy.typing import NDArray

from bnclaims.statistics.greenwood import greenwood_law
from bnclaims.statistics.numerics import gauss_legendre, root
from bnclaims.statistics.spending import Spending, check_alpha, checked_looks, spent_alpha
from bnclaims.statistics.stagewise import SolvedBoundary

__all__ = ["adjusted_p", "critical_alone", "critical_values"]

_Array = NDArray[np.float64]

_NODES = 256
# Normal scores beyond are left out: a chance of 1e-14 below, of 1e-10 above.
_SCORES = (-7.7, 6.4)
_POINTS = 2**15
_PILOT_POINTS = (256, 4096)
"""Of each component at first, and of all together once weights are known."""
_CONCENTRATIONS: _Array = 2.0 ** np.arange(20, dtype=np.float64)
_LEAST_WEIGHT = 0.004
# Of the exponential's own law in every mixture, so that no weight grows without bound.
_DEFENCE = 0.2
_EXACT_ALONE = 64


def critical_values(looks: Sequence[int], alpha: float, spending: Spending) -> tuple[float, ...]:
    """Returns the boundary of each look on the scale of the t statistic.

    Args:
        looks: Numbers of seeds, increasing, the first at least 2.
        alpha: One-sided error over all looks, in (0, 1/2).
        spending: The spending function.

    Returns:
        One critical value a look.

    Raises:
        ValueError: An argument is out of range, or the first look has nothing to spend.
    """
    return _solved(checked_looks(looks, first=2), float(alpha), spending).critical


def adjusted_p(
    t: float, look: int, looks: Sequence[int], alpha: float, spending: Spending
) -> float:
    """Returns the p-value that accounts for the earlier looks; see `bnclaims.statistics.stagewise`.

    Args:
        t: The t statistic at this look, possibly infinite; nan gives nan.
        look: Index of the look, from 0.
        looks: As for `critical_values`.
        alpha: As for `critical_values`.
        spending: As for `critical_values`.

    Returns:
        A probability, not below the error spent before this look.

    Raises:
        ValueError: An argument is out of range.
    """
    return _solved(checked_looks(looks, first=2), float(alpha), spending).adjusted_p(t, look)


@lru_cache(maxsize=256)
def critical_alone(n: int, alpha: float) -> float:
    """Returns the critical value of a single look.

    Exact up to 64 seeds. With more, sqrt(n) times its distance from the normal quantile is close to
    a quadratic in 1 / sqrt(n), taken through 32 and 64 seeds and the limit that its skewness
    has in the Edgeworth expansion of t (Hall 1987, Ann. Probab. 15).

    Args:
        n: Number of seeds, at least 2.
        alpha: One-sided error, in (0, 1/2).

    Raises:
        ValueError: An argument is out of range.
    """
    check_alpha(alpha)
    if n <= _EXACT_ALONE:
        return _first_stage(n).boundary(alpha)
    x = 1 / math.sqrt(n)
    away = np.polynomial.polynomial.polyval(x, _distances_alone(alpha))
    return -float(scipy.special.ndtri(alpha)) + x * float(away)


@lru_cache(maxsize=64)
def _distances_alone(alpha: float) -> _Array:
    """Returns sqrt(n) * (critical value - normal quantile) as a polynomial in 1 / sqrt(n)."""
    z = -float(scipy.special.ndtri(alpha))
    known = (_EXACT_ALONE // 2, _EXACT_ALONE)
    distances = [math.sqrt(m) * (critical_alone(m, alpha) - z) for m in known]
    at = [0.0, *(1 / math.sqrt(m) for m in known)]
    limit = (2 * z * z + 1) / 3
    return np.asarray(np.polynomial.polynomial.polyfit(at, [limit, *distances], 2))


@dataclass(frozen=True, eq=False)
class _Stage:
    """One look under the null, as a weighted sample of proportions.

    Attributes:
        n: Number of seeds.
        spread: W of each, shape (points,).
        crossed: The largest sum at which an earlier look has crossed, shape (points,).
        weight: Adds up to 1 but for the error of the sample, shape (points,).
    """

    n: int
    spread: _Array
    crossed: _Array
    weight: _Array

    def gained(self, t: float) -> _Array:
        """Returns each point's part of the chance of crossing at t, and not before."""
        crossing = np.maximum(self.crossed, _largest_sum(self.n, self.spread, t))
        gained: _Array = self.weight * (
            scipy.special.gammainc(self.n, crossing) - self._crossed_chance
        )
        return gained

    def upper_tail(self, t: float) -> float:
        """Returns P(not crossed before n, t_n >= t) under the null."""
        return min(float(np.sum(self.gained(t))), 1.0)

    def boundary(self, probability: float) -> float:
        """Returns the t from which on `upper_tail` is `probability`."""

        def excess(log_t: float) -> float:
            tail = self.upper_tail(math.exp(log_t))
            return math.log(tail / probability) if tail > 0 else -math.inf

        # More than half of all samples have a positive t.
        return math.exp(root(excess, math.log(1e-6), math.log(1e12)))

    @cached_property
    def _crossed_chance(self) -> _Array:
        return np.asarray(scipy.special.gammainc(self.n, self.crossed))


def _largest_sum(n: int, spread: _Array, t: float) -> _Array:
    """Returns the sum up to which the statistic of n data is t or more."""
    if math.isinf(t):
        return np.full_like(spread, 0.0 if t > 0 else math.inf)
    divisor = 1 + t * spread
    return np.where(divisor > 0, n / np.where(divisor > 0, divisor, 1.0), math.inf)


@lru_cache(maxsize=64)
def _first_stage(n: int) -> _Stage:
    score, weight = gauss_legendre(_NODES, *_SCORES)
    weight = weight * np.exp(-score * score / 2)
    spread = np.exp(greenwood_law(n).log_quantile(score) / 2) * math.sqrt(n / (n - 1))
    return _Stage(n, spread, np.zeros_like(score), weight / np.sum(weight))


@lru_cache(maxsize=64)
def _solved(
    looks: tuple[int, ...], alpha: float, spending: Spending, seed: int = 0
) -> SolvedBoundary:
    """Returns the solved boundary; another seed shifts the lattices, and shows their error."""
    spent = spent_alpha(looks, alpha, spending)
    stages = [_first_stage(looks[0])]
    critical = [stages[0].boundary(spent[0])]
    for look in range(1, len(looks)):
        rng = np.random.default_rng(np.random.SeedSequence([seed, look]))
        stage, limit = _later_stage(looks[: look + 1], critical, spent[look] - spent[look - 1], rng)
        stages.append(stage)
        critical.append(limit)
    return SolvedBoundary(stages, spent, tuple(critical))


def _later_stage(
    looks: tuple[int, ...], critical: Sequence[float], spent: float, rng: np.random.Generator
) -> tuple[_Stage, float]:
    """Returns a look's stage and boundary, from a mixture that two pilots have fitted."""
    each, together = _PILOT_POINTS
    mixture = _Mixture.of(looks, _CONCENTRATIONS, np.full(len(_CONCENTRATIONS), each))
    for points in (together, _POINTS):
        sample = mixture.drawn(rng)
        stage = sample.stage(looks, critical)
        gained = stage.gained(stage.boundary(spent))
        share = gained @ sample.origin / gained.sum() * (1 - _DEFENCE)
        share[mixture.concentrations == 1.0] += _DEFENCE
        kept = share > _LEAST_WEIGHT
        mixture = _Mixture.of(
            looks, mixture.concentrations[kept], np.ceil(points * share[kept]).astype(int)
        )
    stage = mixture.drawn(rng).stage(looks, critical)
    return stage, stage.boundary(spent)


@dataclass(frozen=True, eq=False)
class _Mixture:
    """Laws of the proportions' coordinates, one component a concentration.

    The coordinates are a normal score for the spread of each block, and for each look after the
    first the log-odds of the part that came before it.

    Attributes:
        concentrations: kappa of each component, shape (components,).
        points: How many are drawn of each, shape (components,).
        blocks: Seeds between looks, shape (looks,).
        scores: Means of the normal scores, shape (components, looks).
        centres: Means of the log-odds, which are drawn from logistic laws, shape
            (components, looks - 1).
        scales: Scales of these.
    """

    concentrations: _Array
    points: NDArray[np.intp]
    blocks: NDArray[np.intp]
    scores: _Array
    centres: _Array
    scales: _Array

    @classmethod
    def of(
        cls, looks: tuple[int, ...], concentrations: _Array, points: NDArray[np.intp]
    ) -> "_Mixture":
        blocks = np.diff((0, *looks))
        scores = [[_score(int(m), float(kappa)) for m in blocks] for kappa in concentrations]
        before, new = (np.outer(concentrations, seeds) for seeds in (looks[:-1], blocks[1:]))
        variance = scipy.special.polygamma(1, before) + scipy.special.polygamma(1, new)
        return cls(
            concentrations,
            points,
            blocks,
            np.array(scores),
            scipy.special.psi(before) - scipy.special.psi(new),
            np.sqrt(3 * variance) / math.pi,
        )

    def drawn(self, rng: np.random.Generator) -> "_Sample":
        """Returns lattice points of each component."""
        looks = len(self.blocks)
        uniform = np.concatenate([_lattice(int(n), 2 * looks - 1, rng) for n in self.points])
        of = np.repeat(np.arange(len(self.points)), self.points)
        scores = self.scores[of] + scipy.special.ndtri(uniform[:, :looks])
        odds = self.centres[of] + self.scales[of] * scipy.special.logit(uniform[:, looks:])
        proposed = [self._log_density(i, scores, odds) for i in range(len(self.points))]
        log_ratios = np.stack(proposed) - self._log_truth(odds)
        log_mixture = scipy.special.logsumexp(log_ratios, axis=0)
        return _Sample(
            np.exp(-log_mixture) / len(of), np.exp(log_ratios - log_mixture).T, scores, odds
        )

    def _log_density(self, component: int, scores: _Array, odds: _Array) -> _Array:
        """Returns the log of a component's density times its share, over that of the scores."""
        tilt, scale = self.scores[component], self.scales[component]
        away = (odds - self.centres[component]) / scale
        logistic = scipy.special.log_expit(away) + scipy.special.log_expit(-away) - np.log(scale)
        share = math.log(self.points[component] / self.points.sum())
        density: _Array = scores @ tilt - tilt @ tilt / 2 + logistic.sum(axis=1) + share
        return density

    def _log_truth(self, odds: _Array) -> _Array:
        """Returns the log of the density that the log-odds of exponential numbers have."""
        before, new = np.cumsum(self.blocks)[:-1], self.blocks[1:]
        density = before * scipy.special.log_expit(odds) + new * scipy.special.log_expit(-odds)
        return np.asarray(np.sum(density - scipy.special.betaln(before, new), axis=1))


@dataclass(frozen=True, eq=False)
class _Sample:
    """Proportions drawn from a mixture.

    Attributes:
        weight: Of each point, shape (points,).
        origin: Chances that it came from each component, shape (points, components).
        scores: Its coordinates, see `_Mixture`, shape (points, looks).
        odds: And the others, shape (points, looks - 1).
    """

    weight: _Array
    origin: _Array
    scores: _Array
    odds: _Array

    def stage(self, looks: tuple[int, ...], critical: Sequence[float]) -> _Stage:
        """Returns the last look's stage, with the boundary of the looks before it."""
        v = np.exp(greenwood_law(looks[0]).log_quantile(self.scores[:, 0]))
        crossed = np.zeros_like(v)
        for i, (before, n) in enumerate(pairwise(looks)):
            spread = np.sqrt(before / (before - 1) * v)
            part, rest = scipy.special.expit(self.odds[:, i]), scipy.special.expit(-self.odds[:, i])
            crossed = np.maximum(crossed, _largest_sum(before, spread, critical[i])) / part
            block = np.exp(greenwood_law(n - before).log_quantile(self.scores[:, i + 1]))
            between = n / (before * (n - before)) * (part - before / n) ** 2
            v = part**2 * v + rest**2 * block + between
        n = looks[-1]
        return _Stage(n, np.sqrt(n / (n - 1) * v), crossed, self.weight)


@lru_cache(maxsize=4096)
def _score(m: int, concentration: float) -> float:
    """Returns the score of the median spread of m exponential numbers, over a concentration."""
    law = greenwood_law(m)
    if m == 1:
        return 0.0
    median = float(law.log_quantile(np.zeros(1))[0])
    return law.score(median - math.log(concentration))


def _lattice(n: int, dimensions: int, rng: np.random.Generator) -> _Array:
    """Returns Richtmyer's points, randomly shifted and folded (Genz & Bretz 2009, section 4.2)."""
    generators = np.sqrt(_primes(dimensions))
    points = (np.arange(1, n + 1)[:, None] * generators + rng.random(dimensions)) % 1.0
    return np.clip(np.abs(2 * points - 1), 1e-15, 1 - 1e-15)


def _primes(count: int) -> _Array:
    primes: list[int] = []
    n = 2
    while len(primes) < count:
        if all(n % prime for prime in primes):
            primes.append(n)
        n += 1
    return np.array(primes, dtype=np.float64)
