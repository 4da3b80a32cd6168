"""Planning against closed forms, statsmodels, and simulation of the claims themselves."""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import DescrStatsW

from bnclaims import decreasing
from bnclaims.statistics import contrasts as s
from bnclaims.statistics import e_values, planning
from bnclaims.statistics.boundary import ExponentialBoundary, NormalBoundary
from bnclaims.statistics.design import Open, Sequential
from bnclaims.statistics.e_values import share_evalue
from bnclaims.statistics.planning import (
    LinearHypothesis,
    bound,
    detectable_effect,
    equivalence,
    interaction,
    ordering,
    outlook,
    rate,
    seeds_needed,
    superiority,
    trend,
)
from tests.fakes import new_trial, samples

NORMAL = NormalBoundary()
PLANNED = Sequential(boundary=NORMAL)


@pytest.mark.parametrize("alpha", [0.01, 0.05])
@pytest.mark.parametrize("effect", [0.3, 1.0, 2.5])
def test_a_bound_needs_what_statsmodels_says(effect: float, alpha: float) -> None:
    seeds = seeds_needed(bound(), effect, spread=1.0, alpha=alpha, power=0.9, boundary=NORMAL)
    exact = TTestPower().solve_power(effect, alpha=alpha, power=0.9, alternative="larger")
    assert seeds == max(2, math.ceil(exact - 1e-9))


def test_a_published_table() -> None:
    # Cohen (1988) and G*Power: d_z = 0.5, one-sided .05, power .8 takes 27 pairs.
    assert seeds_needed(bound(), 0.5, spread=1.0, alpha=0.05, boundary=NORMAL) == 27
    design = Sequential(alpha=0.05, boundary=NORMAL)
    assert planning.seeds_for_distances([0.5], design, 0.8) == 27


def test_margin_spread_and_correlation_enter_as_they_should() -> None:
    # A difference of two arms has the variance 2 * spread**2 * (1 - correlation).
    paired = seeds_needed(superiority(0.1), 0.3, spread=0.5, correlation=0.5)
    assert paired == seeds_needed(bound(), 0.2, spread=0.5)
    alone = seeds_needed(superiority(), 1.0, spread=1.0)
    assert alone == seeds_needed(bound(), 1.0, spread=math.sqrt(2))
    crossed = seeds_needed(interaction(0.5), 1.5, spread=1.0, correlation=0.0)
    assert crossed == seeds_needed(bound(), 1.0, spread=2.0)


def schuirmann(below: float, above: float, n: int, alpha: float, draws: int) -> float:
    """The share of simulated samples that statsmodels calls equivalent."""
    rng = np.random.default_rng(np.random.SeedSequence(8))
    data = rng.normal(0.0, 1.0, (draws, n))
    p = [DescrStatsW(x).ttost_mean(-below, above)[0] for x in data]
    return float(np.mean(np.array(p) <= alpha))


@pytest.mark.parametrize(
    ("below", "above", "n"), [(1.0, 1.0, 10), (1.5, 0.9, 12), (2.0, 2.0, 5), (0.4, 0.4, 5)]
)
def test_power_of_two_one_sided_tests(below: float, above: float, n: int) -> None:
    alpha, draws = 0.05, 3_000
    power = s.equivalence_power(below, above, n, float(stats.t.isf(alpha, n - 1)))
    found = schuirmann(below, above, n, alpha, draws)
    assert abs(found - power) < 4 * math.sqrt(max(power, 1e-3) * (1 - power) / draws) + 1e-3


def test_far_apart_edges_are_one_edge() -> None:
    critical = float(stats.t.isf(0.01, 7))
    assert s.equivalence_power(1.3, 100.0, 8, critical) == pytest.approx(
        s.power(1.3, 8, critical), abs=1e-9
    )


CLAIMS: dict[str, tuple[LinearHypothesis, float]] = {
    "bound": (bound(0.2), 1.0),
    "superiority": (superiority(0.1), 1.2),
    "equivalence": (equivalence(1.5), 0.2),
    "interaction": (interaction(), 2.0),
    "trend": (trend(4, tolerance=1.0), 0.5),
    "ordering": (ordering(2, 2), 1.5),
    "rate": (rate([4, 64, 256, 1024], within=0.4), 0.05),
}


@pytest.mark.parametrize(("claim", "effect"), CLAIMS.values(), ids=CLAIMS)
def test_that_many_seeds_have_that_power_and_fewer_have_not(
    claim: LinearHypothesis, effect: float
) -> None:
    """Simulates the claim afresh, with other numbers and without the shortcut of a Wishart."""
    spread, correlation, alpha, power, draws = 0.8, 0.3, 0.05, 0.8, 4_000
    n = seeds_needed(claim, effect, spread=spread, correlation=correlation, alpha=alpha)
    assert n is not None

    def supported(seeds: int) -> float:
        rng = np.random.default_rng(np.random.SeedSequence(9))
        arms = len(claim.pattern)
        common = math.sqrt(correlation) * rng.standard_normal((draws, seeds, 1))
        own = math.sqrt(1 - correlation) * rng.standard_normal((draws, seeds, arms))
        runs = effect * claim.pattern + spread * (common + own)
        contrasts = runs @ claim.contrasts.T + claim.offsets
        t = math.sqrt(seeds) * contrasts.mean(axis=1) / contrasts.std(axis=1, ddof=1)
        return float((t >= ExponentialBoundary().critical_alone(seeds, alpha)).all(axis=1).mean())

    # Four standard errors of this simulation and of the one that planned.
    error = 4 * math.sqrt(power * (1 - power) * (1 / draws + 1 / 20_000))
    assert supported(n) >= power - error
    assert n == 2 or supported(n - 1) <= power + error


