"""Claims by a user who writes whatever Python lets them: no verdict errs beyond alpha."""

import dataclasses
import functools
import heapq
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

from bnclaims import Inconclusive, all_of
from bnclaims.errors import ClaimError
from bnclaims.language.evidence import Evidence, Trial
from bnclaims.language.sample import Sample
from bnclaims.language.tracing import Trace, traced
from bnclaims.statistics.design import Design, Open
from tests.fakes import ALPHA, AT_ALPHA, new_trial, samples

Body = Callable[..., Any]

ARMS, STREAMS = 4, 800
LIMIT = float(np.ceil(special.bdtrik(1 - 1e-4, STREAMS, ALPHA))) / STREAMS
"""What a frequency of alpha exceeds once in ten thousand times."""


@pytest.fixture(autouse=True)
def _no_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an undecided claim would take is not asked: finding out costs more than a verdict."""
    monkeypatch.setattr(Evidence, "__str__", lambda self: "")


def lower(one: Sample, other: Sample) -> Sample:
    if one < other:
        return one
    return other


def lowest_by_hand(*arms: Sample) -> Sample:
    best = arms[0]
    for arm in arms[1:]:
        if arm < best:
            best = arm
    return best


def first_that_holds(a: Sample, b: Sample, c: Sample, d: Sample) -> bool:
    for one, other in ((a, b), (b, c), (c, d)):
        try:
            assert one < other
        except AssertionError:
            continue
        return True
    return False


BODIES: dict[str, Body] = {
    "plain": lambda a, b, c, d: a < b,
    "not": lambda a, b, c, d: not (a < b),
    "or": lambda a, b, c, d: a < b or b < a,
    "or of others": lambda a, b, c, d: a < b or c < d,
    "any": lambda a, b, c, d: any([a < b, b < c, c < d]),
    "neither": lambda a, b, c, d: not (a < b) and not (c < d),
    "if": lambda a, b, c, d: (c < d) if (a < b) else (d < c),
    "chain": lambda a, b, c, d: a < b < c,
    "walrus": lambda a, b, c, d: (gap := b - a) > 0 and gap > -0.001,
    "not all_of": lambda a, b, c, d: not all_of(a < b, c < d),
    "reduce": lambda a, b, c, d: functools.reduce(lower, (a, b)) < c,
    "a minimum by hand": lambda a, b, c, d: lowest_by_hand(a, b, c) < d,
    "retries": first_that_holds,
}


def trace_of(body: Body, design: Design) -> Trace:
    def passes(trial: Trial) -> bool:
        try:
            return bool(body(*samples(trial, *np.zeros((ARMS, 20)))))
        except AssertionError:
            return False

    return traced(passes, lambda answers: new_trial(design, tracing=True, answers=answers))


def judged(body: Body, data: Any, design: Design, trace: Trace) -> str:
    trial = new_trial(design, edges=trace.edges, supports=trace.supports)
    try:
        return "supported" if body(*samples(trial, *data)) else "refuted"
    except Inconclusive:
        return "inconclusive"


@pytest.mark.slow
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_no_body_errs_more_often_than_alpha(body: Body) -> None:
    """All arms are alike, so each comparison lies on its edge and any verdict is wrong."""
    design = dataclasses.replace(AT_ALPHA, futility=0.0)
    trace = trace_of(body, design)
    rng = np.random.default_rng(np.random.SeedSequence(91))
    found = [judged(body, data, design, trace) for data in rng.standard_normal((STREAMS, ARMS, 20))]
    assert found.count("supported") / STREAMS <= LIMIT
    assert found.count("refuted") / STREAMS <= LIMIT


def test_either_way_round_would_err_twice_as_often_if_alpha_were_not_split() -> None:
    assert trace_of(BODIES["or"], AT_ALPHA).supports == 2
    assert trace_of(BODIES["any"], AT_ALPHA).supports == 3
    assert trace_of(BODIES["plain"], AT_ALPHA).supports == 1
    assert trace_of(BODIES["chain"], AT_ALPHA).supports == 1
    assert trace_of(BODIES["neither"], AT_ALPHA).supports == 2


def test_what_a_conjunction_has_taken_has_no_truth_of_its_own() -> None:
    """Pytest asks for it, too, when it explains a conjunction that failed."""
    one, other = samples(new_trial(), np.zeros(20), np.ones(20))
    part = one < other
    assert all_of(part, one < other - 0.5)
    with pytest.raises(ClaimError, match=r"s2 - s1 > 0 is part of a conjunction already"):
        bool(part)

    def body(a: Sample, b: Sample, c: Sample, d: Sample) -> bool:
        assert all_of(a < b, b < c, c < d, a < c, a < d, b < d)
        return True

    assert trace_of(body, AT_ALPHA).supports == 1


def test_a_verdict_that_is_looked_at_may_lead_anywhere() -> None:
    def body(a: Sample, b: Sample, c: Sample, d: Sample) -> bool:
        return (a < b).verdict != "supported" and (b < a).verdict != "supported"

    assert trace_of(body, AT_ALPHA).supports == 2


def test_rerunning_gives_the_same_verdict() -> None:
    design = AT_ALPHA
    rng = np.random.default_rng(np.random.SeedSequence(92))
    for data in rng.normal([[0.0], [0.7], [0.0], [0.0]], 1.0, (40, ARMS, 20)):
        once, again = (
            judged(BODIES["plain"], data, design, trace_of(BODIES["plain"], design))
            for _ in range(2)
        )
        assert once == again


@pytest.mark.slow
@pytest.mark.parametrize("body", ["plain", "or", "not"])
def test_extending_looks_in_an_open_design_errs_no_more_often_than_alpha(body: str) -> None:
    """Undecided claims are judged again with ever more seeds, as long as they are undecided."""
    looks = [(5, 10, 15, 20), (5, 10, 15, 20, 40), (5, 10, 15, 20, 40, 60)]
    designs = [Open(some, ALPHA, futility=0.0) for some in looks]
    traces = [trace_of(BODIES[body], design) for design in designs]
    rng = np.random.default_rng(np.random.SeedSequence(93))
    wrong = {"supported": 0, "refuted": 0}
    for data in rng.standard_normal((STREAMS, ARMS, 60)):
        for design, trace in zip(designs, traces, strict=True):
            verdict = judged(BODIES[body], data, design, trace)
            if verdict != "inconclusive":
                wrong[verdict] += 1
                break
    assert max(wrong.values()) / STREAMS <= LIMIT


@pytest.mark.parametrize(
    ("misuse", "words"),
    [
        (max, "compare samples one by one"),
        (min, "compare samples one by one"),
        (lambda a, b: sorted([a, b]), "compare samples one by one"),
        (lambda a, b: [a, b].sort(), "compare samples one by one"),
        (lambda a, b: heapq.nsmallest(1, [a, b]), "compare samples one by one"),
        (lambda a, b: (a < b) | (b < a), "assert evidence as it is: all_of"),
        (lambda a, b: (a < b) & (b < a), "assert evidence as it is: all_of"),
        (lambda a, b: ~(a < b), "`not a < b` that it does not"),
        (lambda a, b: (a < b) == True, "assert evidence as it is"),  # noqa: E712
        (lambda a, b: (a < b) != (b < a), "assert evidence as it is"),
        (lambda a, b: (a < b) < (b < a), "assert evidence as it is"),
        (lambda a, b: a == b, "no test can show that two samples are equal"),
        (lambda a, b: abs(a - b) < abs(a + b), "does not say which way the differences go"),
        (lambda a, b: a < math.inf, "give a finite number"),
        (lambda a, b: a < 1e200, "give a finite number"),
        (lambda a, b: a < math.nan, "give a finite number"),  # noqa: PLW0177
    ],
)
def test_what_would_mislead_is_refused_with_words_to_use(misuse: Body, words: str) -> None:
    trial = new_trial()
    with pytest.raises((TypeError, ValueError), match=words):
        misuse(*samples(trial, np.zeros(20), np.ones(20)))
    assert all(evidence.look is None for evidence in trial.evidence)
