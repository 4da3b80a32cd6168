"""Judgement: what the numbers of some seeds come to, and what is said beside the verdict."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bnclaims.language.bounds import Values
from bnclaims.language.evidence import Evidence
from bnclaims.language.finding import Finding, Region
from bnclaims.language.judgement import explained
from bnclaims.language.sample import Endpoint
from bnclaims.statistics import contrasts
from bnclaims.statistics.contrasts import t_statistic
from bnclaims.statistics.design import Open, Sequential
from bnclaims.statistics.e_values import t_evalue
from tests.fakes import ALPHA, LIMIT, SEEDS, STREAMS, endpoint, new_trial, normal, sample, samples
from tests.strategies import paired

REACHED = [1.0, 2.0, 1.5, 2.5, 1.2] * 4
BUDGET = 6.0
NEVER = [BUDGET] * SEEDS, [np.inf] * SEEDS


def times(*ends: tuple[Sequence[float], Sequence[float]], alpha: float = 0.01) -> list[Endpoint]:
    trial = new_trial(Sequential(alpha=alpha))
    return [endpoint(low, high, trial, units) for units, (low, high) in enumerate(ends, start=1)]


@given(paired)
def test_interval_region_and_p_tell_the_same_story(data: Values) -> None:
    claims: list[Any] = [
        lambda a, b: a < b - 0.3,
        lambda a, b: abs(a - b) < 1.5,
        lambda a, b: a < 0.2,
    ]
    for claim in claims:
        evidence = claim(*samples(new_trial(), *data))
        assert evidence.verdict in {"supported", "refuted", "inconclusive"}
        finding = evidence.findings[0]
        above, below = finding.region.low, finding.region.high
        low, high = -np.inf if above is None else above, np.inf if below is None else below
        inside = low < finding.low and finding.high < high
        outside = finding.high < low or finding.low > high
        told = "supported" if inside else "refuted" if outside else "inconclusive"
        assert told == finding.verdict
        if finding.verdict != "inconclusive":
            assert finding.p <= 0.01
        assert finding.nominal_p <= finding.p + 1e-12


@pytest.mark.parametrize("design", [Sequential(alpha=0.0123), Open(alpha=0.0124)])
def test_a_conftest_may_have_numpy_raise(design: Sequential | Open) -> None:
    """For code of its own: critical values that nobody had asked for before were an error."""
    rng = np.random.default_rng(26)
    low, high = rng.normal(0, 0.1, (2, SEEDS))
    trial = new_trial(design)
    with np.errstate(all="raise"):
        verdict = (sample(low, trial) < sample(high, trial, 2)).verdict
        apart = sample(low, trial) < sample(high + 1, trial, 2)
        assert (verdict, apart.verdict) == ("inconclusive", "supported")
        assert 0.8 < apart.findings[0].estimate < 1.2


@pytest.mark.parametrize(
    ("value", "verdict"), [(1.0, "supported"), (-1.0, "refuted"), (0.0, "refuted")]
)
def test_without_variance_the_exact_value_decides(value: float, verdict: str) -> None:
    (one,) = samples(new_trial(), np.full(SEEDS, value))
    evidence = one > 0
    assert evidence.verdict == verdict
    assert evidence.findings[0].is_exact
    assert evidence.findings[0].p is None
    assert "all seeds gave the same value, so no test was needed" in str(evidence)
    assert evidence.findings[0].low == evidence.findings[0].high == value


def test_a_few_equal_values_decide_nothing() -> None:
    """Equal in five seeds, and seven tenths of the time: the next ones may differ."""
    data = np.full(SEEDS, 0.0)
    data[7:] = 1.0
    (one,) = samples(new_trial(), data)
    evidence = one > 0
    assert evidence.verdict == "supported"
    first = evidence.findings[0].looks[0]
    assert (first.low, first.high) == (None, None)


def test_equal_values_are_recognised_through_rounding() -> None:
    base = np.arange(1, SEEDS + 1) / 7
    one, other = samples(new_trial(), base + 0.1, base)
    evidence = one > other
    assert evidence.verdict == "supported"
    assert evidence.findings[0].is_exact
    # It was 1e15 and more, and the scale of the page's forest with it.
    assert evidence.findings[0].effect is None
    assert "standardised effect" not in str(evidence)
    assert evidence.findings[0].seeds == SEEDS


TENTHS: list[tuple[Callable[[Any, Any, Any], Any], str]] = [
    (lambda one, two, three: one + two > three, "refuted"),
    (lambda one, two, three: one + two >= three, "supported"),
    (lambda one, two, three: one + two < three, "refuted"),
    (lambda one, two, three: three - one >= two, "supported"),
    (lambda one, two, three: three - one > two, "refuted"),
    (lambda one, two, three: three - one - two >= 0, "supported"),
    (lambda one, two, three: abs(three - one) < two, "refuted"),
    (lambda one, two, three: abs(two - one) < 0.1, "refuted"),
]


@pytest.mark.parametrize(("compare", "verdict"), TENTHS)
def test_an_edge_is_met_through_rounding(
    compare: Callable[[Any, Any, Any], Any], verdict: str
) -> None:
    tenths = (np.full(SEEDS, value) for value in (0.1, 0.2, 0.3))
    assert compare(*samples(new_trial(), *tenths)).verdict == verdict


@given(st.lists(st.integers(-2000, 2000), min_size=3, max_size=3))
def test_whole_numbers_of_two_thousandths_compare_as_they_do(counts: list[int]) -> None:
    """Accuracies on 2,000 images: sums and differences are exact but for rounding."""
    a, b, c = samples(new_trial(), *(np.full(SEEDS, count / 2000) for count in counts))
    one, two, three = counts
    holds = {True: "supported", False: "refuted"}
    assert (a - b > c).verdict == holds[one - two > three]
    assert (a + b <= c).verdict == holds[one + two <= three]


def test_a_margin_measured_beside_it_counts_seed_by_seed() -> None:
    """The margin's own noise belongs to the test: it is a contrast like any other."""
    rng = np.random.default_rng(5)
    difference, gain = rng.normal(0, 0.1, SEEDS), rng.normal(1, 0.1, SEEDS)
    one, other = samples(new_trial(), difference, gain)
    evidence = abs(one) < 0.5 * other
    assert evidence.verdict == "supported"
    assert evidence.findings[0].contrast == "0.5 * s2 - |s1|"
    assert evidence.findings[0].region == Region(0.0, None)


