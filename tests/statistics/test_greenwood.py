"""The law of Greenwood's statistic against its moments, simulation, and geometry."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special

from bnclaims.statistics import greenwood
from bnclaims.statistics.greenwood import GreenwoodLaw, greenwood_law


def moments(law: GreenwoodLaw) -> tuple[float, float]:
    """Mean and mean square of the spread: integrals of 1 - P(spread <= v)."""
    v = (np.arange(200_000) + 0.5) / 200_000
    above = -np.expm1(law.log_cdf(np.log(v)))
    return float(np.mean(above)), float(np.mean(2 * v * above))


@pytest.mark.parametrize("m", [2, 3, 4, 5, 12, 30])
def test_moments(m: int) -> None:
    # The mean of p_i**2 * p_j**2 over the simplex has a closed form (Moran 1947).
    squares, products = 24 * m, 4 * m * (m - 1)
    second = (squares + products) / (m * (m + 1) * (m + 2) * (m + 3))
    first = 2 / (m + 1)
    mean, mean_square = moments(greenwood_law(m))
    assert mean == pytest.approx(first - 1 / m, rel=1e-5)
    assert mean_square == pytest.approx(second - 2 * first / m + 1 / m**2, rel=1e-4)


@pytest.mark.parametrize("m", [3, 4, 5, 10, 25])
def test_simulated_proportions_have_it(m: int) -> None:
    rng = np.random.default_rng(np.random.SeedSequence([30, m]))
    draws = 100_000
    v = np.var(rng.dirichlet(np.ones(m), draws), axis=1) * m
    for chance in (0.001, 0.1, 0.5, 0.9, 0.999):
        quantile = greenwood_law(m).log_quantile(np.array([special.ndtri(chance)]))
        hits = int(np.sum(np.log(v) <= quantile))
        assert abs(hits - draws * chance) < 4 * math.sqrt(draws * chance * (1 - chance))


@pytest.mark.parametrize("m", [4, 5, 8, 20])
def test_a_finer_grid_changes_nothing(m: int, monkeypatch: pytest.MonkeyPatch) -> None:
    log_v = np.linspace(-3 * math.log(m), 0.0, 500)
    coarse = greenwood_law(m).log_cdf(log_v)
    greenwood._law.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(greenwood, "_GRID", 1600)
        patch.setattr(greenwood, "_NODES", 256)
        fine = greenwood_law(m).log_cdf(log_v)
    greenwood._law.cache_clear()
    assert np.abs(coarse - fine).max() < 5e-5


def inverse_error(m: int) -> NDArray[np.float64]:
    law = greenwood_law(m)
    scores = np.linspace(-20.0, 4.0, 100)
    return np.array([law.score(float(v)) for v in law.log_quantile(scores)]) - scores


@pytest.mark.parametrize("m", [2, 3, 5, 20])
def test_quantile_and_score_are_inverse(m: int) -> None:
    assert np.abs(inverse_error(m)).max() < 1e-3


def test_one_number_has_no_spread() -> None:
    assert greenwood_law(1).log_quantile(np.zeros(1))[0] == -math.inf
    assert greenwood_law(1).log_cdf(np.zeros(1))[0] == 0.0
