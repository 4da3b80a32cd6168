"""Results: what follows from outcomes, alone and beside each other."""

import dataclasses

import pytest

from bnclaims.reporting.results import ClaimResult, fdr, holm_p
from tests.fake_results import EXACT, MAYBE, NO, YES, results, several


def test_results_are_sorted_and_know_their_p_among_all() -> None:
    claims = ClaimResult.beside([YES, NO, EXACT])
    assert [claim.id for claim in claims] == ["exact", "no", "yes"]
    assert [claim.holm_p for claim in claims] == holm_p([EXACT, NO, YES])
    assert claims[1].findings == NO.findings


def test_holm_counts_each_declared_claim_twice() -> None:
    p = YES.findings[0].p
    assert p is not None
    assert holm_p([YES]) == [pytest.approx(2 * 3 * p)]
    assert holm_p([dataclasses.replace(YES, declared=100)]) == [pytest.approx(2 * 100 * p)]
    assert holm_p([EXACT]) == [None]
    assert holm_p([]) == []


def test_an_open_design_has_false_discovery_rates_over_the_same_family() -> None:
    p = YES.findings[0].p
    assert p is not None
    assert fdr([YES]) == [pytest.approx(min(1.0, 2 * 3 * p))]
    assert fdr([YES, EXACT, YES]) == [pytest.approx(2 * 3 * p / 2), None, pytest.approx(3 * p)]
    assert [claim.fdr for claim in ClaimResult.beside([YES, NO])] == [None, None]
    beside = ClaimResult.beside([YES, NO], e_values=True)
    assert [claim.fdr for claim in beside] == fdr([NO, YES])


def test_a_claim_is_refuted_by_evidence_or_by_plain_values() -> None:
    assert NO.refuting
    assert several("supported", "refuted").refuting
    assert not dataclasses.replace(EXACT, verdict="refuted").refuting


def test_a_claim_without_findings_is_exact_or_without_a_value() -> None:
    assert EXACT.deciding is None
    assert EXACT.kind_without_numbers == "exact"
    assert dataclasses.replace(EXACT, verdict="inconclusive").kind_without_numbers == "no value"
    assert MAYBE.deciding == MAYBE.findings[0]


def test_data_are_named_unless_no_claim_has_any() -> None:
    exact = dataclasses.replace(EXACT, data="none", data_note="no data")
    assert results(YES, exact).data_names == ["MNIST"]
    assert results(exact).data_names == ["no data"]