def test_an_endpoint_is_judged_by_the_share_of_seeds() -> None:
    """One arm reaches its target, the other not within the budget: it does so later, if ever."""
    soon, never = times((REACHED, REACHED), NEVER)
    evidence = soon < never - 2.0
    assert evidence.verdict == "supported"
    finding = evidence.findings[0]
    # Five unanimous seeds are one chance in 32: not yet one percent.
    assert finding.seeds == 10
    assert (finding.estimate, finding.high, finding.unknown) == (1.0, 1.0, 0)
    assert finding.low is not None
    assert 0.5 < finding.low < 0.8
    assert finding.region == Region(0.5, None)
    assert finding.contrast == "share of seeds in which time2 - time1 > 2"
    assert finding.nominal_p == pytest.approx(2.0**-10)
    assert "= 1 [0.5" in str(evidence)
    assert (never < soon).verdict == "refuted"


def test_a_finding_has_the_unit_of_what_was_compared() -> None:
    rng = np.random.default_rng(5)
    noise = rng.normal(0, 0.1, SEEDS)
    trial = new_trial()
    one, other = (
        sample(mean + noise[::step], trial, n, unit="epochs")
        for n, (mean, step) in enumerate([(5.0, 1), (2.0, -1)], start=1)
    )
    evidence = one > other + 2
    assert evidence.verdict == "supported"
    (finding,) = evidence.findings
    assert (finding.unit, finding.claimed) == ("epochs", "> 2 epochs")
    assert ", claimed > 2 epochs\n" in str(evidence)
    assert re.search(r"so many failures, each by [\d.]+ epochs, would overturn", str(evidence))
    near, relative, ratio = abs(one - 5) < 1, abs(one - 5) < 0.5 * other, one / other > 2
    assert {evidence.verdict for evidence in (near, relative, ratio)} <= {"supported", "refuted"}
    assert [e.findings[0].unit for e in (near, relative, ratio)] == ["epochs", "epochs", ""]
    assert near.findings[0].claimed == "between 4 and 6 epochs"


