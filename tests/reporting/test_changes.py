"""What changed from one report to the next."""

import dataclasses

import pytest

from bnclaims.language.finding import Region
from bnclaims.reporting.changes import ABSENT, Change, changes, incomparable, other_versions
from bnclaims.reporting.results import Results
from tests.fake_results import EXACT, MAYBE, NO, YES, finding, outcome, results

OTHER_NUMBERS = dataclasses.replace(outcome("yes", 12.0), id="yes")


def between(old: Results, new: Results) -> list[tuple[str, str, str]]:
    return [(change.id, change.before, change.after) for change in changes(old, new)]


def test_what_is_as_it_was_is_not_mentioned() -> None:
    assert changes(results(YES, NO, EXACT), results(EXACT, NO, YES)) == []


def test_other_verdicts_come_first_then_other_numbers() -> None:
    old = results(YES, NO, MAYBE)
    new = results(OTHER_NUMBERS, dataclasses.replace(MAYBE, id="no"), MAYBE)
    assert between(old, new) == [
        ("no", NO.verdict, MAYBE.verdict),
        ("yes", YES.verdict, YES.verdict),
    ]
    other = changes(old, new)[1]
    assert other.was != other.now
    assert "claimed > 0" in other.was


def test_claims_come_and_go_and_their_tests_break() -> None:
    assert between(results(YES), results(NO, errors=("yes",))) == [
        ("no", ABSENT, NO.verdict),
        ("yes", YES.verdict, "error"),
    ]
    assert between(results(NO), results()) == [("no", NO.verdict, ABSENT)]


@pytest.mark.parametrize(
    ("before", "after", "flipped"),
    [
        ("supported", "refuted", True),
        ("supported", "inconclusive", True),
        ("supported", "supported", False),
        ("supported", "error", False),
        ("error", "supported", False),
        (ABSENT, "supported", False),
        ("refuted", ABSENT, False),
    ],
)
def test_a_verdict_flips_between_two_verdicts_only(before: str, after: str, flipped: bool) -> None:
    assert Change("a", before, after, "", "").flipped is flipped


def test_other_conditions_are_named() -> None:
    old = results(YES)
    protocol = dataclasses.replace(old.protocol, name="article", epochs=99)
    design = dataclasses.replace(old.design, alpha=0.05)
    new = dataclasses.replace(old, protocol=protocol, design=design)
    assert incomparable(old, old) == []
    first, second = incomparable(old, new)
    assert first.startswith(f"protocol: {old.protocol.name}, ")
    assert " -> article, " in first
    assert second == f"alpha: {old.design.alpha:g} -> 0.05"


def test_other_versions_are_named() -> None:
    old = dataclasses.replace(results(YES), versions={"keras": "3.5", "numpy": "2"})
    new = dataclasses.replace(results(YES), versions={"keras": "3.6", "jax": "1"})
    assert other_versions(old, new) == [
        "keras: 3.5 -> 3.6", f"numpy: 2 -> {ABSENT}", f"jax: {ABSENT} -> 1",
    ]  # fmt: skip


def test_a_change_says_the_unit_of_its_numbers() -> None:
    def epochs(estimate: float) -> Results:
        found = finding(unit="epochs", region=Region(0.25, None), estimate=estimate)
        return results(dataclasses.replace(YES, findings=(found,)))

    (change,) = changes(epochs(1.0), epochs(1.2))
    assert change.was == "1.00 [0.50, 1.50], claimed > 0.25 epochs"
    assert change.now == "1.20 [0.50, 1.50], claimed > 0.25 epochs"
