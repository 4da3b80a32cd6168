"""A failure: the place, the evidence, and what can be done about it."""

import dataclasses

import pytest

from bnclaims.language.claim import Expected
from bnclaims.language.finding import Region
from bnclaims.reporting import failure
from bnclaims.reporting.results import Outcome
from bnclaims.statistics.design import Design, Open, Sequential
from tests.fake_results import EXACT, MAYBE, NO, YES, finding

PROTOCOLS = ["quick", "article"]


def steps(
    claim: Outcome,
    expected: Expected = "supported",
    protocols: list[str] = PROTOCOLS,
    design: Design = Sequential(),  # noqa: B008  (it is frozen)
) -> list[str]:
    return failure.what_now(claim, expected, protocols, design)


def test_it_says_where_then_what_then_what_now() -> None:
    said = failure.text(
        NO,
        place=failure.Place("test_it.py", 7, "assert a < b"),
        why="as the article says",
        evidence=["refuted: s1 = -9.465", "  5 of at most 20 seeds, and more words than fit"],
        steps=steps(NO),
        command="pytest test_it.py::test_no --claims-protocol=quick",
        width=40,
    )
    assert said.splitlines() == [
        "no is refuted, expected supported",
        "test_it.py:7: assert a < b",
        "as the article says",
        "",
        "claim: It holds",
        "source: here",
        "The number compared averages -9.5",
        "  (interval -11.7 to -7.2); the claim",
        "  says above 0, and none of the interval",
        "  is.",
        "refuted: s1 = -9.465",
        "  5 of at most 20 seeds, and more words",
        "    than fit",
        "quick protocol, MNIST",
        "",
        "what now:",
        "- accept it as a finding; in @claim,",
        "  write",
        '    expected={"quick": {"mnist": "refuted"}},',
        '    because="measured: -9.5 [-11.7, -7.2], claimed > 0, n 5",',
        "reproduce: pytest test_it.py::test_no --claims-protocol=quick",
    ]


@pytest.mark.parametrize(
    ("expected", "protocols", "declared"),
    [
        ("supported", [], '"refuted"'),
        ("supported", PROTOCOLS, '{"quick": {"mnist": "refuted"}}'),
        ("inconclusive", ["quick"], '"refuted"'),
        ("inconclusive", PROTOCOLS, '{"article": "inconclusive", "quick": "refuted"}'),
        (
            {"article": "refuted"},
            PROTOCOLS,
            '{"article": "refuted", "quick": {"mnist": "refuted"}}',
        ),
        ({"quick": "inconclusive"}, PROTOCOLS, '{"quick": "refuted"}'),
        (
            {"quick": {"digits": "inconclusive"}},
            PROTOCOLS,
            '{"quick": {"digits": "inconclusive", "mnist": "refuted"}}',
        ),
    ],
)
def test_the_line_to_paste_changes_the_expectation_here_and_nowhere_else(
    expected: Expected, protocols: list[str], declared: str
) -> None:
    assert f"    expected={declared}," in steps(NO, expected, protocols)


def test_a_claim_that_came_true_needs_no_reason() -> None:
    assert steps(YES, "refuted", []) == [
        "- accept it as a finding; in @claim, write",
        '    expected="supported",',
    ]


def test_an_exact_claim_does_not_depend_on_the_protocol() -> None:
    exact = dataclasses.replace(EXACT, verdict="refuted", data="none")
    assert steps(exact)[1:] == ['    expected="refuted",', '    because="...",']


def test_seeds_are_added_only_where_the_design_allows_it() -> None:
    words = " ".join(steps(MAYBE))
    assert "planned looks stay as planned; under --claims-design=open seeds may be added" in words
    assert "--claims-looks" not in words
    many = dataclasses.replace(MAYBE, findings=(finding(needed=(27, None)),))
    none = dataclasses.replace(MAYBE, findings=(finding(needed=(None, None)),))
    assert steps(many, design=Open())[-1] == "    --claims-looks=5,10,15,20,27"
    assert steps(none, design=Open())[-1] == "    --claims-looks=5,10,15,20,40"


@pytest.mark.parametrize(
    ("region", "estimate", "weaker"),
    [
        (Region(-0.1, 0.1), 0.2, "- or claim a wider margin than within ±0.1, "),
        (Region(0.5, None), 0.2, "- or claim less than > 0.5, "),
        (Region(None, -0.5), -0.2, "- or claim less than < -0.5, "),
        (Region(0.5, None), -0.2, ""),  # it is the other way round
        (Region(0.0, None), 0.2, ""),
    ],
)
def test_a_margin_may_be_given_up(region: Region, estimate: float, weaker: str) -> None:
    claim = dataclasses.replace(NO, findings=(finding(region=region, estimate=estimate),))
    said = [line for line in steps(claim) if line.startswith("- or")]
    assert said == ([weaker + "for a reason other than these seeds"] if weaker else [])