def test_a_share_is_one_of_seeds_and_its_margin_in_the_metrics_unit() -> None:
    trial = new_trial()
    soon, late = (
        endpoint([time] * SEEDS, trial=trial, number=n, unit="epochs")
        for n, time in enumerate([1.0, 4.0], start=1)
    )
    evidence = soon < late - 2
    assert evidence.verdict == "supported"
    (finding,) = evidence.findings
    assert finding.contrast == "share of seeds in which time2 - time1 > 2 epochs"
    assert (finding.unit, finding.claimed) == ("of seeds", "> 0.5 of seeds")


def test_an_undecided_claim_says_its_distance_with_the_unit() -> None:
    noise = np.random.default_rng(5).normal(0, 1.0, SEEDS)
    evidence = sample(noise - noise.mean() + 0.01, unit="epochs") > 0
    assert evidence.verdict == "inconclusive"
    assert re.search(r"a distance of [\d.]+ epochs from the edge", str(evidence))


def test_what_the_budget_leaves_open_counts_for_neither_side() -> None:
    never, neither = times(NEVER, NEVER)
    evidence = never < neither - 1.0
    assert evidence.verdict == "inconclusive"
    # Fifteen seeds to come could not decide it: it stops at the first look.
    assert evidence.findings[0].unknown == 5
    assert "5 seeds are censored by their budget" in str(evidence)
    # Reached at 5.5 of 6 epochs: whether the other needs two more cannot be known.
    late, never = times(([5.5] * SEEDS, [5.5] * SEEDS), NEVER)
    assert (late < never - 2.0).verdict == "inconclusive"
    assert (late < never).verdict == "supported"


def test_a_tie_is_not_sooner() -> None:
    one, other = times((REACHED, REACHED), (REACHED, REACHED))
    assert (one < other).verdict == "refuted"


def test_an_open_design_judges_by_e_values() -> None:
    trial = new_trial(Open())
    rng = np.random.default_rng(16)
    clear, noise = samples(trial, rng.normal(5, 0.3, SEEDS), rng.normal(0, 1, SEEDS))
    evidence = clear > 0
    assert evidence.verdict == "supported"
    e_value = t_evalue(t_statistic(clear.values(5)), 5)
    assert evidence.findings[0].p == pytest.approx(1 / e_value)
    assert (noise > 0).verdict == "inconclusive"


@given(paired)
def test_the_same_numbers_stand_beside_either_verdict(data: Values) -> None:
    a, b = samples(new_trial(), *data)
    evidence = a < b
    assert evidence.verdict in {"supported", "refuted", "inconclusive"}
    finding = evidence.findings[0]
    assert finding.effect_low is not None
    assert finding.effect_high is not None
    assert finding.effect_low <= finding.effect_high
    assert finding.correlation is not None
    assert abs(finding.correlation) <= 1
    assert finding.page_p is None
    assert finding.unknown == 0


def test_an_edge_belongs_to_what_is_closed() -> None:
    (one,) = samples(new_trial(), np.full(SEEDS, 1.0))
    assert (one >= 1.0).verdict == "supported"
    assert (one <= 1.0).verdict == "supported"
    assert (one > 1.0).verdict == "refuted"
    same, again = times((REACHED, REACHED), (REACHED, REACHED))
    assert (same <= again).verdict == "supported"
    assert (same >= again).verdict == "supported"


def test_an_undecided_claim_shows_the_interval_that_left_it_open() -> None:
    """Outside the region, it is the wider one of refuting: else it would look decided."""
    for data in normal([0.0, 0.9], seed=19)[:400]:
        one, other = samples(new_trial(), *data)
        evidence = abs(one - other) < 0.1
        if evidence.verdict == "inconclusive":
            finding = evidence.findings[0]
            assert finding.low is not None
            assert finding.high is not None
            assert finding.low <= 0.1
            assert finding.high >= -0.1


def test_a_region_may_be_too_narrow_for_any_effect() -> None:
    (noise,) = samples(new_trial(), np.tile([1.0, -1.0], 10))
    evidence = abs(noise) < 0.5
    assert evidence.verdict == "inconclusive"
    assert evidence.findings[0].detectable is None
    assert "within so narrow a margin, or at so small an alpha, these looks cannot" in str(evidence)


