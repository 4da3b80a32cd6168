"""The group-sequential binomial test against enumeration and simulation."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from bnclaims.statistics.sequential_binomial import adjusted_share_p, critical_hits
from bnclaims.statistics.spending import OBrienFleming, Pocock, Power, Spending

STANDARD = (5, 10, 15, 20)


def crossing_probability(
    looks: tuple[int, ...], critical: tuple[int, ...], share: float
) -> list[float]:
    """P(crossed at or before each look), over all sequences of hits and misses."""
    crossed = np.zeros(len(looks))
    for path in itertools.product((0, 1), repeat=looks[-1]):
        probability = math.prod(share if hit else 1 - share for hit in path)
        for look, n in enumerate(looks):
            if sum(path[:n]) >= critical[look]:
                crossed[look:] += probability
                break
    return list(crossed)


@pytest.mark.parametrize("spending", [Power(), Pocock(), OBrienFleming()])
@pytest.mark.parametrize("share", [0.5, 0.2])
def test_spends_no_more_than_it_may_and_as_much_as_whole_hits_allow(
    spending: Spending, share: float
) -> None:
    looks, alpha = (3, 6, 9, 12), 0.1
    critical = critical_hits(looks, alpha, spending, share)
    spent = [spending(n / 12, alpha) for n in looks]
    crossed = crossing_probability(looks, critical, share)
    assert all(c <= s + 1e-12 for c, s in zip(crossed, spent, strict=True))
    for look in range(len(looks)):
        easier = (*critical[:look], critical[look] - 1, *critical[look + 1 :])
        assert crossing_probability(looks, easier, share)[look] > spent[look]


def test_one_look_is_the_binomial_test() -> None:
    (critical,) = critical_hits((20,), 0.05, Power())
    assert critical == 15
    for hits in range(21):
        expected = stats.binomtest(hits, 20, 0.5, alternative="greater").pvalue
        assert adjusted_share_p(hits, 0, (20,), 0.05, Power()) == pytest.approx(expected)


def test_p_is_at_most_what_is_spent_exactly_from_the_boundary_on() -> None:
    critical = critical_hits(STANDARD, 0.05, Power())
    for look, n in enumerate(STANDARD):
        spent = 0.05 * (n / 20) ** 1.5
        for hits in range(n + 1):
            p = adjusted_share_p(hits, look, STANDARD, 0.05, Power())
            assert (p <= spent) == (hits >= critical[look])


def test_five_unanimous_seeds_do_not_decide_at_one_percent_and_ten_do() -> None:
    assert critical_hits(STANDARD, 0.01, Power())[:2] == (6, 10)


@pytest.mark.parametrize("share", [0.0, 1.0, math.nan])
def test_refuses_what_is_no_share(share: float) -> None:
    with pytest.raises(ValueError, match="share must lie between"):
        critical_hits(STANDARD, 0.01, Power(), share)
