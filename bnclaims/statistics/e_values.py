"""E-values: evidence that keeps its meaning whenever one stops, or goes on.

An e-process is non-negative and, under the null and at any stopping time, at most 1 in the mean; so
the chance that it ever reaches 1/alpha is at most alpha (Ville's inequality; Ramdas, Grünwald, Vovk
& Shafer 2023, Statist. Sci. 38). Seeds may be added to stored runs at any time, for any reason.
"""

import math
from functools import lru_cache

import numpy as np
import scipy
from numpy.typing import NDArray

from bnclaims.statistics.numerics import gauss_legendre, threshold

__all__ = ["share_evalue", "t_critical", "t_evalue"]

_Array = NDArray[np.float64]

_NODES = 128


def t_evalue(t: float, n: int) -> float:
    """Returns the safe t test's e-value against a mean of at most 0.

    It is the density of t at a true effect delta over that at delta = 0, averaged over a prior
    (Grünwald, de Heide & Koolen 2024, J. R. Statist. Soc. B 86, "Safe Testing"; Wang & Ramdas,
    arXiv:2310.03722). The prior is half-Cauchy of scale 1: contrasts between arms are often many
    standard deviations, and for a prior with thin tails no t, however large, would suffice at five
    seeds. In the angle theta of the data with the ones, cot(theta) = t / sqrt(n-1), the ratio is

        exp(-n delta**2 sin(theta)**2 / 2)
            * integral of s**(n-1) exp(-(s - delta sqrt(n) cos(theta))**2 / 2) ds
            / (2**(n/2 - 1) * gamma(n/2)),

    s > 0 being the length of the data in standard deviations. The ratio depends on the data through
    t only and increases with it; lowering all data by a constant lowers t at every n. So the bound
    holds for every mean of at most 0 and every variance.

    Args:
        t: The t statistic of n data, possibly infinite.
        n: Number of data, at least 2.

    Returns:
        The e-value, positive; infinite for t = inf.
    """
    if math.isinf(t):
        return t if t > 0 else 0.0
    u, weight = gauss_legendre(_NODES)
    delta = np.tan(math.pi / 2 * u)  # half-Cauchy, as u is uniform
    sine2, cosine = (n - 1) / (t * t + n - 1), t / math.hypot(t, math.sqrt(n - 1))
    log_ratio = -n * delta**2 * sine2 / 2 + _log_lengths(delta * math.sqrt(n) * cosine, n)
    with np.errstate(over="ignore"):  # as good as infinite
        return float(weight @ np.exp(log_ratio))


@lru_cache(maxsize=256)
def t_critical(n: int, alpha: float) -> float:
    """Returns the t at which `t_evalue` of n data is 1/alpha: from there on it rejects."""
    return threshold(lambda t: t_evalue(t, n) >= 1 / alpha)


def share_evalue(hits: int, n: int, share: float = 0.5) -> float:
    """Returns the e-value against hits being at most a share of all trials in the long run.

    The likelihood at a true share p over that at `share`, averaged over p uniform on (share, 1)
    (Robbins 1970, Ann. Math. Statist. 41).

    Args:
        hits: Trials that hit, 0 to n.
        n: Trials.
        share: The largest share under the null, in (0, 1).

    Returns:
        The e-value.
    """
    misses = n - hits
    log_mixture = scipy.special.betaln(hits + 1, misses + 1) - math.log1p(-share)
    log_null = hits * math.log(share) + misses * math.log1p(-share)
    above = scipy.special.betaincc(hits + 1, misses + 1, share)
    with np.errstate(over="ignore"):  # as good as infinite
        return float(above * np.exp(log_mixture - log_null))


def _log_lengths(centre: _Array, n: int) -> _Array:
    """Returns the log of the integral over lengths s, over its value at centre 0."""
    z, weight = gauss_legendre(_NODES)
    # The integrand is log-concave with a curvature of at least 1 about its mode.
    mode = (centre + np.sqrt(centre**2 + 4 * (n - 1))) / 2
    # For a negative centre the root cancels; its conjugate does not.
    away = 2 * (n - 1) / (np.sqrt(centre**2 + 4 * (n - 1)) - centre)
    mode = np.where(centre < 0, away, mode)
    low = np.maximum(mode - 10.0, 0.0)[:, None]
    s = low + (mode[:, None] + 10.0 - low) * z
    peak = (n - 1) * np.log(mode) - (mode - centre) ** 2 / 2
    shape = np.exp((n - 1) * np.log(s) - (s - centre[:, None]) ** 2 / 2 - peak[:, None])
    area = shape @ weight * (mode + 10.0 - low[:, 0])
    constant = (n / 2 - 1) * math.log(2) + scipy.special.gammaln(n / 2)
    return np.asarray(peak + np.log(area) - constant, np.float64)
