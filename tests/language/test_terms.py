"""Weighted sums: what is left of their terms."""

import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnclaims.language.terms import Term, Terms, added, balanced, scaled

A, B = Term("a", ("arm",), "loss"), Term("b", ("arm",), "loss")

sums = st.dictionaries(
    st.sampled_from([A, B]), st.floats(-1e3, 1e3).filter(lambda weight: abs(weight) > 1e-3)
)


@given(sums, sums)
def test_what_was_added_can_be_taken_away(one: Terms, other: Terms) -> None:
    back = added(added(one, other), scaled(other, operator.neg))
    assert back == {term: pytest.approx(weight, abs=1e-6) for term, weight in one.items()}
    assert added(one, scaled(one, operator.neg)) == {}


def test_what_is_left_of_rounding_is_no_term() -> None:
    tenth = {A: 0.1}
    assert added(added(tenth, {A: 0.2}), {A: -0.3, B: 1.0}) == {B: 1.0}
    assert scaled(tenth, lambda weight: 0 * weight) == {}


def test_sides_of_the_same_total_weight_are_balanced() -> None:
    assert balanced({A: 0.3}, {A: 0.1, B: 0.2})
    assert balanced({A: 1.0, B: -1.0}, {})
    assert not balanced({A: 1.0}, {B: 2.0})
