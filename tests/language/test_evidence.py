"""Verdicts: the rule, its error rates by simulation, and its algebra."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bnclaims import Inconclusive, all_of, decreasing, equivalent
from bnclaims.language.bounds import Values
from bnclaims.language.evidence import Evidence, Trial
from bnclaims.language.sample import Endpoint, Sample
from bnclaims.running.schedule import Cohort
from bnclaims.statistics.boundary import BOUNDARIES, Boundary
from bnclaims.statistics.contrasts import t_statistic
from bnclaims.statistics.design import Open, Sequential
from bnclaims.statistics.e_values import t_evalue

from .test_sample import SEEDS, endpoint, no_run, sample

ALPHA = 0.05
STREAMS = 1500


def court(alpha: float = 0.01, boundary: Boundary = BOUNDARIES["exponential"]) -> Trial:
    design = Sequential(alpha=alpha, boundary=boundary)
    return Trial(design=design, require=lambda _: None, load=no_run)


def samples(trial: Trial, *data: Values) -> list[Sample]:
    return [sample(values, trial, units) for units, values in enumerate(data, start=1)]


def verdicts(compare: Any, streams: Sequence[tuple[Values, ...]]) -> dict[str, float]:
    """The share of each verdict over simulated sets of runs."""
    counts = {"supported": 0, "refuted": 0, "inconclusive": 0}
    for data in streams:
        trial = court(ALPHA, BOUNDARIES["normal"])
        counts[compare(*samples(trial, *data)).verdict] += 1
    return {verdict: count / len(streams) for verdict, count in counts.items()}


def normal(means: Sequence[float], seed: int) -> list[tuple[Values, ...]]:
    rng = np.random.default_rng(seed)
    shape = (STREAMS, len(means), SEEDS)
    data = rng.normal(np.array(means)[:, None], 1.0, shape)
    return [tuple(rows) for rows in data]


LIMIT = float(stats.binom.ppf(1 - 1e-4, STREAMS, ALPHA)) / STREAMS
"""What a rate of ALPHA exceeds once in ten thousand times."""


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


paired = st.integers(0, 10_000).map(
    lambda seed: np.random.default_rng(seed).normal([[0.0], [seed % 7 / 3]], 1.0, (2, SEEDS))
)


@given(paired, st.sampled_from([0.001, 0.5, 3.0, 1e4]))
def test_scaling_metric_and_margin_changes_no_verdict(data: Values, scale: float) -> None:
    a, b = samples(court(), *data)
    c, d = samples(court(), *(data * scale))
    assert (a < b - 0.25).verdict == (c < d - 0.25 * scale).verdict
    assert (abs(a - b) < 2.0).verdict == (abs(c - d) < 2.0 * scale).verdict


@given(paired)
def test_swapping_the_arms_mirrors_the_verdict(data: Values) -> None:
    a, b = samples(court(), *data)
    c, d = samples(court(), *data)
    mirrored = {"supported": "refuted", "refuted": "supported", "inconclusive": "inconclusive"}
    one, other = a < b, d < c
    assert mirrored[one.verdict] == other.verdict
    assert one.findings[0].estimate == pytest.approx(-other.findings[0].estimate)
    assert one.findings[0].p == pytest.approx(other.findings[0].p) or one.verdict == "inconclusive"


@given(paired)
def test_interval_region_and_p_tell_the_same_story(data: Values) -> None:
    claims: list[Any] = [
        lambda a, b: a < b - 0.3,
        lambda a, b: abs(a - b) < 1.5,
        lambda a, b: a < 0.2,
    ]
    for claim in claims:
        evidence = claim(*samples(court(), *data))
        assert evidence.verdict in {"supported", "refuted", "inconclusive"}
        finding = evidence.findings[0]
        low, high = finding.region
        inside = low < finding.low and finding.high < high
        outside = finding.high < low or finding.low > high
        told = "supported" if inside else "refuted" if outside else "inconclusive"
        assert told == finding.verdict
        if finding.verdict != "inconclusive":
            assert finding.p <= 0.01
        assert finding.nominal_p <= finding.p + 1e-12


def test_looks_are_taken_in_turn_and_only_as_far_as_needed() -> None:
    asked: list[tuple[int, ...]] = []

    def require(cohorts: Sequence[Cohort]) -> None:
        asked.extend(cohort.seeds for cohort in cohorts)

    rng = np.random.default_rng(0)
    clear, noise = rng.normal(5, 1, SEEDS), rng.normal(0, 1, SEEDS)
    trial = Trial(design=Sequential(), require=require, load=no_run)
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


def test_a_verdict_is_reached_once_and_trained_once() -> None:
    calls: list[Any] = []
    trial = Trial(design=Sequential(), require=calls.append, load=no_run)
    (one,) = samples(trial, np.arange(1.0, SEEDS + 1) + 50)
    evidence = one > 0
    assert evidence
    assert evidence.verdict == "supported"
    assert len(calls) == 1


def test_undecided_raises_and_refuted_is_false() -> None:
    trial = court()
    noise, high = samples(trial, np.tile([1.0, -1.0], 10), np.linspace(4, 5, SEEDS))
    with pytest.raises(Inconclusive, match=r"it would take .* seeds \(80%\)"):
        bool(noise > 0)
    assert not (high < 0)


@pytest.mark.parametrize(
    ("value", "verdict"), [(1.0, "supported"), (-1.0, "refuted"), (0.0, "refuted")]
)
def test_without_variance_the_exact_value_decides(value: float, verdict: str) -> None:
    (one,) = samples(court(), np.full(SEEDS, value))
    evidence = one > 0
    assert evidence.verdict == verdict
    assert evidence.findings[0].is_exact
    assert np.isnan(evidence.findings[0].p)
    assert "decides by itself, without a test or an error rate" in str(evidence)
    assert evidence.findings[0].low == evidence.findings[0].high == value


def test_a_conjunction_names_the_part_that_fails() -> None:
    trial = court()
    rng = np.random.default_rng(3)
    low, high = samples(trial, rng.normal(-5, 0.1, SEEDS), rng.normal(5, 0.1, SEEDS))
    evidence = all_of(high > 0, low > 0)
    assert evidence.verdict == "refuted"
    assert [finding.verdict for finding in evidence.findings] == ["supported", "refuted"]
    assert trial.evidence == [evidence]


def test_levels_are_equivalent_to_the_first() -> None:
    rng = np.random.default_rng(4)
    levels = samples(court(), *(rng.normal(mean, 0.1, SEEDS) for mean in (1.0, 1.1, 0.9)))
    assert equivalent(levels, within=0.5)
    assert equivalent(levels, within=0.5 * levels[0])
    assert not equivalent([*levels[:2], levels[2] + 3], within=0.5)


def test_a_margin_measured_beside_it_counts_seed_by_seed() -> None:
    """The margin's own noise belongs to the test: it is a contrast like any other."""
    rng = np.random.default_rng(5)
    difference, gain = rng.normal(0, 0.1, SEEDS), rng.normal(1, 0.1, SEEDS)
    one, other = samples(court(), difference, gain)
    evidence = abs(one) < 0.5 * other
    assert evidence.verdict == "supported"
    assert evidence.findings[0].contrast == "0.5 * s2 - |s1|"
    assert evidence.findings[0].region == (0.0, np.inf)


