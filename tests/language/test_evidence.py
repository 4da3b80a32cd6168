"""Verdicts: the rule, its error rates by simulation, and its algebra."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnclaims import Inconclusive, all_of, decreasing, equivalent
from bnclaims.language.bounds import Values
from bnclaims.language.evidence import Evidence
from bnclaims.running.schedule import Request
from bnclaims.statistics.design import Open, Sequential
from tests.fakes import (
    ALPHA,
    AT_ALPHA,
    LIMIT,
    SEEDS,
    STREAMS,
    new_trial,
    normal,
    sample,
    samples,
    verdicts,
)
from tests.strategies import paired


def test_at_the_edge_of_superiority_wrong_verdicts_are_as_rare_as_alpha() -> None:
    """Either way: at the edge both 'supported' and 'refuted' are wrong."""
    rates = verdicts(lambda a, b: a < b - 0.5, normal([0.0, 0.5], seed=1))
    assert rates["supported"] <= LIMIT
    assert rates["refuted"] <= LIMIT
    # The boundary spends its alpha: a rule that never decides would pass the two lines above.
    assert rates["supported"] + rates["refuted"] >= ALPHA


def test_at_the_edge_of_equivalence_wrong_verdicts_are_as_rare_as_alpha() -> None:
    rates = verdicts(lambda a, b: abs(a - b) < 1.0, normal([0.0, 1.0], seed=2))
    assert rates["supported"] <= LIMIT
    assert rates["refuted"] <= LIMIT


def test_a_narrow_equivalence_is_refuted_wrongly_as_rarely_as_alpha() -> None:
    """Both edges are near: without splitting alpha the two errors would add up."""
    rates = verdicts(lambda a, b: abs(a - b) < 0.01, normal([0.0, 0.0], seed=9))
    assert rates["refuted"] <= LIMIT


def test_at_the_edge_of_a_trend_wrong_verdicts_are_as_rare_as_alpha() -> None:
    flat = verdicts(lambda *levels: decreasing(levels, tolerance=1.0), normal([0.0] * 4, seed=3))
    assert flat["supported"] <= LIMIT
    reversal = verdicts(
        lambda *levels: decreasing(levels, tolerance=1.0), normal([6.0, 3.0, 4.0, 0.0], seed=4)
    )
    assert reversal["supported"] <= LIMIT


def test_at_the_edge_of_an_interaction_wrong_verdicts_are_as_rare_as_alpha() -> None:
    rates = verdicts(lambda a, b, c, d: a - b > c - d, normal([3.0, 1.0, 2.0, 0.0], seed=5))
    assert max(rates["supported"], rates["refuted"]) <= LIMIT


def test_a_conjunction_is_refuted_wrongly_as_rarely_as_alpha() -> None:
    """All four parts lie on their edges: without splitting alpha, refutations would add up."""
    rates = verdicts(
        lambda *levels: all_of(*(level > 0 for level in levels)), normal([0.0] * 4, seed=6)
    )
    assert rates["refuted"] <= LIMIT


def test_clear_effects_are_found() -> None:
    assert verdicts(lambda a, b: a < b, normal([0.0, 4.0], seed=7))["supported"] > 0.99
    assert verdicts(lambda a, b: b < a, normal([0.0, 4.0], seed=7))["refuted"] > 0.99
    near = verdicts(lambda a, b: abs(a - b) < 2.0, normal([0.0, 0.0], seed=8))
    assert near["supported"] > 0.9


@given(paired, st.sampled_from([0.001, 0.5, 3.0, 1e4]))
def test_scaling_metric_and_margin_changes_no_verdict(data: Values, scale: float) -> None:
    a, b = samples(new_trial(), *data)
    c, d = samples(new_trial(), *(data * scale))
    assert (a < b - 0.25).verdict == (c < d - 0.25 * scale).verdict
    assert (abs(a - b) < 2.0).verdict == (abs(c - d) < 2.0 * scale).verdict


@given(paired)
def test_swapping_the_arms_mirrors_the_verdict(data: Values) -> None:
    a, b = samples(new_trial(), *data)
    c, d = samples(new_trial(), *data)
    mirrored = {"supported": "refuted", "refuted": "supported", "inconclusive": "inconclusive"}
    one, other = a < b, d < c
    assert mirrored[one.verdict] == other.verdict
    assert one.findings[0].estimate == pytest.approx(-other.findings[0].estimate)
    assert one.findings[0].p == pytest.approx(other.findings[0].p) or one.verdict == "inconclusive"


def test_looks_are_taken_in_turn_and_only_as_far_as_needed() -> None:
    asked: list[tuple[int, ...]] = []

    def require(cohorts: Sequence[Request]) -> None:
        asked.extend(cohort.seeds for cohort in cohorts)

    rng = np.random.default_rng(0)
    clear, noise = rng.normal(5, 1, SEEDS), rng.normal(0, 1, SEEDS)
    trial = new_trial(Sequential(futility=0.0), require=require)
    (one,) = samples(trial, clear)
    assert one > 0
    assert asked == [(0, 1, 2, 3, 4), (5, 6, 7, 8, 9)][: len(asked)]
    seeds_of_clear = len(asked) * 5
    asked.clear()
    (other,) = samples(trial, noise)
    evidence = other > 0
    assert evidence.verdict == "inconclusive"
    assert [s[0] for s in asked] == [0, 5, 10, 15]
    assert evidence.findings[0].seeds == SEEDS
    assert seeds_of_clear < SEEDS


def test_what_is_hopeless_stops_and_says_so() -> None:
    asked: list[Any] = []
    trial = new_trial(require=asked.append)
    (noise,) = samples(trial, np.tile([1.0, -1.0], 10))
    evidence = noise > 0
    assert evidence.verdict == "inconclusive"
    assert len(asked) < 4
    assert evidence.chance is not None
    assert evidence.chance < 0.1
    *_, takes, stopped = str(evidence).splitlines()
    assert re.search(r"at the estimate, .* seeds give 80% power", takes)
    assert stopped == (
        f"  stopped for futility after {evidence.findings[0].seeds} of 20 seeds: a verdict by the "
        f"last look has a chance of {evidence.chance:.0%}, below 10%"
    )


def test_how_an_undecided_comparison_stands_is_told_after_each_look() -> None:
    told: list[Any] = []
    trial = new_trial(Sequential(futility=0.0), tell=told.append)
    (noise,) = samples(trial, np.random.default_rng(5).normal(0.8, 1.0, SEEDS))
    assert (noise > 0).verdict == "inconclusive"
    *looks, end = told
    assert [seeds for seeds, _ in looks] == [5, 10, 15]
    assert all(0 <= chance <= 1 for _, chance in looks)
    assert end is None


def test_a_conjunction_goes_on_while_one_part_may_be_refuted() -> None:
    """Support is hopeless at the first part; the second may yet be refuted."""
    noise, falling = np.tile([1.0, -1.0], 10), np.random.default_rng(1).normal(-1.5, 1.0, SEEDS)
    one, other = samples(new_trial(), noise, falling)
    evidence = all_of(one > 0, other > 0)
    assert evidence.verdict == "refuted"
    assert evidence.chance is None


def test_a_verdict_is_reached_once_and_trained_once() -> None:
    calls: list[Any] = []
    trial = new_trial(require=calls.append)
    (one,) = samples(trial, np.arange(1.0, SEEDS + 1) + 50)
    evidence = one > 0
    assert evidence
    assert evidence.verdict == "supported"
    assert len(calls) == 1


def test_undecided_raises_and_refuted_is_false() -> None:
    trial = new_trial()
    noise, high = samples(trial, np.tile([1.0, -1.0], 10), np.linspace(4, 5, SEEDS))
    with pytest.raises(Inconclusive, match=r"at the estimate, .* seeds give 80% power"):
        bool(noise > 0)
    assert not (high < 0)


def test_a_conjunction_names_the_part_that_fails() -> None:
    trial = new_trial()
    rng = np.random.default_rng(3)
    low, high = samples(trial, rng.normal(-5, 0.1, SEEDS), rng.normal(5, 0.1, SEEDS))
    evidence = all_of(high > 0, low > 0)
    assert evidence.verdict == "refuted"
    assert [finding.verdict for finding in evidence.findings] == ["supported", "refuted"]
    assert trial.evidence == [evidence]


def test_levels_are_equivalent_to_the_first() -> None:
    rng = np.random.default_rng(4)
    levels = samples(new_trial(), *(rng.normal(mean, 0.1, SEEDS) for mean in (1.0, 1.1, 0.9)))
    assert equivalent(levels, within=0.5)
    assert equivalent(levels, within=0.5 * levels[0])
    assert not equivalent([*levels[:2], levels[2] + 3], within=0.5)


def test_two_sided_limits_written_as_a_chain_are_two_tests() -> None:
    (one,) = samples(new_trial(), np.linspace(-0.1, 0.1, SEEDS))
    assert -1 < one < 1


@pytest.mark.parametrize(
    ("misuse", "words"),
    [
        (lambda a: equivalent([a], within=1), "at least two levels"),
        (lambda a: abs(a) < 0, "the margin of an equivalence is positive"),
    ],
)
def test_impossible_claims_are_refused(misuse: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        misuse(sample(np.ones(SEEDS), new_trial()))


def test_tracing_answers_true_and_trains_nothing() -> None:
    def never(_: object) -> None:
        raise AssertionError

    trial = new_trial(require=never, tracing=True)
    one, other, third = samples(trial, *np.ones((3, SEEDS)))
    assert one < other
    assert other < one
    assert abs(one - other) < 1
    assert decreasing([one, other, third], tolerance=1)
    assert sum(evidence.edges for evidence in trial.evidence) == 1 + 1 + 2 + 3
    assert all(isinstance(evidence, Evidence) for evidence in trial.evidence)


def test_at_the_edge_an_open_design_errs_as_rarely_as_alpha() -> None:
    wrong = 0
    for a, b in normal([0.0, 0.0], seed=17):
        trial = new_trial(Open(alpha=ALPHA))
        one, other = samples(trial, a, b)
        wrong += (one < other).verdict == "supported"
    assert wrong / STREAMS <= LIMIT


def test_what_turns_up_after_the_trace_shares_alpha_all_the_same() -> None:
    """At the edges of four parts, of which the trace knew one."""
    wrong = 0
    for data in normal([0.0, 0.0, 0.0, 0.0, 0.0], seed=18):
        trial = new_trial(AT_ALPHA)
        trial.edges = 1
        zero, *others = samples(trial, *data)
        wrong += all_of(*(zero < other for other in others)).verdict == "refuted"
    assert wrong / STREAMS <= LIMIT
