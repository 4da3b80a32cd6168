"""What the terminal shows: numbers, what is claimed of them, and a table of 80 columns."""

import dataclasses

import pytest

from bnclaims.language.finding import Region
from bnclaims.reporting import terminal
from bnclaims.statistics.design import Open
from tests.fake_results import EXACT, MAYBE, NO, YES, finding, outcome, result


@pytest.mark.parametrize(
    ("numbers", "texts"),
    [
        ((0.0106, 0.0004, 0.0209), ("0.0106", "0.0004", "0.0209")),  # 0.000 would not be above 0
        ((0.011, -0.002, 0.025), ("0.011", "-0.002", "0.025")),
        ((0.500001, 0.5000005, 0.5000015), ("0.50000100", "0.50000050", "0.50000150")),
        ((2.30133, 2.30064, 2.30202), ("2.30133", "2.30064", "2.30202")),
        ((1e-7, 0.5e-7, 2e-7), ("1.00e-07", "5.0e-08", "2.00e-07")),
        ((0.0, None, None), ("0", "-inf", "inf")),
        ((0.0, 0.0, 5e-324), ("0", "0", "4.941e-324")),
        # Equal but for rounding, and an edge met but for rounding: neither is a difference.
        ((1.0, 1 - 2e-16, 1 + 2e-16), ("1", "1", "1")),
        ((0.1, 1e-17, 0.2), ("0.10", "0.00", "0.20")),
    ],
)
def test_rounding_neither_hides_a_difference_nor_moves_it_over_an_edge(
    numbers: tuple[float, ...], texts: tuple[str, ...]
) -> None:
    estimate, low, high = numbers
    assert terminal.rounded(finding(estimate=estimate, low=low, high=high)) == texts


def test_the_table_says_what_was_claimed() -> None:
    claims = [
        YES,
        NO,
        MAYBE,
        EXACT,
        dataclasses.replace(YES, id="near", findings=(finding(region=Region(-0.1, 0.1)),)),
    ]
    assert terminal.table(claims) == [
        ("verdict       claim   estimate      interval     claimed  n     p", "head"),
        ("supported     yes          8.4   [5.0, 11.8]         > 0  5 4e-05", "expected"),
        ("refuted!      no          -9.5 [-11.7, -7.2]         > 0  5 5e-06", "unexpected"),
        ("inconclusive! perhaps    -0.15 [-0.85, 0.55]         > 0 20 0.277", "unexpected"),
        ("supported     exact      exact", "expected"),
        ("supported     near        1.00  [0.50, 1.50] within ±0.1  5 0.001", "expected"),
    ]


def test_surprise_colours_a_verdict_and_not_the_verdict_itself() -> None:
    as_expected = dataclasses.replace(NO, expected="refuted")
    against = dataclasses.replace(YES, expected="refuted")
    assert [terminal.tone(claim) for claim in (as_expected, against)] == ["expected", "unexpected"]


def test_a_share_is_one_of_seeds() -> None:
    shown = terminal.numbers_text(finding(kind="share", unit="of seeds", region=Region(0.5, None)))
    assert shown == "1.00 [0.50, 1.50], claimed > 0.5 of seeds"


def test_a_number_stands_beside_what_is_claimed_and_its_unit() -> None:
    found = finding(unit="epochs", region=Region(-0.5, 0.5))
    claim = dataclasses.replace(YES, findings=(found,))
    assert terminal.row(claim) == [
        "supported     yes 1.00 [0.50, 1.50], claimed within ±0.5 epochs, n 5"
    ]
    assert terminal.table([claim])[1][0].split("] ")[1] == "within ±0.5 epochs 5 0.001"


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_table_fits(width: int) -> None:
    name = "bn-count-matters-more-for-sigmoid-than-for-relu"
    wide = finding(region=Region(-1.25, 0.75), estimate=-12.25, low=-12.5, high=-12.0)
    claims = [
        dataclasses.replace(MAYBE, id=name, findings=(wide,)),
        dataclasses.replace(YES, id=name[::-1], findings=(finding(unit="of activations"),)),
    ]
    lines = [line for line, _ in terminal.table(claims, width)]
    assert max(map(len, lines)) <= width
    if width == 120:
        assert len(lines) == 3
    text = " ".join(" ".join(lines).split())
    assert "-12.25 [-12.50, -12.00]" in text
    assert "between -1.25 and 0.75" in text
    assert "> 0 of activations" in text


