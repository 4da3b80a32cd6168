"""What the end of a claim's body stands for."""

import numpy as np
import pytest

from bnclaims.errors import Inconclusive
from bnclaims.language.bounds import Values
from bnclaims.language.evidence import Trial
from bnclaims.session.conclusion import untested, verdict_of
from tests.fakes import SEEDS, fake_runs, new_trial, samples

LOW: Values = 0.1 * (np.arange(SEEDS, dtype=np.float64) % 3)
HIGH: Values = LOW[::-1] + 5.0


def trial() -> Trial:
    """One that has named an arm."""
    made = new_trial()
    made.named.append(fake_runs(trial=made))
    return made


def compared(*, holds: bool) -> Trial:
    made = trial()
    low, high = samples(made, LOW, HIGH)
    assert bool(low < high if holds else high < low) is holds
    return made


FAILED = AssertionError("assert")


def test_a_body_that_ends_supports_its_claim() -> None:
    assert verdict_of(None, None) == "supported"
    assert verdict_of(None, compared(holds=True)) == "supported"


def test_looks_that_do_not_suffice_leave_it_open() -> None:
    assert verdict_of(Inconclusive("not enough"), trial()) == "inconclusive"


def test_an_assertion_about_what_was_refuted_refutes() -> None:
    assert verdict_of(FAILED, compared(holds=False)) == "refuted"


def test_an_assertion_that_fails_as_something_holds_refutes() -> None:
    """As of `assert not a < b`."""
    made = compared(holds=True)
    made.failing = {(True,)}
    assert verdict_of(FAILED, made) == "refuted"
    made.failing = {(True, True)}
    assert verdict_of(FAILED, made) is None


def test_an_assertion_of_an_exact_claim_refutes() -> None:
    assert verdict_of(FAILED, None) == "refuted"
    assert verdict_of(FAILED, new_trial()) == "refuted"


def test_an_assertion_about_something_else_is_no_verdict() -> None:
    assert verdict_of(FAILED, compared(holds=True)) is None
    assert verdict_of(FAILED, trial()) is None


@pytest.mark.parametrize("error", [ValueError("boom"), KeyboardInterrupt()])
def test_any_other_error_is_no_verdict(error: BaseException) -> None:
    assert verdict_of(error, compared(holds=True)) is None


def test_a_claim_that_compares_nothing_cannot_fail() -> None:
    assert untested(trial()).startswith("this claim names arms but compares nothing")


def test_a_comparison_is_asserted() -> None:
    made = trial()
    low, high = samples(made, LOW, HIGH)
    assert low < high
    assert untested(made) == ""
    high > low  # noqa: B015
    assert untested(made).endswith("that it does not assert: write `assert` before it")
