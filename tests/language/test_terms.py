"""Weighted sums: what is left of their terms."""

import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnclaims.language.terms import Term, Terms, added, are_constant, balanced, scaled

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


def product(*operands: Terms) -> Term:
    return Term("*", tuple((frozenset(operand.items()), 0.0) for operand in operands))


def test_what_no_metric_changes_is_constant() -> None:
    one, other = product({A: 1.0}, {B: 1.0}), product({B: 1.0}, {A: 1.0})
    assert are_constant({})
    assert are_constant({one: 1.0, other: -1.0})
    assert not are_constant({one: 1.0, other: -0.9})
    assert not are_constant({A: 1.0})
    assert not are_constant({A: 1.0, B: -1.0})


def test_what_cannot_be_tried_is_not_called_constant() -> None:
    nothing = Term("log", ((frozenset({A: -1.0}.items()), 0.0),))
    assert not are_constant({nothing: 1.0})


@given(sums)
def test_a_sum_that_has_terms_varies(one: Terms) -> None:
    assert are_constant(one) == (not one)
