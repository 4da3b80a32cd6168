"""Designs: what they refuse, and that both kinds answer alike."""

import dataclasses
import math

import numpy as np
import pytest
from scipy import stats

from bnclaims.statistics.boundary import ExponentialBoundary, NormalBoundary
from bnclaims.statistics.design import Design, Open, Sequential, decisions, lowest_share
from bnclaims.statistics.sequential_binomial import critical_hits
from bnclaims.statistics.spending import OBrienFleming, Power

DESIGNS: list[Design] = [
    Sequential(),
    Sequential(boundary=NormalBoundary()),
    Sequential((3, 7), 0.05, OBrienFleming()),
    Open(),
]


def test_defaults() -> None:
    assert Sequential() == Sequential((5, 10, 15, 20), 0.01, Power(1.5), ExponentialBoundary())
    assert (Open().looks, Open().alpha) == (Sequential().looks, Sequential().alpha)


def test_normalises_its_fields() -> None:
    looks = [np.int64(3), 6]
    for design in (Sequential(looks=looks), Open(looks=looks)):  # type: ignore[arg-type]
        assert design.looks == (3, 6)
        assert all(type(n) is int for n in design.looks)
        assert isinstance(hash(design), int)


def test_replacing_a_field_validates() -> None:
    with pytest.raises(ValueError, match="alpha"):
        dataclasses.replace(Sequential(), alpha=0.5)


@pytest.mark.parametrize("kind", [Sequential, Open])
@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"looks": ()}, "one or more integers"),
        ({"looks": (5, 10.0)}, "one or more integers"),
        ({"looks": (5, True)}, "one or more integers"),
        ({"looks": (5, 5)}, "must increase"),
        ({"looks": (10, 5)}, "must increase"),
        ({"looks": (2, 5)}, "at least 3 seeds"),
        ({"alpha": 0.0}, "alpha must lie between"),
        ({"alpha": 0.5}, "alpha must lie between"),
        ({"alpha": math.nan}, "alpha must lie between"),
    ],
)
def test_refuses(kind: type, fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kind(**fields)


def test_a_first_look_without_alpha_is_refused() -> None:
    with pytest.raises(ValueError, match="spends nothing at the first look"):
        Sequential(spending=Power(1e5))


@pytest.mark.parametrize("design", DESIGNS, ids=str)
def test_p_is_at_most_the_level_exactly_from_the_critical_value_on(design: Design) -> None:
    for look in range(len(design.looks)):
        critical = design.critical(look)
        assert design.adjusted_p(critical, look) <= design.level(look) * (1 + 1e-9)
        assert design.adjusted_p(critical * 0.999, look) > design.level(look)


@pytest.mark.parametrize("design", DESIGNS, ids=str)
def test_less_alpha_asks_for_more(design: Design) -> None:
    half = design.with_alpha(design.alpha / 2)
    assert half.looks == design.looks
    for look in range(len(design.looks)):
        assert half.critical(look) > design.critical(look)


@pytest.mark.parametrize("design", DESIGNS, ids=str)
def test_an_interval_of_a_share_excludes_half_exactly_when_the_test_rejects(
    design: Design,
) -> None:
    for look, n in enumerate(design.looks):
        for hits in range(n + 1):
            decided = design.adjusted_share_p(hits, look) <= design.level(look)
            low, high = lowest_share(design, hits, look), 1 - lowest_share(design, n - hits, look)
            assert (low > 0.5 - 1e-9) == decided
            assert low <= hits / n <= high


def test_intervals_of_a_share_cover_over_all_looks() -> None:
    design, share, streams = Sequential(alpha=0.1), 0.7, 2_000
    hits = np.random.default_rng(np.random.SeedSequence(4)).random((streams, 20)) < share
    counts = np.cumsum(hits, axis=1)[:, np.array(design.looks) - 1]
    lows = [
        np.array([lowest_share(design, k, look) for k in range(n + 1)])[counts[:, look]]
        for look, n in enumerate(design.looks)
    ]
    missed = int((np.array(lows) > share).any(axis=0).sum())
    assert missed <= stats.binom.ppf(1 - 1e-4, streams, 0.1)


def test_sequential_shares_are_the_binomial_boundaries() -> None:
    design = Sequential()
    for look, fewest in enumerate(critical_hits(design.looks, design.alpha, design.spending)):
        decided = [
            design.adjusted_share_p(k, look) <= design.level(look)
            for k in range(design.looks[look] + 1)
        ]
        assert sum(decided) == design.looks[look] + 1 - fewest


def test_the_rule() -> None:
    t = np.array([[3.0, 3.0, -3.0, 1.0, np.inf], [4.0, 1.0, 5.0, 1.0, -np.inf]])
    assert decisions(t, 2.0, 2.5).tolist() == [1, 0, -1, 0, -1]
    assert decisions(np.array([2.0, 2.0]), 2.0, 2.0) == 1


def test_says_what_it_is() -> None:
    assert str(Sequential()) == (
        "looks at 5, 10, 15, 20 seeds, alpha 0.01 each way, spending power:1.5, "
        "exponential boundary"
    )
    assert str(Open((3, 9), 0.05)) == "looks at 3, 9 seeds, alpha 0.05 each way, open-ended"


@pytest.mark.parametrize("design", [Sequential(alpha=0.05), Open(alpha=0.05)])
def test_a_design_that_ends_sooner_has_the_looks_up_to_there(design: Design) -> None:
    ended = design.ending_at(1)
    assert (ended.looks, ended.alpha) == ((5, 10), 0.05)


def test_for_symmetric_data_the_normal_boundary_keeps_alpha() -> None:
    assert Sequential().for_symmetric() == Sequential(boundary=NormalBoundary())
    assert Open().for_symmetric() == Open()
