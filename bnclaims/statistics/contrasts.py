"""Statistics of per-seed contrasts.

A claim reduces each seed to one number, its contrast; everything here is a pure function of the
array of them, of shape (n,) with n >= 2 finite values. Another shape, a value that is not finite,
and a probability that is none raise `ValueError`.

Contrasts that are all equal have no variance to judge them by. They are recognised exactly, by
their values, and have results of their own: a t statistic of plus or minus infinity by the sign of
their mean, or 0 when the mean is 0 too.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from itertools import permutations, repeat
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from bnclaims.statistics.numerics import (
    expectation_over_deviation,
    noncentral_t_tail,
    threshold,
)

__all__ = [
    "Effect",
    "binomial_p",
    "check_probability",
    "correlation",
    "e_bh",
    "equivalence_power",
    "holm",
    "interval",
    "is_constant",
    "nominal_p",
    "page_p",
    "power",
    "sign_flip_disagrees",
    "sign_flip_p",
    "slope_weights",
    "standardised_effect",
    "t_statistic",
    "trend_weights",
    "unseen_share",
]

_Array = NDArray[np.float64]

# Both halves' subset sums are held at once: 2**(n/2) numbers each.
_EXACT_SIGN_FLIPS = 32
_RESAMPLES = 99_999
_DOUBT = 0.05
# Relative to the values: what sums and differences of larger numbers may leave.
_ROUNDING = 1e-9
# 40,320 orders of a seed's levels, and a tenth of a second for their sum over the seeds.
_PAGE_SEEDS, _PAGE_LEVELS = 100, 8


@dataclass(frozen=True)
class Effect:
    """A standardised mean.

    Attributes:
        d_z: Mean over standard deviation of the contrasts.
        g: d_z with Hedges' correction for its small-sample bias.
        low: Lower end of the 95% interval of the true mean over the true standard deviation.
        high: Upper end.
    """

    d_z: float
    g: float
    low: float
    high: float


def t_statistic(values: ArrayLike) -> float:
    """Returns sqrt(n) * mean / standard deviation.

    Args:
        values: Contrasts, shape (n,).

    Returns:
        The one-sample t statistic against 0, of n - 1 degrees of freedom. Without variance: inf or
        -inf by the sign of the mean, 0 for a mean of 0.
    """
    n, mean, deviation = _moments(values)
    return math.sqrt(n) * _ratio(mean, deviation)


def is_constant(values: ArrayLike) -> bool:
    """Says whether all values are the same but for rounding: there is no variance to judge by.

    Args:
        values: Contrasts, shape (n,).
    """
    x = _checked(values)
    return bool(np.ptp(x) <= _ROUNDING * np.max(np.abs(x)))


def interval(values: ArrayLike, critical: float) -> tuple[float, float]:
    """Returns mean -+ critical * standard deviation / sqrt(n).

    With the boundary of a look as critical value this is the repeated confidence interval (Jennison
    & Turnbull 2000, ch. 9), which covers the mean at every look at once.

    Args:
        values: Contrasts, shape (n,).
        critical: Critical value on the scale of t; infinity gives the whole line.

    Returns:
        Low and high; both are the mean when there is no variance.
    """
    n, mean, deviation = _moments(values)
    if math.isinf(critical):
        return -math.inf, math.inf
    half = critical * (deviation / math.sqrt(n))
    return mean - half, mean + half


def nominal_p(values: ArrayLike) -> float:
    """Returns the one-sided p-value P(T >= t) of a single look, T of n - 1 degrees of freedom.

    Args:
        values: Contrasts, shape (n,).

    Returns:
        The probability; 0 or 1 without variance, 1/2 for a mean of 0.
    """
    return float(scipy.special.stdtr(np.size(values) - 1, -t_statistic(values)))


def sign_flip_p(values: ArrayLike, seed: int = 0) -> float:
    """Returns the one-sided sign-flip p-value of the mean.

    If the contrasts are symmetric about 0, every pattern of signs is equally likely (Fisher 1935).
    p is the share of the 2**n patterns with a mean at least the observed one. Flipping the signs of
    a subset changes the sum by minus twice the subset's sum, so p is the share of subsets whose sum
    is at most 0. Up to 32 values they are counted exactly, by meeting in the middle: the sums of
    one half's subsets are looked up among the sorted sums of the other's. Beyond that, p is the
    Monte Carlo estimate (1 + hits) / (1 + draws), itself a valid p-value.

    Args:
        values: Contrasts, shape (n,).
        seed: Seed of the Monte Carlo draws.

    Returns:
        The probability, at least 2**-n.
    """
    x = _checked(values)
    # Equal means may differ by rounding; a tie counts as at least as extreme.
    tie = 4.0 * x.size * np.finfo(np.float64).eps * float(np.sum(np.abs(x)))
    if x.size <= _EXACT_SIGN_FLIPS:
        left = _subset_sums(x[: x.size // 2])
        right = np.sort(_subset_sums(x[x.size // 2 :]))
        return float(np.searchsorted(right, tie - left, side="right").sum() / 2**x.size)
    rng = np.random.default_rng(np.random.SeedSequence(seed))
    hits, chunk = 0, 9_999
    for start in range(0, _RESAMPLES, chunk):
        flipped = rng.integers(0, 2, size=(min(chunk, _RESAMPLES - start), x.size), dtype=np.int8)
        hits += int(np.count_nonzero(flipped @ x <= tie))
    return (1 + hits) / (1 + _RESAMPLES)


def sign_flip_disagrees(p: float, n: int) -> bool:
    """Says whether a sign-flip test would not have decided: neither at 5% nor as far as it can.

    Args:
        p: Its p-value, in the direction of a decision by t.
        n: Number of seeds; the smallest p-value is 2**-n.
    """
    return p > max(1.01 * 2.0**-n, 0.05)


def standardised_effect(values: ArrayLike) -> Effect:
    """Returns the mean in units of the contrasts' standard deviation.

    d_z = mean / sd = t / sqrt(n). Hedges (1981, J. Educ. Statist. 6) removes its bias exactly:
    g = d_z * gamma(m/2) / (sqrt(m/2) * gamma((m-1)/2)), m = n - 1. The interval inverts the
    noncentral t: its ends are the effects delta at which t is the 97.5% and the 2.5% quantile of
    the t distribution of n - 1 degrees of freedom and noncentrality delta * sqrt(n).

    Args:
        values: Contrasts, shape (n,).

    Returns:
        The effect. Without variance d_z and g are infinite, or 0 for a mean of 0, and the interval
        is nan.
    """
    n, mean, deviation = _moments(values)
    d_z = _ratio(mean, deviation)
    if deviation == 0:
        return Effect(d_z, d_z, math.nan, math.nan)
    df = n - 1
    # Two values leave gamma(0) below the line: the correction is 0.
    correction = math.exp(scipy.special.gammaln(df / 2) - scipy.special.gammaln((df - 1) / 2))
    t = math.sqrt(n) * d_z

    def noncentrality(level: float) -> float:
        return threshold(lambda x: noncentral_t_tail(t, df, x) >= level, start=t)

    low, high = (noncentrality(level) / math.sqrt(n) for level in (0.025, 0.975))
    return Effect(d_z, d_z * correction / math.sqrt(df / 2), low, high)


def correlation(a: ArrayLike, b: ArrayLike) -> float:
    """Returns Pearson's correlation between paired arms.

    Args:
        a: One number a seed, shape (n,).
        b: The other arm's, same shape and seeds.

    Returns:
        The correlation; nan when an arm is constant.

    Raises:
        ValueError: The arms have different numbers of values.
    """
    x, y = _checked(a), _checked(b)
    if x.size != y.size:
        raise ValueError(f"paired arms need equally many values, got {x.size} and {y.size}")
    x, y = _direction(x), _direction(y)
    return float(np.clip(x @ y, -1.0, 1.0))


def slope_weights(at: ArrayLike) -> _Array:
    """Returns the weights of the least-squares slope of levels over their positions.

    With centred positions c_i the weights are c_i / sum(c_j**2).

    Args:
        at: Positions, shape (k,), at least two of them different.

    Returns:
        The weights, shape (k,).

    Raises:
        ValueError: There are not two different positions.
    """
    position = np.asarray(at, dtype=np.float64)
    if position.ndim != 1 or position.size < 2 or np.ptp(position) == 0:
        raise ValueError(f"a slope needs two different positions or more, got {at!r}")
    centred = position - position.mean()
    return np.asarray(centred / (centred @ centred), dtype=np.float64)


def trend_weights(k: int) -> _Array:
    """Returns the weights of a decreasing trend over k equally spaced levels.

    weights @ levels is minus the least-squares slope a level: positive when the levels decrease.

    Args:
        k: Number of levels, at least 2.

    Returns:
        The weights, shape (k,).
    """
    return -slope_weights(np.arange(k))


def power(effect: float, n: int, critical: float) -> float:
    """Returns the probability that t >= critical at a fixed number of seeds.

    That is P(T >= critical), T noncentral t of n - 1 degrees of freedom and noncentrality
    effect * sqrt(n).

    Args:
        effect: True mean over true standard deviation of the contrasts.
        n: Number of seeds, at least 2.
        critical: Critical value on the scale of t.

    Returns:
        The probability.
    """
    _check_seeds(n)
    return noncentral_t_tail(critical, n - 1, effect * math.sqrt(n))


def equivalence_power(below: float, above: float, n: int, critical: float) -> float:
    """Returns the probability that both one-sided tests of an equivalence succeed (TOST).

    With Z standard normal and S the standard deviation over its expectation, both t statistics are
    at least the critical value when critical*S - below*sqrt(n) <= Z <= above*sqrt(n) - critical*S
    (Schuirmann 1987, J. Pharmacokinet. Biopharm. 15); the probability is integrated over S.

    Args:
        below: Distance of the true mean from the lower edge, in standard deviations.
        above: Distance from the upper edge.
        n: Number of seeds, at least 2.
        critical: Critical value on the scale of t.

    Returns:
        The probability.
    """
    _check_seeds(n)
    s, weight = expectation_over_deviation(n - 1)
    high = scipy.special.ndtr(math.sqrt(n) * above - critical * s)
    low = scipy.special.ndtr(critical * s - math.sqrt(n) * below)
    return float(weight @ np.clip(high - low, 0.0, 1.0))


def binomial_p(hits: ArrayLike, n: int, share: float = 0.5) -> Any:
    """Returns the probability of so many hits or more among n trials.

    Args:
        hits: One number, or several.
        n: Trials.
        share: The chance of a hit.
    """
    k = np.asarray(hits, dtype=np.float64)
    # bdtr counts up to its first argument; no hits or more is certain.
    p = np.where(k > 0, scipy.special.bdtrc(np.maximum(k - 1, 0), n, share), 1.0)
    return p if p.ndim else float(p)


def unseen_share(n: int) -> float:
    """Returns up to which share of all seeds may do what none of n did, with 95% confidence.

    Args:
        n: Number of seeds, at least 1.
    """
    return float(1 - _DOUBT ** (1 / n))


def page_p(levels: ArrayLike) -> float:
    """Returns Page's p that the levels rise in the order given (1963, J. Am. Statist. Assoc. 58).

    It ranks the levels within each seed, so it knows nothing of the size of a step. Ties have their
    mean rank. (SciPy has this test too, but importing `scipy.stats` takes every worker half a
    second and 42 MB.)

    Args:
        levels: Shape (seeds, levels), two seeds and three levels or more.

    Returns:
        The probability: exact, but for ties, up to a hundred seeds and eight levels; by the normal
        limit beyond.
    """
    values = np.asarray(levels, dtype=np.float64)
    seeds, count = values.shape
    one, other = values[:, :, None], values[:, None, :]
    ranks = (one > other).sum(axis=2) + ((one == other).sum(axis=2) + 1) / 2
    score = float(ranks.sum(axis=0) @ np.arange(1, count + 1))
    if seeds <= _PAGE_SEEDS and count <= _PAGE_LEVELS:
        return min(1.0, float(_page_chances(seeds, count)[math.floor(score) :].sum()))
    mean = seeds * count * (count + 1) ** 2 / 4
    deviation = count * (count + 1) * math.sqrt(seeds * (count - 1)) / 12
    return float(scipy.special.ndtr((mean - score) / deviation))


@lru_cache(maxsize=8)
def _page_chances(seeds: int, count: int) -> _Array:
    """Returns the chance of each value of Page's L, from zero, where all orders are as likely."""
    orders = np.array(list(permutations(range(1, count + 1))))
    of_one = np.bincount(orders @ np.arange(1, count + 1)) / len(orders)
    return reduce(np.convolve, repeat(of_one, seeds))


