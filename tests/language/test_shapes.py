"""Shapes: trends, orderings, rates and conjunctions, and what they refuse."""

from typing import Any

import numpy as np
import pytest

from bnclaims import all_of, decreasing, equivalent, highest, increasing, log, lowest, rate, slope
from bnclaims.language.sample import Endpoint
from tests.fakes import LIMIT, SEEDS, endpoint, new_trial, normal, sample, samples, verdicts

STEPS = np.linspace(
    -0.1, 0.1, SEEDS
)  # levels differ by the same in all seeds: the last look decides


def test_a_trend_falls_or_rises() -> None:
    levels = samples(new_trial(), *(mean + STEPS * (-1) ** i for i, mean in enumerate([3, 2, 1])))
    assert decreasing(levels, tolerance=0.5)
    assert increasing(levels[::-1], tolerance=0.5)
    assert not increasing(levels, tolerance=0.5)


def test_a_zigzag_is_no_trend() -> None:
    levels = samples(new_trial(), *(mean + STEPS for mean in (0.0, -1.0, 1.0, 2.0)))
    evidence = increasing(levels, tolerance=0.5)
    assert evidence.verdict == "refuted"
    assert [f.verdict for f in evidence.findings[:2]] == ["supported", "refuted"]


def test_a_rising_trend_says_so() -> None:
    levels = samples(new_trial(), *(mean + STEPS for mean in (0.0, 1.0, 2.0)))
    evidence = increasing(levels, tolerance=0.5)
    assert evidence.verdict == "supported"
    finding, *steps = evidence.findings
    assert finding.contrast == "rise per level of s1 … s3"
    assert finding.estimate == pytest.approx(1.0)
    assert [step.region.low for step in steps] == [-0.5, -0.5]
    assert finding.page_p == pytest.approx(6.0**-SEEDS)
    assert all(step.page_p is None for step in steps)


def test_page_goes_the_way_of_the_verdict() -> None:
    levels = samples(new_trial(), *(mean + STEPS for mean in (0.0, 1.0, 2.0)))
    evidence = decreasing(levels, tolerance=0.5)
    assert evidence.verdict == "refuted"
    assert evidence.findings[0].page_p == pytest.approx(6.0**-SEEDS)


def test_the_best_lie_below_the_rest_in_no_order_among_themselves() -> None:
    best_a, best_b, rest = samples(new_trial(), STEPS, 0.01 - STEPS, 2 + STEPS)
    assert lowest([best_a, best_b], than=[rest], by=0.5)
    assert highest([rest], than=[best_a, best_b], by=0.5)
    evidence = lowest([best_a, rest], than=[best_b])
    assert evidence.verdict == "refuted"
    assert evidence.edges == 2


def test_at_the_edge_of_an_ordering_wrong_verdicts_are_as_rare_as_alpha() -> None:
    """One of the best ties with one of the rest: either verdict is wrong."""
    rates = verdicts(
        lambda a, b, c, d: lowest([a, b], than=[c, d]), normal([0.0, 3.0, 3.0, 9.0], seed=12)
    )
    assert rates["supported"] <= LIMIT
    assert rates["refuted"] <= LIMIT


def test_a_rate_is_the_power_of_the_law() -> None:
    at = [4, 64, 256, 1024]
    noise = np.random.default_rng(np.random.SeedSequence(5)).normal(0, 0.02, (4, SEEDS))
    levels = samples(new_trial(), *(7.0 / x * np.exp(e) for x, e in zip(at, noise, strict=True)))
    found = rate(levels, at=at)
    np.testing.assert_allclose(
        found.values(SEEDS), np.polyfit(np.log(at), np.log([s.values(SEEDS) for s in levels]), 1)[0]
    )
    assert abs(found + 1) < 0.05
    assert str(found) == "rate of s1 … s4 over 4 … 1024"


def test_a_slope_is_the_least_squares_slope() -> None:
    levels = samples(new_trial(), STEPS, 1 + STEPS, 5 - STEPS)
    np.testing.assert_allclose(
        slope(levels, at=[0, 1, 4]).values(SEEDS),
        np.polyfit([0, 1, 4], np.stack([level.values(SEEDS) for level in levels]), 1)[0],
    )


def test_a_trend_has_its_levels_unit_and_a_slope_none() -> None:
    trial = new_trial()
    levels = [sample(STEPS - n, trial, n, unit="epochs") for n in (1, 2, 3)]
    falling = decreasing(levels, tolerance=0.5)
    assert falling.verdict == "supported"
    assert {finding.unit for finding in falling.findings} == {"epochs"}
    assert slope(levels, at=[0, 1, 4]).unit == rate(levels, at=[1, 2, 4]).unit == ""


def test_a_ratio_may_be_claimed_on_the_log_scale() -> None:
    slow, fast = samples(new_trial(), np.exp(1 + STEPS), np.exp(-STEPS))
    evidence = log(fast / slow) < np.log(0.5)
    assert evidence.verdict == "supported"
    assert evidence.findings[0].estimate == pytest.approx(-1.0, abs=0.2)
    assert log(fast) - log(slow) < np.log(0.5)


@pytest.mark.parametrize(
    ("misuse", "words"),
    [
        (lambda a: increasing([a, a], tolerance=1), "at least three levels, not 2"),
        (lambda a: increasing([a, a, a], tolerance=0), "tolerance=0: give a positive number"),
        (lambda a: lowest([], than=[a]), "at least one sample on either side"),
        (lambda a: lowest([a], than=[]), "at least one sample on either side"),
        (lambda a: highest([a], than=[a], by=-1), "by=-1: give a margin of 0 or more"),
        (lambda a: slope([a, a], at=[1]), "2 levels, at 1 positions"),
        (lambda a: slope([a, a], at=[1, 1]), "two different positions"),
        (lambda a: rate([a, a], at=[0, 1]), "positions must be positive"),
        (lambda a: equivalent([a, a], within=0), "give a positive margin"),
        (lambda a: slope([a, a], at=[1, 2]) < 1, "slope of s1 … s1 .* is the same whatever the"),
    ],
)
def test_what_is_no_shape_is_refused(misuse: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        misuse(sample(np.ones(SEEDS), new_trial()))


def test_endpoints_have_no_slope() -> None:
    times: list[Endpoint] = [endpoint([1.0] * SEEDS)] * 3
    with pytest.raises(TypeError, match="has no slope"):
        decreasing(times, tolerance=1)


def test_endpoints_have_no_equivalence() -> None:
    one, other = endpoint([1.0] * SEEDS), endpoint([2.0] * SEEDS, number=2)
    with pytest.raises(TypeError, match="known between bounds only"):
        equivalent([one, other], within=1.0)


def test_only_comparisons_can_hold_together() -> None:
    with pytest.raises(TypeError, match="takes comparisons"):
        all_of()
    with pytest.raises(TypeError, match="takes comparisons"):
        all_of(True)  # type: ignore[arg-type]


def test_a_comparison_holds_together_with_others_once() -> None:
    one, other = samples(new_trial(), STEPS, 1 + STEPS)
    evidence = one < other
    with pytest.raises(ValueError, match="s2 - s1 > 0 is part of a conjunction already: name each"):
        all_of(evidence, evidence)
    inner = all_of(one < other, one < 3)
    with pytest.raises(ValueError, match="and s1 < 3 is part of a conjunction already"):
        all_of(all_of(inner, other < 3), inner)