def test_two_sided_limits_written_as_a_chain_are_two_tests() -> None:
    (one,) = samples(court(), np.linspace(-0.1, 0.1, SEEDS))
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
        misuse(sample(np.ones(SEEDS), court()))


def test_tracing_answers_true_and_trains_nothing() -> None:
    def never(_: object) -> None:
        raise AssertionError

    trial = Trial(design=Sequential(), require=never, load=no_run, tracing=True)
    one, other = samples(trial, np.ones(SEEDS), np.ones(SEEDS))
    assert one < other
    assert other < one
    assert abs(one - other) < 1
    assert decreasing([one, other, one], tolerance=1)
    assert sum(evidence.edges for evidence in trial.evidence) == 1 + 1 + 2 + 3
    assert all(isinstance(evidence, Evidence) for evidence in trial.evidence)


REACHED = [1.0, 2.0, 1.5, 2.5, 1.2] * 4
BUDGET = 6.0


def times(*ends: tuple[Sequence[float], Sequence[float]], alpha: float = 0.01) -> list[Endpoint]:
    trial = court(alpha)
    return [endpoint(low, high, trial, units) for units, (low, high) in enumerate(ends, start=1)]


NEVER = [BUDGET] * SEEDS, [np.inf] * SEEDS


def test_an_endpoint_is_judged_by_the_share_of_seeds() -> None:
    """One arm reaches its target, the other not within the budget: it does so later, if ever."""
    soon, never = times((REACHED, REACHED), NEVER)
    evidence = soon < never - 2.0
    assert evidence.verdict == "supported"
    finding = evidence.findings[0]
    # Five unanimous seeds are one chance in 32: not yet one percent.
    assert finding.seeds == 10
    assert (finding.estimate, finding.high, finding.unknown) == (1.0, 1.0, 0)
    assert 0.5 < finding.low < 0.8
    assert finding.region == (0.5, np.inf)
    assert finding.contrast == "share of seeds in which time2 - time1 > 2"
    assert finding.nominal_p == pytest.approx(2.0**-10)
    assert "= 1 [0.5" in str(evidence)
    assert (never < soon).verdict == "refuted"