def test_an_open_design_needs_more_seeds_than_a_planned_one() -> None:
    rng = np.random.default_rng(20)
    data = rng.normal(0.5, 1.0, SEEDS)
    needed = []
    for design in (Sequential(), Open()):
        trial = new_trial(design)
        (one,) = samples(trial, data)
        evidence = one > 0
        assert evidence.verdict == "inconclusive"
        needed.append(evidence.findings[0].needed[0])
    assert needed[0] is not None
    assert needed[1] is not None
    assert needed[0] < needed[1]


def test_what_is_detectable_lies_between_both_edges() -> None:
    """What would show one edge alone may be too near to the other."""
    (noise,) = samples(new_trial(), np.tile([1.0, -1.0], 10))
    one = found_for(noise > -1.5)
    both = found_for(abs(noise) < 1.5)
    assert one[0].detectable is not None
    assert both[0].detectable is not None
    assert both[0].detectable > one[0].detectable


def test_an_interval_stays_within_what_a_metric_can_be() -> None:
    accuracy = np.random.default_rng(23).normal(0.99, 0.005, SEEDS).clip(0.0, 1.0)
    one = sample(accuracy, new_trial(), limits=(0.0, 1.0), metric="accuracy")
    (finding,) = found_for(one - 0.5 > 0.05)
    assert all(look.high is not None and look.high <= 1.0 for look in finding.looks)
    assert finding.high is not None
    assert finding.high <= 1.0
    tight = contrasts.interval(accuracy[:5], Sequential().critical(0))
    assert tight[1] > 1.0


def test_in_how_many_seeds_a_claim_holds_stands_beside_its_verdict() -> None:
    data = np.where(np.arange(SEEDS) % 5 == 4, -1.0, 3.0) + np.linspace(0, 0.1, SEEDS)
    (one,) = samples(new_trial(Sequential(futility=0.0)), data)
    (finding,) = found_for(one > 0)
    hits = round(0.8 * finding.seeds)
    assert finding.share.estimate == hits / finding.seeds
    assert finding.share.low < 0.8 < finding.share.high
    assert f"holds in 80% of seeds [{finding.share.low:.0%}" in explained(finding, SEEDS)
    # Clopper and Pearson's interval, as if this look were the only one, is within it.
    low = stats.beta.ppf(0.01, hits, finding.seeds - hits + 1)
    assert finding.share.low <= low
    near = found_for(abs(one) < 2)[0]
    assert near.share.estimate == pytest.approx(0.2)


def test_what_could_turn_a_supported_claim_stands_beside_it() -> None:
    (one,) = samples(new_trial(), np.random.default_rng(24).normal(50.0, 1.0, SEEDS))
    (finding,) = found_for(one > 0)
    unseen = 1 - 0.05 ** (1 / 5)
    assert finding.seeds == 5
    assert finding.turns_at is not None
    assert finding.turns_at == pytest.approx(finding.estimate / unseen)
    said = explained(finding, SEEDS)
    assert "up to 45% of seeds may fail (95% confidence, as none of 5 did)" in said
    assert "so many failures, each by 1" in said
    # So many, so far behind, leave a mean on the edge.
    collapsed = (1 - unseen) * finding.estimate + unseen * (finding.estimate - finding.turns_at)
    assert collapsed == pytest.approx(0.0)
    assert found_for(one < 0)[0].turns_at is None


def found_for(evidence: Evidence) -> tuple[Finding, ...]:
    """What comparisons come to, once somebody asks."""
    assert evidence.verdict
    return evidence.findings


def test_looks_and_seeds_are_kept_for_the_report() -> None:
    data = np.random.default_rng(21).normal(0.9, 1.0, SEEDS)
    (one,) = samples(new_trial(), data)
    evidence = one - 0.2 > 0
    assert evidence.verdict in {"supported", "inconclusive"}
    finding = evidence.findings[0]
    np.testing.assert_allclose(np.array(finding.values, float), data[: finding.seeds])
    assert [look.seeds for look in finding.looks] == [5, 10, 15, 20][: len(finding.looks)]
    assert (finding.looks[-1].low, finding.looks[-1].high) == (finding.low, finding.high)


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
