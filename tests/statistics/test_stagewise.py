"""The p-value over several looks, from tails that are known."""

import math
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnclaims.statistics.stagewise import SolvedBoundary


@dataclass(frozen=True)
class Exponential:
    """A look that is reached with this probability, with an exponential statistic."""

    reached: float

    def upper_tail(self, t: float) -> float:
        return self.reached * math.exp(-max(t, 0.0))


SPENT = (0.01, 0.03, 0.05)
STAGES = tuple(Exponential(1 - spent) for spent in (0.0, *SPENT[:-1]))
CRITICAL = tuple(
    -math.log((spent - before) / stage.reached)
    for spent, before, stage in zip(SPENT, (0.0, *SPENT), STAGES, strict=False)
)
"""Where each look spends what it may: its tail is what is spent there."""
BOUNDARY = SolvedBoundary(STAGES, SPENT, CRITICAL)
LOOKS = range(3)

looks = st.sampled_from(LOOKS)
statistics = st.floats(-2, 20)


@pytest.mark.parametrize("look", LOOKS)
def test_at_the_critical_value_p_is_what_is_spent(look: int) -> None:
    assert BOUNDARY.adjusted_p(CRITICAL[look], look) == pytest.approx(SPENT[look], rel=1e-12)
    assert BOUNDARY.adjusted_p(CRITICAL[look], look) <= SPENT[look]
    assert BOUNDARY.adjusted_p(math.nextafter(CRITICAL[look], 0), look) > SPENT[look]


@given(t=statistics, look=looks)
def test_p_is_what_crossed_before_and_the_tail_of_this_look(t: float, look: int) -> None:
    before = SPENT[look - 1] if look else 0.0
    tail = STAGES[look].upper_tail(t)
    assert BOUNDARY.adjusted_p(t, look) == pytest.approx(before + tail, rel=1e-9)


@given(t=statistics, other=statistics, look=looks)
def test_p_falls_as_the_statistic_grows(t: float, other: float, look: int) -> None:
    small, large = sorted((t, other))
    assert BOUNDARY.adjusted_p(large, look) <= BOUNDARY.adjusted_p(small, look)


@given(t=statistics, other=statistics)
def test_an_earlier_stop_is_more_extreme_than_any_later(t: float, other: float) -> None:
    for look in LOOKS[:-1]:
        stopped = CRITICAL[look] + abs(t)
        assert BOUNDARY.adjusted_p(stopped, look) <= BOUNDARY.adjusted_p(other, look + 1)


@given(t=statistics, look=looks)
def test_with_two_sides_the_sign_does_not_matter(t: float, look: int) -> None:
    both = SolvedBoundary(STAGES, SPENT, CRITICAL, sides=2)
    assert both.adjusted_p(t, look) == both.adjusted_p(-t, look)
    before = SPENT[look - 1] if look else 0.0
    twice = 2 * (before + STAGES[look].upper_tail(abs(t)))
    if abs(t) < CRITICAL[look]:
        assert both.adjusted_p(t, look) == pytest.approx(min(twice, 1.0), rel=1e-9)


def test_infinite_statistics_have_the_ends_and_nan_has_none() -> None:
    assert BOUNDARY.adjusted_p(math.inf, 0) == 0
    assert BOUNDARY.adjusted_p(-math.inf, 0) == 1
    assert math.isnan(BOUNDARY.adjusted_p(math.nan, 0))


@pytest.mark.parametrize("look", [-1, 3])
def test_a_look_that_is_not_planned_is_refused(look: int) -> None:
    with pytest.raises(ValueError, match=f"an index into the 3 looks, got {look}"):
        BOUNDARY.adjusted_p(1.0, look)
