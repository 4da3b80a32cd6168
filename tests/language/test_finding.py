"""Findings: regions in words, and numbers that do not exist."""

import dataclasses
import math

import numpy as np
import pytest

from bnclaims.language.finding import Region, Share, finite
from tests.fake_results import finding


@pytest.mark.parametrize(
    ("region", "text", "edges"),
    [
        (Region(0.1, None), "> 0.1", (0.1,)),
        (Region(None, -2.0), "< -2", (-2.0,)),
        (Region(-0.1, 0.1), "within ±0.1", (-0.1, 0.1)),
        (Region(0.2, 0.8), "between 0.2 and 0.8", (0.2, 0.8)),
    ],
)
def test_a_region_says_what_is_claimed(region: Region, text: str, edges: tuple[float, ...]) -> None:
    assert str(region) == text
    assert region.edges == edges


def test_a_region_without_an_edge_claims_nothing() -> None:
    with pytest.raises(ValueError, match="a region has an edge at least"):
        Region(None, None)


def test_a_number_is_finite_and_not_numpys() -> None:
    assert [finite(value) for value in (math.nan, math.inf, -math.inf)] == [None] * 3
    assert type(finite(np.float32(0.5))) is float


def test_an_unbounded_interval_has_infinite_ends() -> None:
    assert finding(low=None, high=2.0).ends == (-math.inf, 2.0)
    assert finding(low=1.0, high=None).ends == (1.0, math.inf)
    assert finding(p=None).is_exact
    assert not finding().is_exact


def test_of_what_is_not_so_the_opposite_is_claimed() -> None:
    found = finding(region=Region(0.25, None), share=Share(1.0, 0.4, 1.0), turns_at=2.2)
    opposite = found.negated()
    assert (opposite.verdict, str(opposite.region)) == ("refuted", "< 0.25")
    assert (opposite.effect, opposite.effect_low, opposite.effect_high) == (-2.0, -3.0, -1.0)
    assert opposite.share == Share(0.0, 0.0, 0.6)
    assert opposite.turns_at is None
    assert (opposite.estimate, opposite.ends, opposite.p) == (1.0, (0.5, 1.5), 0.001)
    assert opposite.negated() == dataclasses.replace(found, turns_at=None)
    assert finding(effect=None, effect_low=None, effect_high=None).negated().effect is None


def test_what_is_not_within_two_edges_is_in_no_region() -> None:
    for found in (finding(region=Region(-1.0, 1.0)), finding(verdict="inconclusive")):
        assert found.negated() == found