def holm(p: Sequence[float]) -> list[float]:
    """Returns Holm's step-down adjusted p-values (1979, Scand. J. Statist. 6).

    With the values sorted, the i-th smallest of m becomes the largest of (m - j + 1) * p_(j) over
    j <= i, at most 1. Rejecting those at most alpha bounds the chance of any false rejection by
    alpha, however the values depend on each other.

    Args:
        p: One p-value a hypothesis, each in [0, 1].

    Returns:
        The adjusted values, in the order given.
    """
    _check_probabilities(p)
    adjusted = [0.0] * len(p)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        largest = max(largest, min(1.0, (len(p) - rank) * p[index]))
        adjusted[index] = float(largest)
    return adjusted


def e_bh(p: Sequence[float]) -> list[float]:
    """Returns false discovery rates at which e-values reject (e-BH, Wang & Ramdas 2022).

    With e-values 1/p sorted, the i-th largest of m becomes the least of m / (j * e_(j)) over
    j >= i, at most 1 (J. R. Statist. Soc. B 84). Rejecting those at most alpha bounds the expected
    share of false ones among the rejections by alpha, however the values depend on each other.

    Args:
        p: The reciprocal of one e-value a hypothesis, at most 1 each; 0 of an infinite e-value.

    Returns:
        The rates, in the order given.
    """
    _check_probabilities(p)
    rates = [0.0] * len(p)
    least = 1.0
    for rank, index in reversed(list(enumerate(sorted(range(len(p)), key=p.__getitem__), 1))):
        least = min(least, len(p) / rank * p[index])
        rates[index] = float(least)
    return rates


