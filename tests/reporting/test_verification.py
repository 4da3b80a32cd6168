"""What a claim came to, for a console; tests/session/test_verify.py asks for it in earnest."""

import dataclasses

import pytest

from bnclaims.reporting.results import ClaimResult
from bnclaims.reporting.verification import Verification
from tests.fake_results import EXACT, MAYBE, NO, YES


def test_its_numbers_are_those_of_what_decided() -> None:
    found = Verification.of(YES)
    assert found.deciding is not None
    assert found.estimate == found.deciding.estimate
    assert found.interval == found.deciding.ends
    assert (found.p, found.seeds) == (found.deciding.p, found.deciding.seeds)


def test_an_exact_claim_has_none() -> None:
    found = Verification.of(EXACT)
    assert (found.estimate, found.interval, found.p, found.seeds) == (None, None, None, 0)
    with pytest.raises(ValueError, match="compares no runs, so there is nothing to draw"):
        found.plot()


def test_by_itself_a_claim_has_no_correction_for_others() -> None:
    (among_others,) = ClaimResult.beside([YES])
    alone = Verification.of(YES)
    assert alone.holm_p is None
    assert alone == Verification(**{**vars(among_others), "holm_p": None, "fdr": None})


@pytest.mark.parametrize("outcome", [YES, NO, MAYBE, EXACT], ids=lambda outcome: outcome.id)
def test_it_reads_as_its_row_and_its_claim(outcome: object) -> None:
    assert isinstance(outcome, type(YES))
    found = Verification.of(outcome)
    shown = str(found)
    assert repr(found).startswith(f"<Verification: {outcome.verdict}")
    assert "\n" not in repr(found)
    assert outcome.statement in shown
    assert f"Source: {outcome.source}." in shown
    assert (f"Expected: {outcome.expected}." in shown) is not outcome.as_expected
    assert all(len(line) <= 80 for line in shown.splitlines()[:-1])


def test_a_verdict_that_is_expected_has_its_reason() -> None:
    refuted = dataclasses.replace(NO, expected="refuted", because="it was measured")
    assert "Expected, because: it was measured." in str(Verification.of(refuted))


def test_it_is_no_truth_value() -> None:
    with pytest.raises(TypeError, match="neither true nor false: ask for its verdict"):
        bool(Verification.of(YES))