def test_what_the_budget_leaves_open_counts_for_neither_side() -> None:
    never, neither = times(NEVER, NEVER)
    evidence = never < neither - 1.0
    assert evidence.verdict == "inconclusive"
    assert evidence.findings[0].unknown == SEEDS
    assert "20 seeds leave it open" in str(evidence)
    # Reached at 5.5 of 6 epochs: whether the other needs two more cannot be known.
    late, never = times(([5.5] * SEEDS, [5.5] * SEEDS), NEVER)
    assert (late < never - 2.0).verdict == "inconclusive"
    assert (late < never).verdict == "supported"


def test_a_tie_is_not_sooner() -> None:
    one, other = times((REACHED, REACHED), (REACHED, REACHED))
    assert (one < other).verdict == "refuted"


def test_at_even_chances_of_an_endpoint_wrong_verdicts_are_as_rare_as_alpha() -> None:
    rng = np.random.default_rng(np.random.SeedSequence(15))
    counts = {"supported": 0, "refuted": 0, "inconclusive": 0}
    for _ in range(STREAMS):
        true = rng.exponential(4.0, (2, SEEDS))
        ends = [(np.minimum(t, BUDGET), np.where(t > BUDGET, np.inf, t)) for t in true]
        one, other = times(*((list(low), list(high)) for low, high in ends), alpha=ALPHA)
        counts[(one < other).verdict] += 1
    assert counts["supported"] / STREAMS <= LIMIT
    assert counts["refuted"] / STREAMS <= LIMIT
    assert counts["supported"] + counts["refuted"] > 0


def test_an_open_design_judges_by_e_values() -> None:
    trial = Trial(design=Open(), require=lambda _: None, load=no_run)
    rng = np.random.default_rng(16)
    clear, noise = samples(trial, rng.normal(5, 0.3, SEEDS), rng.normal(0, 1, SEEDS))
    evidence = clear > 0
    assert evidence.verdict == "supported"
    e_value = t_evalue(t_statistic(clear.values(5)), 5)
    assert evidence.findings[0].p == pytest.approx(1 / e_value)
    assert (noise > 0).verdict == "inconclusive"


