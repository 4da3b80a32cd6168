"""The decorator: what a claim declares, and which verdict is expected of it where."""

from typing import Any

import pytest

from bnclaims import ClaimError, claim
from bnclaims.language.claim import Claim, claim_of


def test_a_test_becomes_a_claim_of_its_name() -> None:
    @claim("It holds", source="here")
    def test_that_it_holds() -> None: ...

    assert claim_of(test_that_it_holds) == Claim(
        "that-it-holds", "It holds", "here", "supported", ""
    )
    assert [mark.name for mark in vars(test_that_it_holds)["pytestmark"]] == ["claim"]


def test_a_claim_may_have_a_name_of_its_own() -> None:
    @claim("It holds", source="here", id="it-holds-2")
    def test_a() -> None: ...

    declared = claim_of(test_a)
    assert declared is not None
    assert declared.id == "it-holds-2"


def test_what_declares_nothing_is_no_claim() -> None:
    assert claim_of(lambda: None) is None
    assert claim_of(None) is None


@pytest.mark.parametrize(
    ("expected", "verdicts"),
    [
        ("refuted", ["refuted"] * 3),
        ({"quick": "refuted"}, ["refuted", "refuted", "supported"]),
        (
            {"quick": {"digits": "refuted"}, "article": "inconclusive"},
            ["supported", "refuted", "inconclusive"],
        ),
    ],
)
def test_a_verdict_is_expected_by_protocol_and_data(expected: Any, verdicts: list[str]) -> None:
    declared = Claim("a", "A", "here", expected, "measured")
    places = [("quick", "mnist"), ("quick", "digits"), ("article", "mnist")]
    assert [declared.expected_under(*place) for place in places] == verdicts


@pytest.mark.parametrize(
    ("declaration", "words"),
    [
        ({"statement": " "}, "a claim needs a statement and a source: what was said, and where"),
        ({"source": ""}, "a claim needs a statement and a source"),
        ({"expected": "true"}, "expected='true': a verdict is one of supported, refuted, inconcl"),
        ({"expected": {"quick": {"digits": "no"}}}, "expected='no': a verdict is one of"),
        ({"expected": {"quick": 5}}, "expected=5: a verdict is one of"),
        ({"expected": ["supported"]}, r"expected=\['supported'\]: a verdict is one of"),
        ({"expected": "refuted"}, "'It holds' is expected to be 'refuted': say why, in because="),
        ({"id": "It-holds"}, "id='It-holds': a claim's id is lower-case words joined by hyphens"),
    ],
)
def test_a_wrong_declaration_is_refused(declaration: Any, words: str) -> None:
    about = {"statement": "It holds", "source": "here"} | declaration
    with pytest.raises(ValueError, match=words):
        claim(about.pop("statement"), **about)(lambda: None)


@pytest.mark.parametrize(
    ("declaration", "words"),
    [
        ({"statement": 5}, "statement=5: give text"),
        ({"source": 5}, "source=5: give text"),
        ({"because": None}, "because=None: give text"),
        ({"id": 5}, "id=5: give text"),
    ],
)
def test_what_is_no_text_is_refused(declaration: Any, words: str) -> None:
    about = {"statement": "It holds", "source": "here"} | declaration
    with pytest.raises(TypeError, match=words):
        claim(about.pop("statement"), **about)(lambda: None)


def test_only_a_function_is_a_claim() -> None:
    class TestIt: ...

    async def test_async() -> None: ...

    with pytest.raises(TypeError, match="@claim on async test_async: write it without async"):
        claim("A", source="here")(test_async)  # type: ignore[type-var]
    with pytest.raises(TypeError, match=r"@claim on <class .*: declare a test function"):
        claim("It holds", source="here")(TestIt)  # type: ignore[type-var]


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        (["quick", "article"], "'quik' is no declared protocol; give article or quick"),
        ([], "give one verdict, as no protocol is declared"),
    ],
)
def test_expected_verdicts_are_of_declared_protocols(declared: list[str], words: str) -> None:
    found = Claim("a", "It holds", "here", {"quik": "refuted"}, "it does not")
    with pytest.raises(ClaimError, match=words):
        found.check_protocols(declared)
    found.check_protocols(["quik"])
    Claim("a", "It holds", "here", "refuted", "it does not").check_protocols([])
