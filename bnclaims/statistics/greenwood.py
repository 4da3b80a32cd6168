"""The spread of exponential data relative to their sum.

Divide m independent exponential numbers by their sum. The proportions p_1, ..., p_m are uniform on
the simplex and independent of the sum; their spread v = sum((p_i - 1/m)**2) is Greenwood's
statistic (1946, J. R. Statist. Soc. A 109) less 1/m. Its law is computed exactly, in two ways.

**Small spreads.** The ball of radius sqrt(v) about the centre lies inside the simplex while
v <= 1 / (m * (m - 1)), so that the chance is a ratio of volumes,

    P(spread <= v) = (pi * v)**((m - 1) / 2) / gamma((m + 1) / 2) * (m - 1)! / sqrt(m).

**All others**, from one number less. The first m - 1 numbers have the share B of the sum, which is
Beta(m - 1, 1) and independent of how they spread among themselves:

    v_m = B**2 * v_{m-1} + m / (m - 1) * (B - (m - 1) / m)**2.

So the distribution function of v_m is an integral of that of v_{m-1} over B. It is kept as a
logarithm on a grid of log v and interpolated by cubics, to a relative error below 1e-6.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy
from numpy.typing import NDArray

from bnclaims.statistics.numerics import gauss_legendre

__all__ = ["GreenwoodLaw", "greenwood_law"]

_Array = NDArray[np.float64]

_GRID, _NODES = 320, 64
# Scores beyond have chances of 1 to all digits.
_HIGHEST_SCORE = 7.5


@dataclass(frozen=True, eq=False)
class GreenwoodLaw:
    """The law of the spread of m proportions; see `greenwood_law`.

    Attributes:
        m: How many numbers, at least 1.
        log_chances: Logarithm of the distribution function on a grid of log v, from the largest
            ball in the simplex to the largest spread.
    """

    m: int
    log_chances: _Array

    def log_cdf(self, log_v: _Array) -> _Array:
        """Returns log P(spread <= v) at logarithms of v; a single number has no spread."""
        if self.m == 1:
            return np.zeros_like(log_v)
        in_ball = self._log_ball + (self.m - 1) / 2 * log_v
        if self.m == 2:
            return np.minimum(in_ball, 0.0)
        start, stop = self._ends
        place = np.sqrt(np.clip((log_v - start) / (stop - start), 0.0, 1.0)) * (_GRID - 1)
        beyond = np.minimum(_interpolated(self.log_chances, place), 0.0)
        return np.where(log_v <= start, in_ball, np.where(log_v >= stop, 0.0, beyond))

    def log_quantile(self, score: _Array) -> _Array:
        """Returns the logarithm of the spread whose chance is that of a standard normal score."""
        if self.m == 1:
            return np.full_like(score, -math.inf)
        in_ball = (scipy.special.log_ndtr(score) - self._log_ball) * 2 / (self.m - 1)
        if self.m == 2:
            return np.minimum(in_ball, self._ends[1])
        scores, log_v = self._quantiles
        return np.where(score <= scores[0], in_ball, np.interp(score, scores, log_v))

    def score(self, log_v: float) -> float:
        """Returns the standard normal score with the chance of a spread; the inverse of that."""
        return float(scipy.special.ndtri_exp(self.log_cdf(np.array([log_v]))[0]))

    @property
    def _ends(self) -> tuple[float, float]:
        return -math.log(self.m * (self.m - 1)), math.log1p(-1 / self.m)

    @property
    def _log_ball(self) -> float:
        m = self.m
        volume = (m - 1) / 2 * math.log(math.pi) - math.lgamma((m + 1) / 2)
        return volume + math.lgamma(m) - math.log(m) / 2

    @property
    def _quantiles(self) -> tuple[_Array, _Array]:
        return _quantiles(self)


def greenwood_law(m: int) -> GreenwoodLaw:
    """Returns the law of the spread of m proportions; some milliseconds a number, then cached."""
    for fewer in range(1, m):
        _law(fewer)
    return _law(m)


@lru_cache(maxsize=2048)
def _law(m: int) -> GreenwoodLaw:
    if m <= 2:
        return GreenwoodLaw(m, np.zeros(0))
    start, stop = GreenwoodLaw(m, np.zeros(0))._ends
    log_v = start + (stop - start) * np.linspace(0.0, 1.0, _GRID) ** 2
    chances = _chances_of_three(np.exp(log_v)) if m == 3 else _chances(m, log_v)
    return GreenwoodLaw(m, np.log(chances))


def _chances_of_three(v: _Array) -> _Array:
    """Returns the share of a triangle within a circle about its centre: it lacks three segments."""
    cosine = np.minimum(1 / np.sqrt(6 * v), 1.0)
    segment = v * np.arccos(cosine) - v * cosine * np.sqrt(1 - cosine**2)
    return np.asarray((math.pi * v - 3 * segment) * 2 / math.sqrt(3))


def _chances(m: int, log_v: _Array) -> _Array:
    """Returns the chances of m numbers from those of one less."""
    centre = (m - 1) / m
    reach = np.sqrt(np.exp(log_v) * centre)
    # With B = centre + reach * sin(phi) the integrand is smooth where v_{m-1} vanishes.
    low = -np.arcsin(np.minimum(centre / reach, 1.0))
    high = np.arcsin(np.minimum((1 - centre) / reach, 1.0))
    x, weight = gauss_legendre(_NODES)
    phi = low[:, None] + (high - low)[:, None] * x
    share = centre + reach[:, None] * np.sin(phi)
    rest = log_v[:, None] + 2 * np.log(np.cos(phi)) - 2 * np.log(share)
    density = (m - 1) * share ** (m - 2) * reach[:, None] * np.cos(phi)
    return np.asarray((density * np.exp(_law(m - 1).log_cdf(rest))) @ weight * (high - low))


@lru_cache(maxsize=256)
def _quantiles(law: GreenwoodLaw) -> tuple[_Array, _Array]:
    """Returns scores, increasing, and the logarithms of their spreads."""
    log_v = np.linspace(*law._ends, 8 * _GRID)
    scores = scipy.special.ndtri_exp(law.log_cdf(log_v))
    kept = scores < _HIGHEST_SCORE
    return scores[kept], log_v[kept]


def _interpolated(values: _Array, place: _Array) -> _Array:
    """Returns values on the integers between them, by cubics through the four nearest."""
    first = np.clip(place.astype(np.intp) - 1, 0, len(values) - 4)
    x = place - first
    a, b, c, d = (values[first + i] for i in range(4))
    e, f, g = x - 1, x - 2, x - 3
    return np.asarray(x * (e * (f * d - g * 3 * c) / 6 + g * f * b / 2) - e * f * g * a / 6)
