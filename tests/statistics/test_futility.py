"""Stopping for futility: against simulation of the data to come, and what it costs."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnclaims.statistics.boundary import NormalBoundary
from bnclaims.statistics.design import Design, Open, Sequential
from bnclaims.statistics.futility import chances_of_mean, chances_of_share
from bnclaims.statistics.planning import bound, equivalence, judged_over_looks, outlook

DESIGNS: list[Design] = [Sequential(), Sequential(boundary=NormalBoundary()), Open()]


def simulated_chance(mean: float, look: int, design: Design, true: float) -> float:
    """How often later data of deviation 1 bring t to a critical value, given the first ones."""
    rng = np.random.default_rng(np.random.SeedSequence([60, look]))
    seen, last = design.looks[look], design.looks[-1]
    first = rng.standard_normal(seen)
    first = (first - first.mean()) / first.std(ddof=1) + mean
    new = rng.normal(true, 1.0, (20_000, last - seen))
    x = np.hstack([np.broadcast_to(first, (len(new), seen)), new])
    best = 0.0
    for later in range(look + 1, len(design.looks)):
        n = design.looks[later]
        t = math.sqrt(n) * x[:, :n].mean(axis=1) / x[:, :n].std(axis=1, ddof=1)
        best = max(best, float(np.mean(t >= design.critical(later))))
    return best


@pytest.mark.parametrize("design", DESIGNS, ids=str)
@pytest.mark.parametrize("look", [0, 1, 2])
@pytest.mark.parametrize("mean", [0.0, 0.5, 1.0])
def test_chances_agree_with_simulation(design: Design, look: int, mean: float) -> None:
    n = design.looks[look]
    half = float(Sequential((n,), 0.025, boundary=NormalBoundary()).critical(0)) / math.sqrt(n)
    expected = max(simulated_chance(mean, look, design, mean + f * half) for f in (0.0, 0.5, 1.0))
    found, _ = chances_of_mean(np.array([mean]), np.array([1.0]), look, design, design)
    # An approximation: good where it matters, at small chances.
    assert float(found) == pytest.approx(expected, abs=0.03 if expected < 0.2 else 0.1)


@given(st.floats(-3, 3), st.integers(0, 2))
def test_mirrors(mean: float, look: int) -> None:
    design = Sequential(boundary=NormalBoundary())
    one = chances_of_mean(np.array([mean]), np.array([1.0]), look, design, design)
    other = chances_of_mean(np.array([-mean]), np.array([1.0]), look, design, design)
    assert [float(x) for x in one] == pytest.approx([float(x) for x in reversed(other)])


@pytest.mark.parametrize("effect", [0.5, 1.0, 1.5, 2.0])
@pytest.mark.parametrize("design", [Sequential, Open])
def test_costs_hardly_any_power(effect: float, design: type) -> None:
    stops, goes_on = (
        outlook(bound(), effect, spread=1.0, design=design(futility=f)) for f in (0.1, 0.0)
    )
    assert stops.supported >= goes_on.supported - 0.01
    assert stops.seeds <= goes_on.seeds


def test_saves_seeds_where_nothing_is_to_be_found() -> None:
    assert outlook(bound(), 0.0, spread=1.0).seeds < 12
    at_the_edge = outlook(equivalence(1.0), 1.0, spread=0.5)
    assert at_the_edge.seeds < 12
    assert outlook(bound(), 0.0, spread=1.0, design=Sequential(futility=0.0)).seeds > 19.9


def test_never_adds_a_verdict() -> None:
    rng = np.random.default_rng(np.random.SeedSequence(61))
    data = rng.normal(0.3, 1.0, (1, 2_000, 20))
    normal = Sequential(alpha=0.2, boundary=NormalBoundary())
    stops, seeds = judged_over_looks(data, ((0,),), normal)
    goes_on, later = judged_over_looks(
        data, ((0,),), Sequential(alpha=0.2, boundary=NormalBoundary(), futility=0.0)
    )
    assert (seeds <= later).all()
    assert ((stops == goes_on) | (stops == 0)).all()
    assert (stops != goes_on).mean() < 0.02


def test_a_share_stops_when_no_seeds_to_come_could_decide_it() -> None:
    design = Sequential()
    for look, n in enumerate(design.looks[:-1]):
        for hits in range(n + 1):
            best = any(
                design.adjusted_share_p(hits + later - n, k) <= design.level(k)
                for k, later in enumerate(design.looks)
                if later > n
            )
            supported, refuted = chances_of_share(hits, n - hits, look, design, design)
            assert supported == best
            mirrored, _ = chances_of_share(n - hits, hits, look, design, design)
            assert refuted == mirrored
    assert chances_of_share(8, 7, 2, design, design) == (0.0, 0.0)


@pytest.mark.parametrize("futility", [-0.1, 1.0, math.nan])
def test_refuses_what_is_no_chance(futility: float) -> None:
    with pytest.raises(ValueError, match="futility must lie between 0 and 1"):
        Sequential(futility=futility)