@pytest.mark.parametrize(("claim", "effect"), CLAIMS.values(), ids=CLAIMS)
def test_the_detectable_effect_needs_those_seeds(claim: LinearHypothesis, effect: float) -> None:
    n = seeds_needed(claim, effect, spread=0.8)
    assert n is not None
    found = detectable_effect(claim, n, spread=0.8)
    assert found is not None
    nearness = claim.is_nearness
    assert found >= effect if nearness else found <= effect
    again = seeds_needed(claim, found * (0.999 if nearness else 1.001), spread=0.8)
    assert again is not None
    assert abs(again - n) <= 1


def test_scaling_units_changes_no_number_of_seeds() -> None:
    small = seeds_needed(equivalence(0.3), 0.05, spread=0.2)
    assert small == seeds_needed(equivalence(30.0), 5.0, spread=20.0)


def test_out_of_reach() -> None:
    assert seeds_needed(superiority(0.5), 0.5, spread=1.0) is None
    assert seeds_needed(superiority(), 1e-4, spread=1.0) is None
    assert detectable_effect(equivalence(0.1), 5, spread=1.0) is None
    assert planning.seeds_for_distances([math.inf], Sequential(), 0.8) is None
    assert planning.seeds_for_distances([0.0], Sequential(), 0.8) is None
    assert planning.seeds_for_share(0.5, Sequential(), 0.8) is None


@pytest.mark.parametrize(("share", "power"), [(0.9, 0.8), (0.75, 0.95), (0.6, 0.8)])
def test_a_share_needs_the_smallest_binomial_test(share: float, power: float) -> None:
    def reached(n: int) -> bool:
        fewest = int(stats.binom.isf(0.01, n, 0.5)) + 1
        return float(stats.binom.sf(fewest - 1, n, share)) >= power

    n = planning.seeds_for_share(share, Sequential(alpha=0.01), power)
    assert n is not None
    assert reached(n)
    assert not any(reached(fewer) for fewer in range(2, n))


@pytest.mark.parametrize("share", [1.0, 0.9, 0.75])
def test_a_share_needs_more_seeds_in_an_open_design(share: float) -> None:
    def reached(n: int) -> bool:
        fewest = next((k for k in range(n + 1) if share_evalue(k, n) >= 100), n + 1)
        return float(stats.binom.sf(fewest - 1, n, share)) >= 0.8

    n = planning.seeds_for_share(share, Open(alpha=0.01), 0.8)
    planned = planning.seeds_for_share(share, Sequential(alpha=0.01), 0.8)
    assert n is not None
    assert planned is not None
    assert n > planned
    assert reached(n)
    assert not any(reached(fewer) for fewer in range(2, n))


@pytest.mark.parametrize("width", [2.2, 3.0, 8.0])
def test_a_distance_that_is_detectable_knows_the_opposite_edge(width: float) -> None:
    distance = planning.detectable_distance(20, 4.77, 0.8, width)
    if distance is None:
        assert s.equivalence_power(width / 2, width / 2, 20, 4.77) < 0.8
    else:
        assert s.equivalence_power(distance, width - distance, 20, 4.77) == pytest.approx(0.8)
        far = planning.detectable_distance(20, 4.77, 0.8)
        assert far is not None
        assert distance >= far - 1e-9


def test_a_shape_that_holds_without_an_effect_is_no_nearness() -> None:
    """Non-inferiority: an effect makes it easier."""
    assert detectable_effect(superiority(margin=-1.0), 10, spread=0.1) == 0.0
    found = detectable_effect(superiority(margin=-0.1), 10, spread=1.0)
    assert found is not None
    assert found > 0


def test_an_outlook_settles_each_part_at_its_own_look_as_claims_do() -> None:
    shape, effect, design = trend(4, tolerance=0.6), 0.25, Sequential(alpha=0.05)
    runs = np.random.default_rng(np.random.SeedSequence(11)).normal(0, 1, (200, 4, 20))
    runs += effect * shape.pattern[:, None]
    contrasts = np.moveaxis(shape.contrasts @ runs + shape.offsets[:, None], 1, 0)
    found, stopped = planning.judged_over_looks(contrasts, shape.parts, design)
    codes = {"supported": 1, "refuted": -1, "inconclusive": 0}
    for i, levels in enumerate(runs):
        rows = samples(new_trial(design), *levels)
        evidence = decreasing(rows, tolerance=0.6)
        assert codes[evidence.verdict] == found[i]
        assert evidence.look is not None
        assert design.looks[evidence.look] == stopped[i]