def _check_probabilities(p: Sequence[float]) -> None:
    if any(not 0 <= value <= 1 for value in p):
        raise ValueError(f"p-values must lie between 0 and 1, got {list(p)!r}")


def _checked(values: ArrayLike) -> _Array:
    """Returns the values as an array, or raises a readable ValueError."""
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or x.size < 2:
        raise ValueError(f"need one number for each of at least two seeds, got shape {x.shape}")
    if not np.isfinite(x).all():
        raise ValueError("values must be finite; count diverged seeds as an endpoint of their own")
    return x


def _check_seeds(n: int) -> None:
    if n < 2:
        raise ValueError(f"a t test needs at least two seeds, got {n}")


def check_probability(name: str, value: float) -> None:
    """Refuses what is no probability between 0 and 1.

    Raises:
        ValueError: The message names the value.
    """
    if not 0 < value < 1:
        raise ValueError(f"{name} must lie between 0 and 1, got {value!r}")


def _moments(values: ArrayLike) -> tuple[int, float, float]:
    """Returns n, the mean and the standard deviation (divisor n - 1).

    The deviation is 0 exactly when all values are equal, and then the mean is their value: rounding
    in the mean must not leave a tiny spread, nor squaring a tiny spread lose it.
    """
    x = _checked(values)
    if np.all(x == x[0]):
        return x.size, float(x[0]), 0.0
    mean = math.fsum(x) / x.size
    centred = x - mean
    scale = float(np.max(np.abs(centred)))
    return x.size, mean, scale * math.sqrt(math.fsum((centred / scale) ** 2) / (x.size - 1))


def _ratio(mean: float, deviation: float) -> float:
    if deviation == 0:
        return math.copysign(math.inf, mean) if mean else 0.0
    return mean / deviation


def _direction(x: _Array) -> _Array:
    """Returns the centred values at unit length; nan when they are all equal."""
    if np.all(x == x[0]):
        return np.full_like(x, math.nan)
    centred = x - math.fsum(x) / x.size
    centred /= np.max(np.abs(centred))
    unit: _Array = centred / np.linalg.norm(centred)
    return unit


def _subset_sums(x: _Array) -> _Array:
    """Returns the sums of all 2**n subsets of x."""
    sums = np.zeros(1)
    for value in x:
        sums = np.concatenate([sums, sums + value])
    return sums