def test_at_the_edge_an_open_design_errs_as_rarely_as_alpha() -> None:
    wrong = 0
    for a, b in normal([0.0, 0.0], seed=17):
        trial = Trial(design=Open(alpha=ALPHA), require=lambda _: None, load=no_run)
        one, other = samples(trial, a, b)
        wrong += (one < other).verdict == "supported"
    assert wrong / STREAMS <= LIMIT


@given(paired)
def test_the_same_numbers_stand_beside_either_verdict(data: Values) -> None:
    a, b = samples(court(), *data)
    evidence = a < b
    assert evidence.verdict in {"supported", "refuted", "inconclusive"}
    finding = evidence.findings[0]
    assert finding.effect_low <= finding.effect_high
    assert abs(finding.correlation) <= 1
    assert np.isnan(finding.page_p)
    assert finding.unknown == 0


def test_an_edge_belongs_to_what_is_closed() -> None:
    (one,) = samples(court(), np.full(SEEDS, 1.0))
    assert (one >= 1.0).verdict == "supported"
    assert (one <= 1.0).verdict == "supported"
    assert (one > 1.0).verdict == "refuted"
    same, again = times((REACHED, REACHED), (REACHED, REACHED))
    assert (same <= again).verdict == "supported"
    assert (same >= again).verdict == "supported"


def test_endpoints_have_no_equivalence() -> None:
    one, other = times((REACHED, REACHED), NEVER)
    with pytest.raises(TypeError, match="known between bounds only"):
        equivalent([one, other], within=1.0)


def test_what_turns_up_after_the_trace_shares_alpha_all_the_same() -> None:
    """At the edges of four parts, of which the trace knew one."""
    wrong = 0
    for data in normal([0.0, 0.0, 0.0, 0.0, 0.0], seed=18):
        trial = court(ALPHA)
        trial.edges = 1
        zero, *others = samples(trial, *data)
        wrong += all_of(*(zero < other for other in others)).verdict == "refuted"
    assert wrong / STREAMS <= LIMIT


def _near(one: Sample, other: Sample) -> Evidence:
    evidence: Evidence = abs(one - other) < 0.1
    return evidence


def test_an_undecided_claim_shows_the_interval_that_left_it_open() -> None:
    """Outside the region, it is the wider one of refuting: else it would look decided."""
    for data in normal([0.0, 0.9], seed=19)[:400]:
        evidence = _near(*samples(court(), *data))
        if evidence.verdict == "inconclusive":
            finding = evidence.findings[0]
            assert finding.low <= 0.1
            assert finding.high >= -0.1


def test_a_region_may_be_too_narrow_for_any_effect() -> None:
    (noise,) = samples(court(), np.tile([1.0, -1.0], 10))
    evidence = abs(noise) < 0.5
    assert evidence.verdict == "inconclusive"
    assert evidence.findings[0].detectable == np.inf
    assert "within so narrow a margin, or at so small an alpha, these looks see" in str(evidence)


def test_an_open_design_needs_more_seeds_than_a_planned_one() -> None:
    rng = np.random.default_rng(20)
    data = rng.normal(0.5, 1.0, SEEDS)
    needed = []
    for design in (Sequential(), Open()):
        trial = Trial(design=design, require=lambda _: None, load=no_run)
        (one,) = samples(trial, data)
        evidence = one > 0
        assert evidence.verdict == "inconclusive"
        needed.append(evidence.findings[0].needed[0])
    assert needed[0] is not None
    assert needed[1] is not None
    assert needed[0] < needed[1]


def test_looks_and_seeds_are_kept_for_the_report() -> None:
    data = np.random.default_rng(21).normal(0.9, 1.0, SEEDS)
    (one,) = samples(court(), data)
    evidence = one - 0.2 > 0
    assert evidence.verdict in {"supported", "inconclusive"}
    finding = evidence.findings[0]
    np.testing.assert_allclose(finding.values, data[: finding.seeds])
    assert [look.seeds for look in finding.looks] == [5, 10, 15, 20][: len(finding.looks)]
    assert (finding.looks[-1].low, finding.looks[-1].high) == (finding.low, finding.high)
