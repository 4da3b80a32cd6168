"""Exact group-sequential boundaries of the one-sample t statistic.

The looks are at n_1 < ... < n_K seeds; look k stops when t_k >= c_k. The error alpha is spent along
a spending function f (see `bnclaims.statistics.spending`), so that under the null, at every k,

    P(t_j >= c_j for some j <= k) = f(n_k / n_K, alpha).

Only the upper crossing stops the recursion. Going on below it is always allowed, so the error bound
holds whatever is done on the other side (the boundary is non-binding). A two-sided boundary stops
when abs(t_k) >= c_k, and spends f(n_k / n_K, alpha / 2) on each side.

**The law of the looks.** Write t_n = sqrt(n-1) * cot(theta_n), theta_n being the angle between the
first n data and the vector of ones. Under the null the direction of the data is uniform on the
sphere whatever the variance, hence theta_n has the density sin(theta)**(n-2) / B(1/2, (n-1)/2) on
(0, pi). The direction of the first n data is independent of their length and of later data, so
theta_n, theta_{n+1}, ... is a Markov chain (Hall, Wijsman & Ghosh 1965, Ann. Math. Statist. 36).

**The recursion.** It runs backwards in the chain, one seed a step. Given theta_{n+1}, the data are
uniform on a slice of the sphere. Remove the last one: with a = sqrt(n/(n+1)), b = sqrt(1/(n+1)),

    cot(theta_n) = (a * cot(theta_{n+1}) + b * sin(phi)) / cos(phi),

phi in (-pi/2, pi/2) having the density cos(phi)**(n-2) / B(1/2, (n-1)/2). Let h_n(theta) be the
probability that no look before n has crossed, given theta_n = theta. Then h_{n_1} = 1 and

    h_{n+1}(theta) = E[h_n(theta_n); not crossed at n | theta_{n+1} = theta],
    P(not crossed before n, t_n >= t) = integral of density * h_n over theta <= arccot(t/sqrt(n-1)).

Every term is positive, so small probabilities keep their relative accuracy. "Not crossed" is an
interval of phi, known in closed form, and h_n is smooth in the coordinate that `_Stage` uses, so
Gauss and Chebyshev rules converge fast. With two sides h_n is symmetric about pi/2, and known from
its upper half. Up to some 500 seeds tail probabilities have a relative
error below 1e-6, mostly far below; at 1000 seeds below 1e-4.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import scipy
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from bnclaims.statistics.numerics import bisect, gauss_legendre
from bnclaims.statistics.spending import Spending, check_alpha, checked_looks, spent_alpha
from bnclaims.statistics.stagewise import SolvedBoundary

__all__ = ["adjusted_p", "critical_values"]

_Array = NDArray[np.float64]

# Points of every quadrature and series.
_NODES = 96
# Relative density below which a tail is left out: far below the rounding of what is kept.
_NEGLIGIBLE = 1e-20

Sides = Literal[1, 2]


def critical_values(
    looks: Sequence[int], alpha: float, spending: Spending, sides: Sides = 1
) -> tuple[float, ...]:
    """Returns the boundary of each look on the scale of the t statistic.

    Args:
        looks: Numbers of seeds, increasing, the first at least 2.
        alpha: Error over all looks, of both sides together where there are two, in (0, 1/2).
        spending: The spending function; of two sides each spends half of alpha.
        sides: 1 to stop when t_k is at least the critical value; 2 when its size is.

    Returns:
        One critical value a look.

    Raises:
        ValueError: An argument is out of range, or the first look has nothing to spend.
    """
    return _solved(checked_looks(looks, first=2), _a_side(alpha, sides), spending, sides).critical


def adjusted_p(
    t: float, look: int, looks: Sequence[int], alpha: float, spending: Spending, *, sides: Sides = 1
) -> float:
    """Returns the p-value that accounts for the earlier looks; see `bnclaims.statistics.stagewise`.

    Args:
        t: The t statistic at this look, possibly infinite; nan gives nan.
        look: Index of the look, from 0.
        looks: Numbers of seeds, increasing, the first at least 2.
        alpha: As for `critical_values`.
        spending: As for `critical_values`.
        sides: As for `critical_values`.

    Returns:
        A probability, not below the error spent before this look.

    Raises:
        ValueError: An argument is out of range.
    """
    boundary = _solved(checked_looks(looks, first=2), _a_side(alpha, sides), spending, sides)
    return boundary.adjusted_p(t, look)


def _a_side(alpha: float, sides: Sides) -> float:
    check_alpha(alpha)
    return float(alpha) / sides


@dataclass(frozen=True, eq=False)
class _Stage:
    """The chain at n seeds: h_n as a Chebyshev series on the angles that matter.

    Attributes:
        n: Number of seeds.
        edge: Smallest angle reachable uncrossed; h_n is 0 at smaller ones.
        top: Largest angle of non-negligible density.
        series: Chebyshev coefficients of h_n in 2*s - 1, s = sqrt((theta - edge) / (top - edge)).
            j seeds after a look h_n starts at its edge like (theta - edge)**(j/2), a power of s.
        nodes: Points of every quadrature and series.
        sides: 2 when crossing downwards stops, too; then h_n mirrors at pi/2, the top.
    """

    n: int
    edge: float
    top: float
    series: _Array
    nodes: int
    sides: Sides

    @classmethod
    def first(cls, n: int, nodes: int, sides: Sides) -> "_Stage":
        return cls(n, 0.0, _top_angle(n, sides), np.ones(1), nodes, sides)

    def uncrossed(self, theta: _Array) -> _Array:
        """Returns h_n at angles of at least `edge`, up to rounding."""
        if self.sides == 2:
            theta = np.minimum(theta, math.pi - theta)
        s = np.sqrt(np.clip((theta - self.edge) / (self.top - self.edge), 0.0, 1.0))
        h: _Array = np.asarray(chebyshev.chebval(2.0 * s - 1.0, self.series), dtype=np.float64)
        return h

    def tail_to(self, theta: float) -> float:
        """Returns P(not crossed before n, theta_n <= theta) under the null."""
        span = self.top - self.edge
        x, weight = gauss_legendre(self.nodes)
        s = x * math.sqrt(min(max((theta - self.edge) / span, 0.0), 1.0))
        angle = self.edge + span * s**2
        density = np.sin(angle) ** (self.n - 2) / scipy.special.beta(0.5, (self.n - 1) / 2)
        # d(angle) = 2 * span * s * ds, and ds = s / x * dx.
        return float(np.sum(weight / x * 2.0 * span * s**2 * density * self.uncrossed(angle)))

    def upper_tail(self, t: float) -> float:
        """Returns P(not crossed before n, t_n >= t) under the null."""
        return self.tail_to(math.atan2(math.sqrt(self.n - 1), t))

    def boundary(self, probability: float) -> float:
        """Returns the angle up to which `tail_to` is `probability`."""
        return bisect(lambda angle: self.tail_to(angle) > probability, self.edge, self.top)[0]

    def step(self, limit: float) -> "_Stage":
        """Returns the stage of one more seed, going on from angles of at least `limit` only."""
        a, b = math.sqrt(self.n / (self.n + 1)), math.sqrt(1 / (self.n + 1))
        # cot(theta_n) < cot(limit) reads a*cot(theta_{n+1}) < radius * cos(phi + shift).
        cot_limit = 1 / math.tan(limit)
        radius, shift = math.hypot(cot_limit, b), math.atan2(b, cot_limit)
        edge, top = math.atan2(a, radius), _top_angle(self.n + 1, self.sides)
        x = chebyshev.chebpts1(self.nodes)
        drift = a / np.tan(edge + (top - edge) * ((x + 1) / 2) ** 2)

        reach = np.arccos(np.clip(drift / radius, -1.0, 1.0))
        low = np.maximum(-shift - reach, -math.pi / 2)
        high = np.minimum(-shift + reach, math.pi / 2)
        if self.sides == 2:
            # The mirror image: -cot(theta_n) < cot(limit) reads -a*cot < radius * cos(phi - shift).
            other = np.arccos(np.clip(-drift / radius, -1.0, 1.0))
            low = np.maximum(low, shift - other)
            high = np.minimum(high, shift + other)
        # Keep to where the density of phi is not negligible beside its largest value in reach.
        peak = np.cos(np.clip(0.0, low, high))
        far = np.arccos(peak * _NEGLIGIBLE ** (1 / max(self.n - 2, 1)))
        low, high = np.maximum(low, -far), np.minimum(high, far)

        # Next to a limit h_n may start like a square root; the cosine makes that smooth.
        u, weight = gauss_legendre(self.nodes)
        half = (high - low)[:, None] / 2
        phi = (low + high)[:, None] / 2 - half * np.cos(math.pi * u)
        cos_phi = np.cos(phi)
        theta = np.arctan2(cos_phi, drift[:, None] + b * np.sin(phi))
        integrand = cos_phi ** (self.n - 2) * self.uncrossed(theta)
        measure = half * math.pi * np.sin(math.pi * u) * weight
        h = np.sum(integrand * measure, axis=1) / scipy.special.beta(0.5, (self.n - 1) / 2)

        series = chebyshev.chebvander(x, self.nodes - 1).T @ h * (2 / self.nodes)
        series[0] /= 2
        return _Stage(self.n + 1, edge, top, series, self.nodes, self.sides)


@lru_cache(maxsize=128)
def _solved(
    looks: tuple[int, ...], alpha: float, spending: Spending, sides: Sides, nodes: int = _NODES
) -> SolvedBoundary:
    """Returns the solved design that spends alpha on each side."""
    spent = spent_alpha(looks, alpha, spending)
    stages: list[_Stage] = []
    critical: list[float] = []
    stage, before = _Stage.first(looks[0], nodes, sides), 0.0
    for look, n in enumerate(looks):
        while stage.n < n:
            stage = stage.step(stage.edge)
        limit = stage.boundary(spent[look] - before)
        stages.append(stage)
        critical.append(math.sqrt(n - 1) / math.tan(limit))
        if look + 1 < len(looks):
            stage = stage.step(limit)
        before = spent[look]
    return SolvedBoundary(stages, spent, tuple(critical), sides)


def _top_angle(n: int, sides: Sides) -> float:
    """Returns the angle above which the density sin(theta)**(n-2) is negligible, or the mirror."""
    if sides == 2:
        return math.pi / 2
    return math.pi / 2 + math.acos(_NEGLIGIBLE ** (1 / max(n - 2, 1)))
