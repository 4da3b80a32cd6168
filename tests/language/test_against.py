"""A metric against its earlier values: simulated releases, and the algebra of old and new."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from bnclaims.language.against import Comparison, against, decided
from bnclaims.language.bounds import Values
from bnclaims.language.evidence import Measured
from bnclaims.language.finding import Better, Status, Verdict
from bnclaims.running.schedule import Request
from bnclaims.statistics.boundary import NormalBoundary
from bnclaims.statistics.design import Design, Open, Sequential
from tests.fakes import SEEDS, new_trial, sample
from tests.strategies import paired

NORMAL = Sequential(boundary=NormalBoundary())
"""What is computed at once; contrasts here are normal."""


def compared(
    now: Values,
    before: Values,
    margin: float = 1.0,
    *,
    design: Design = NORMAL,
    better: Better = "lower",
    changes: int = 1,
    **about: Any,
) -> Comparison:
    trial = new_trial(design, **about)
    measured = Measured("m", "", sample(now, trial, unit="points"), better, float)
    return against(measured, before, margin, trial, changes)


def noise(number: int, deviation: float = 0.1) -> Values:
    return np.random.default_rng(number).normal(0, deviation, SEEDS)


EVEN = np.resize([-1.26, -0.63, 0.0, 0.63, 1.26], SEEDS)
"""Of mean 0 and standard deviation 1 at the first look, hardly less at later ones."""


@pytest.mark.parametrize(
    ("shift", "better", "status"),
    [
        (0.0, "lower", "as before"),
        (0.5, "lower", "as before"),
        (2.0, "lower", "worse"),
        (2.0, "higher", "better"),
        (2.0, "", "changed"),
        (-2.0, "lower", "better"),
        (-2.0, "higher", "worse"),
    ],
)
def test_a_change_beyond_the_margin_has_a_direction(
    shift: float, better: Better, status: Status
) -> None:
    found = compared(shift + noise(1), noise(2), better=better)
    assert found.status == status
    assert found.finding is not None
    assert found.finding.estimate == pytest.approx(shift, abs=0.2)
    assert found.finding.unit == "points"
    assert found.finding.region.edges == (-1.0, 1.0)


def test_what_is_at_the_margin_is_undecided() -> None:
    assert compared(1 + noise(1, 0.5), noise(2, 0.5)).status == "undecided"


COARSE = np.resize([1.0, 2.0, 1.0, 3.0], SEEDS)
"""A metric of few values, which may be the same by chance."""


@pytest.mark.parametrize(
    ("values", "seeds", "taken"),
    [(3 + noise(1), SEEDS, 5), (3 + noise(1), 5, 5), (COARSE, SEEDS, SEEDS), (COARSE, 12, 10)],
)
def test_identical_values_are_as_before_at_once_or_when_there_are_no_more(
    values: Values, seeds: int, taken: int
) -> None:
    asked: list[int] = []

    def require(requests: Sequence[Request]) -> None:
        asked.extend(len(request.seeds) for request in requests)

    found = compared(values, values[:seeds], 1e-9, require=require)
    assert found.status == "as before"
    assert found.finding is not None
    assert found.finding.is_exact
    assert (found.finding.estimate, found.finding.low, found.finding.high) == (0, 0, 0)
    assert sum(asked) == found.finding.seeds == taken


def test_a_constant_change_decides_by_itself() -> None:
    before = 3 + noise(1)
    assert compared(before + 0.5, before[:10]).status == "as before"
    assert compared(before + 1.5, before[:10]).status == "worse"


def test_it_looks_no_further_than_the_reference_and_by_the_boundary_of_all_looks() -> None:
    now, before = EVEN / 2.2, np.zeros(SEEDS)
    enough = compared(now, before)
    assert enough.finding is not None
    assert (enough.status, enough.finding.seeds) == ("as before", 10)
    only_look = Sequential((5,), boundary=NormalBoundary())
    assert compared(now, before[:5]).status == "undecided"
    assert compared(now, before[:5], design=only_look).status == "as before"


def test_fewer_seeds_than_the_first_look_takes_compare_nothing() -> None:
    found = compared(noise(1), noise(2)[:4])
    assert (found.status, found.finding) == ("not compared", None)
    assert found.problem == "the reference has 4 seeds, and the first look takes 5"


def test_what_has_no_value_now_is_undecided() -> None:
    now = noise(1)
    now[7] = np.nan
    assert compared(now, noise(2, 2.0), 3.0).status == "undecided"
    found = compared(np.full(SEEDS, np.nan), noise(2))
    assert (found.status, found.finding) == ("undecided", None)
    assert "has no finite value" in found.problem


def test_more_comparisons_ask_for_more_of_each() -> None:
    now, before = 1.95 + EVEN, np.zeros(SEEDS)
    assert compared(now, before, changes=1).status == "worse"
    assert compared(now, before, changes=1000).status == "undecided"


@settings(max_examples=25, deadline=None)
@given(values=paired, shift=st.sampled_from([-3.0, -1.0, 0.0, 0.5, 3.0]))
def test_old_and_new_swapped_turn_better_into_worse(values: Values, shift: float) -> None:
    old, new = values
    there, back = compared(new + shift, old), compared(old, new + shift)
    swapped = {"better": "worse", "worse": "better"}
    assert back.status == swapped.get(there.status, there.status)
    assert back.finding is not None
    assert there.finding is not None
    assert back.finding.estimate == pytest.approx(-there.finding.estimate)
    assert back.finding.p == pytest.approx(there.finding.p)
    assert back.finding.seeds == there.finding.seeds


@settings(max_examples=25, deadline=None)
@given(values=paired, scale=st.sampled_from([2.0**-20, 0.5, 4.0, 2.0**30]))
def test_the_unit_of_a_metric_does_not_matter(values: Values, scale: float) -> None:
    old, new = values
    one, other = compared(new, old, 1.5), compared(scale * new, scale * old, scale * 1.5)
    assert one.status == other.status
    assert one.finding is not None
    assert other.finding is not None
    assert one.finding.seeds == other.finding.seeds
    assert other.finding.estimate == pytest.approx(scale * one.finding.estimate)


FAMILIES, METRICS, ALPHA = 150, 4, 0.1
LIMIT = special.bdtrik(1 - 1e-4, FAMILIES, ALPHA) + 1
"""What the number of families that err exceeds once in ten thousand times."""
TO_THE_END = Sequential(alpha=ALPHA, boundary=NormalBoundary(), futility=0.0)


def verdict(now: Values, before: Values, margin: float, changes: int) -> Verdict:
    trial = new_trial(TO_THE_END)
    measured = Measured("m", "", sample(now, trial), "lower", float)
    return decided(measured, before, margin, trial, changes).verdict


@pytest.mark.parametrize("law", ["normal", "exponential"])
def test_an_unchanged_release_is_called_changed_in_alpha_of_cases(law: str) -> None:
    draw = getattr(np.random.default_rng([20, len(law)]), law)

    def families_called_changed(changes: int) -> int:
        # With so narrow a margin nothing but the boundary keeps them from being called so.
        releases = (draw(size=(METRICS, 2, SEEDS)) for _ in range(FAMILIES))
        return sum(
            any(verdict(now, before, 1e-9, changes) == "refuted" for now, before in release)
            for release in releases
        )

    assert families_called_changed(METRICS) <= LIMIT
    assert law != "normal" or families_called_changed(1) > LIMIT


def test_a_release_changed_by_the_margin_is_called_as_before_in_alpha_of_cases() -> None:
    releases = np.random.default_rng(21).normal(size=(FAMILIES, 2, SEEDS))
    found = [verdict(now + 3, before, 3.0, 1) for now, before in releases]
    assert FAMILIES * ALPHA / 5 < found.count("supported") <= LIMIT


def test_an_open_design_compares_as_well() -> None:
    assert compared(2 + noise(1), noise(2), design=Open()).status == "worse"
    assert compared(noise(1), noise(2), design=Open()).status == "as before"