def test_what_no_statistic_reaches_shows_no_distance() -> None:
    assert planning.detectable_distance(3, math.inf, 0.8) is None


@pytest.mark.parametrize("n", [2, 5, 20])
@pytest.mark.parametrize("power", [0.5, 0.8, 0.95])
def test_detectable_distance_inverts_power(n: int, power: float) -> None:
    for critical in (2.8, 30.0):
        distance = planning.detectable_distance(n, critical, power)
        assert distance is not None
        assert s.power(distance, n, critical) == pytest.approx(power, abs=1e-9)


def test_the_outlook_of_a_clear_effect_and_of_none() -> None:
    clear = outlook(superiority(), 5.0, spread=0.5, design=PLANNED)
    assert clear.supported > 0.999
    assert clear.seeds == pytest.approx(5.0, abs=0.2)
    to_the_end = dataclasses.replace(PLANNED, futility=0.0)
    none = outlook(superiority(), 0.0, spread=0.5, design=to_the_end)
    limit = 4 * math.sqrt(0.01 * 0.99 / 20_000)
    assert none.supported == pytest.approx(0.01, abs=limit)
    assert none.refuted == pytest.approx(0.01, abs=limit)
    assert none.seeds == pytest.approx(20.0, abs=0.3)


def test_the_boundary_for_skew_asks_for_more() -> None:
    none, clear = (outlook(superiority(), effect, spread=0.5) for effect in (0.0, 1.0))
    limit = stats.binom.ppf(1 - 1e-4, 20_000, 2e-4) / 20_000
    assert none.supported <= limit
    assert none.refuted <= limit
    assert clear.supported < outlook(superiority(), 1.0, spread=0.5, design=PLANNED).supported
    assert seeds_needed(bound(), 1.0, spread=1.0) > seeds_needed(  # type: ignore[operator]
        bound(), 1.0, spread=1.0, boundary=NORMAL
    )


def test_an_open_design_asks_for_more_than_planned_looks() -> None:
    planned, unplanned = (
        outlook(superiority(), 1.5, spread=1.0, design=design) for design in (PLANNED, Open())
    )
    assert unplanned.supported < planned.supported


REFUSALS: list[tuple[Callable[[], object], str]] = [
    (lambda: seeds_needed(bound(), 1.0, spread=0.0), "spread must be positive"),
    (lambda: seeds_needed(bound(), 1.0, spread=math.nan), "spread must be positive"),
    (lambda: seeds_needed(superiority(), 1.0, spread=1.0, correlation=1.0), "correlation must lie"),
    (lambda: seeds_needed(bound(), 1.0, spread=1.0, alpha=0.0), "alpha must lie"),
    (lambda: seeds_needed(bound(), 1.0, spread=1.0, power=1.0), "power must lie"),
    (lambda: detectable_effect(bound(), 1, spread=1.0), "at least two seeds"),
]


@pytest.mark.parametrize(("call", "words"), REFUSALS)
def test_refuses(call: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()


def test_what_the_docs_say() -> None:
    assert seeds_needed(superiority(margin=0.1), effect=0.3, spread=0.1) == 16
    fewer = seeds_needed(superiority(margin=0.1), effect=0.3, spread=0.1, boundary=NORMAL)
    assert fewer == 8
    close = equivalence(margin=0.1)
    assert seeds_needed(close, effect=0.02, spread=0.05, correlation=0.5) == 14
    fall = detectable_effect(trend(levels=4, tolerance=0.1), seeds=10, spread=0.05)
    assert fall == pytest.approx(0.074, abs=5e-4)
    expected = outlook(superiority(margin=0.1), effect=0.3, spread=0.1)
    assert expected.supported == pytest.approx(0.90, abs=0.01)
    assert expected.seeds == pytest.approx(17.5, abs=0.2)


@pytest.mark.parametrize("power", [0.8, 0.95])
@pytest.mark.parametrize("distances", [[0.9], [0.3], [0.04], [0.003], [0.5, 0.7], [0.05, 0.05]])
def test_an_open_design_asks_one_e_value_a_number_of_seeds(
    distances: list[float], power: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes to the number of seeds that critical t statistics give, without finding these."""
    asked: list[int] = []
    design = Open(alpha=0.004)

    def t_evalue(t: float, n: int) -> float:
        asked.append(n)
        return e_values.t_evalue(t, n)

    monkeypatch.setattr("bnclaims.statistics.design.t_evalue", t_evalue)
    monkeypatch.setattr("bnclaims.statistics.design.t_critical", None)
    found = planning.seeds_for_distances(distances, design, power)
    monkeypatch.undo()
    assert len(asked) == len(set(asked))

    def reached(n: int) -> bool:
        critical = design.critical_alone(n)
        if len(distances) == 1:
            return s.power(distances[0], n, critical) >= power
        return s.equivalence_power(distances[0], distances[1], n, critical) >= power

    if found is None:
        assert not reached(planning.MOST_SEEDS)
    else:
        assert reached(found)
        assert not reached(found - 1)
