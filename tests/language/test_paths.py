"""Paths through a body: how alpha is split so that no Python makes verdicts err more often."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnclaims.language.paths import AlphaSplit, Path, alpha_split, failing, others
from tests.fakes import ALPHA, LIMIT, STREAMS

Ask = Callable[[int], bool]
Body = Callable[[Ask], bool]

BODIES: dict[str, tuple[Body, AlphaSplit]] = {
    "a": (lambda e: e(0), AlphaSplit(1, 1)),
    "not a": (lambda e: not e(0), AlphaSplit(1, 1)),
    "not not a": (lambda e: bool(e(0)), AlphaSplit(1, 1)),
    "a and b and c": (lambda e: e(0) and e(1) and e(2), AlphaSplit(1, 1)),
    "a or b": (lambda e: e(0) or e(1), AlphaSplit(2, 1)),
    "any of three": (lambda e: any(e(i) for i in range(3)), AlphaSplit(3, 1)),
    "any of a list": (lambda e: any([e(0), e(1), e(2)]), AlphaSplit(3, 1)),
    "neither": (lambda e: not e(0) and not e(1), AlphaSplit(2, 1)),
    "a and not b": (lambda e: e(0) and not e(1), AlphaSplit(2, 2)),
    "a if b else c": (lambda e: e(0) if e(1) else e(2), AlphaSplit(4, 2)),
    "whatever": (lambda e: e(0) or True, AlphaSplit(1, 1)),
}


def paths_of(body: Body) -> Iterator[Path]:
    answers: list[bool] | None = []
    while answers is not None:
        asked: list[bool] = []

        def ask(_: int, *, answers: list[bool] = answers, asked: list[bool] = asked) -> bool:
            asked.append(answers[len(asked)] if len(asked) < len(answers) else True)
            return asked[-1]

        passed = body(ask)
        yield Path(tuple(asked), passed)
        answers = others(asked)


@pytest.mark.parametrize(("body", "expected"), BODIES.values(), ids=BODIES)
def test_alpha_is_split_over_the_errors_that_would_do(body: Body, expected: AlphaSplit) -> None:
    assert alpha_split(list(paths_of(body))) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("a", {(False,)}),
        ("not a", {(True,)}),
        ("a or b", {(False, False)}),
        ("neither", {(True,), (False, True)}),
        ("a and not b", {(False,), (True, True)}),
        ("whatever", set()),
    ],
)
def test_what_a_body_fails_for_is_its_last_answer(body: str, expected: set[object]) -> None:
    assert failing(list(paths_of(BODIES[body][0]))) == expected


def test_what_fails_whatever_is_answered_fails_for_another_reason() -> None:
    assert failing([Path((True,), passed=False), Path((False,), passed=False)]) == set()
    assert failing([Path((), passed=False)]) == set()
    assert failing([Path((True,), passed=False), Path((False,), passed=None)]) == set()


def test_all_paths_are_found_once() -> None:
    found = [path.answers for path in paths_of(BODIES["any of a list"][0])]
    assert len(found) == len(set(found)) == 8


def test_a_path_that_raises_is_no_verdict() -> None:
    assert alpha_split([Path((True,), passed=True), Path((False,), passed=None)]) == AlphaSplit(
        1, 1
    )


@pytest.mark.parametrize("body", [body for body, _ in BODIES.values()], ids=BODIES)
@given(st.lists(st.booleans(), min_size=3, max_size=3))
def test_no_body_errs_more_often_than_alpha(body: Body, truth: list[bool]) -> None:
    """Whatever is true, each comparison errs as often as its share lets it, without dependence."""
    split = alpha_split(list(paths_of(body)))
    edges = max(len(path.answers) for path in paths_of(body)) * split.refutations
    rng = np.random.default_rng(np.random.SeedSequence([90, *truth]))
    errs = rng.random((STREAMS, 3)) < np.where(truth, ALPHA / edges, ALPHA / split.supports)
    said = np.asarray(truth) ^ errs
    wrong = sum(body(lambda i, row=row: bool(row[i])) != body(truth.__getitem__) for row in said)  # type: ignore[misc]
    assert wrong / STREAMS <= LIMIT