def test_where_the_columns_have_no_room_a_verdict_takes_some_lines() -> None:
    claims = [dataclasses.replace(NO, id="bn-count-matters-more-for-sigmoid-than-for-relu"), YES]
    assert [line for line, _ in terminal.table(claims, 50)] == [
        "refuted!      bn-count-matters-more-for-sigmoid-",
        "              than-for-relu",
        "              -9.5 [-11.7, -7.2], claimed > 0, n 5",
        "supported     yes",
        "              8.4 [5.0, 11.8], claimed > 0, n 5",
    ]


def test_counts_say_what_came_out_and_whether_that_surprises() -> None:
    claims = list(map(result, (YES, NO, MAYBE, EXACT)))
    assert (
        terminal.counts(claims) == "4 claims: 2 supported, 1 refuted, 1 inconclusive; 2 unexpected"
    )
    assert terminal.counts(claims[:1]) == "1 claim: 1 supported; all as expected"


def test_the_table_fits_80_columns_however_long_an_id_is() -> None:
    name = "bn-count-matters-more-for-sigmoid-than-for-relu"
    lines = [line for line, _ in terminal.table([dataclasses.replace(MAYBE, id=name), YES])]
    assert lines == [
        "verdict       claim                      estimate      interval claimed  n     p",
        "inconclusive! bn-count-matters-more-for-    -0.15 [-0.85, 0.55]     > 0 20 0.277",
        "              sigmoid-than-for-relu",
        "supported     yes                             8.4   [5.0, 11.8]     > 0  5 4e-05",
    ]
    whole = terminal.table([dataclasses.replace(YES, id="x" * 99)])
    assert max(len(line) for line, _ in whole) == 80


def test_a_verdict_in_a_line_says_what_was_claimed() -> None:
    assert terminal.row(YES) == ["supported     yes 8.4 [5.0, 11.8], claimed > 0, n 5"]
    assert terminal.row(NO) == ["refuted!      no -9.5 [-11.7, -7.2], claimed > 0, n 5"]
    assert terminal.row(EXACT) == ["supported     exact (exact)"]


def test_an_interval_without_ends_is_shown_as_such() -> None:
    claim = outcome("unbounded", 9.0, design=Open((3,), 1e-6))
    assert "[-inf, inf]" in terminal.table([claim])[1][0]


def test_the_evidence_of_a_claim_ends_with_its_p_among_all() -> None:
    lines = terminal.evidence([result(YES)])
    assert lines[:2] == ["yes: It holds", "  supported: s1 = 8.388 [4.974, 11.8], claimed > 0"]
    assert lines[-1] == "    p = 2e-04 adjusted for repeated looks and by Holm correction"


def test_a_declared_reason_is_told_apart_from_what_was_measured_here() -> None:
    """The reason may tell of another protocol, or of other data."""
    why = "under the article's protocol it is 3"
    declared = [
        dataclasses.replace(claim, verdict="refuted", expected="refuted", because=why)
        for claim in (NO, EXACT)
    ]
    text = " ".join(" ".join(terminal.notes([result(claim) for claim in declared], 0.01)).split())
    assert (
        f"no is refuted, as expected: -9.5 [-11.7, -7.2], claimed > 0; declared reason: {why}"
        in (text)
    )
    assert f"exact is refuted, as expected; declared reason: {why}" in text


def test_an_interval_stays_beside_its_estimate() -> None:
    assert terminal.fitted(["found a = 0.1 [-1.0, 1.3], claimed"], 22) == [
        "found a =",
        "  0.1 [-1.0, 1.3],",
        "  claimed",
    ]


def test_lines_fit_and_long_words_stay_whole() -> None:
    path = "/a/path/that/is/longer/than/the/line"
    assert terminal.fitted(["  some words and more", path, ""], 14) == [
        "  some words",
        "    and more",
        path,
        "",
    ]
