"""Planned looks, and how the error is spread over them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnclaims.statistics.spending import (
    OBrienFleming,
    Pocock,
    Power,
    Spending,
    check_alpha,
    checked_looks,
    spent_alpha,
)  # fmt: skip

STANDARD = (5, 10, 15, 20)


def test_spent_alpha_ends_at_alpha() -> None:
    assert spent_alpha(STANDARD, 0.05, Power()) == pytest.approx(
        (0.00625, 0.0176777, 0.0324760, 0.05), abs=1e-7
    )
    assert spent_alpha(STANDARD, 0.05, Power())[-1] == 0.05


FAMILIES: list[Spending] = [Power(0.8), Power(), Power(3.0), Pocock(), OBrienFleming()]


@pytest.mark.parametrize("spending", FAMILIES)
def test_spending_rises_from_nothing_to_alpha(spending: Spending) -> None:
    shares = np.linspace(1e-3, 1, 200)
    spent = [spending(share, 0.05) for share in shares]
    assert spent[0] < 0.003
    assert (np.diff(spent) > 0).all() or spent[0] == 0
    assert spent[-1] == pytest.approx(0.05)


@pytest.mark.parametrize("rho", [0.0, -1.0, math.inf, math.nan])
def test_power_refuses(rho: float) -> None:
    with pytest.raises(ValueError, match="rho must be positive"):
        Power(rho)


@given(rho=st.floats(0.1, 10), share=st.floats(0.01, 0.99))
def test_a_larger_rho_spends_later(rho: float, share: float) -> None:
    assert Power(rho * 1.1)(share, 0.05) < Power(rho)(share, 0.05)


def test_pocock_spends_early_and_obrien_and_fleming_late() -> None:
    assert Pocock()(0.25, 0.05) > Power()(0.25, 0.05) > OBrienFleming()(0.25, 0.05)


@pytest.mark.parametrize(
    ("spending", "text"),
    [(Power(1.5), "power:1.5"), (Pocock(), "pocock"), (OBrienFleming(), "obrien-fleming")],
)
def test_a_family_is_called_as_its_option(spending: Spending, text: str) -> None:
    assert str(spending) == text


def test_a_first_look_must_have_something_to_spend() -> None:
    with pytest.raises(ValueError, match="spending power:1000 spends nothing at the first look"):
        spent_alpha(STANDARD, 0.05, Power(1000))


@pytest.mark.parametrize(
    ("looks", "words"),
    [
        ((), r"looks must be one or more integers, got \(\)"),
        ((5, 10.0), r"one or more integers, got \(5, 10.0\)"),
        ((True, 10), "one or more integers"),
        ((5, 5), r"looks must increase, got \(5, 5\)"),
        ((1, 5), r"the first look must have at least 2 seeds, got \(1, 5\)"),
    ],
)
def test_looks_that_make_no_plan_are_refused(looks: tuple[int, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        checked_looks(looks, first=2)


def test_looks_become_plain_integers() -> None:
    assert [type(n) for n in checked_looks(np.array([2, 4]), first=2)] == [int, int]  # type: ignore[arg-type]


@pytest.mark.parametrize("alpha", [0.0, 0.5, -0.01, math.nan])
def test_an_alpha_that_is_no_error_of_one_side_is_refused(alpha: float) -> None:
    with pytest.raises(ValueError, match=f"alpha must lie between 0 and 1/2, got {alpha}"):
        check_alpha(alpha)
