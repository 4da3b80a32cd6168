"""Outcomes, results and figures that tests make up: nobody trained for them."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bnclaims.experiment.protocol import TrainingProtocol
from bnclaims.language.claim import Claim
from bnclaims.language.evidence import Evidence, Trial
from bnclaims.language.figure import Drawing, Line
from bnclaims.language.finding import Finding, Look, Region, Share, Verdict
from bnclaims.reporting import report
from bnclaims.reporting.outcome import outcome_of
from bnclaims.reporting.results import (
    ArmRecord,
    ClaimResult,
    Curves,
    ErrorRecord,
    Outcome,
    Results,
    SessionRecord,
)
from bnclaims.statistics.boundary import BOUNDARIES
from bnclaims.statistics.design import Design, Sequential
from tests.fakes import SEEDS, new_trial, sample

QUICK = TrainingProtocol("quick", images=10_000, epochs=6)
"""A protocol."""

NORMAL = Sequential(boundary=BOUNDARIES["normal"], futility=0.0)
"""The design of made-up claims: exact for their normal data, and never stopped undecided."""

HOSTILE = "<script>alert('\"&\\n')</script> 🙂 \u202etfel"


def finding(**changes: Any) -> Finding:
    """What a comparison with 0 came to after five seeds."""
    made = Finding(
        kind="mean",
        verdict="supported",
        contrast="a - b",
        estimate=1.0,
        low=0.5,
        high=1.5,
        region=Region(0.0, None),
        unit="",
        seeds=5,
        p=0.001,
        nominal_p=0.001,
        sign_flip_p=0.031,
        share=Share(1.0, 0.4, 1.0),
        turns_at=2.2,
        disagrees=False,
        effect=2.0,
        effect_low=1.0,
        effect_high=3.0,
        correlation=0.5,
        page_p=None,
        unknown=0,
        detectable=0.5,
        needed=(4, 5),
        values=(0.8, 0.9, 1.0, 1.1, 1.2),
        looks=(Look(5, 1.0, 0.5, 1.5),),
    )
    return dataclasses.replace(made, **changes)


def outcome(
    name: str, mean: float, *, statement: str = "It holds", design: Design | None = None
) -> Outcome:
    """What a claim that a mean is positive comes to."""
    noise = np.random.default_rng(np.random.SeedSequence([3, len(name)])).normal(0, 1, SEEDS)
    return compared(
        name, lambda trial: sample(mean + noise, trial) > 0, statement=statement, design=design
    )


def compared(
    name: str,
    compare: Callable[[Trial], Evidence],
    *,
    statement: str = "It holds",
    design: Design | None = None,
) -> Outcome:
    """What a claim of one comparison comes to."""
    trial = new_trial(design or NORMAL)
    verdict = compare(trial).verdict
    return outcome_of(
        Claim(name, statement, "here", "supported", ""),
        name,
        verdict,
        trial,
        test=f"test_it.py::test_{name}",
        code=f"def test_{name}(): ...",
        command=f"pytest test_it.py::test_{name}",
        protocol="quick",
        data="mnist",
        data_note="MNIST",
        declared=3,
    )


def several(verdict: Verdict, *evidence: Verdict) -> Outcome:
    """A claim of which the test came to a verdict by comparisons that came to these."""
    parts = {claim.verdict: claim.findings[0] for claim in (YES, NO, MAYBE)}
    return dataclasses.replace(
        YES, verdict=verdict, findings=tuple(parts[name] for name in evidence)
    )


def arm(name: str, *curves: Sequence[float | None], diverged: tuple[int, ...] = ()) -> ArmRecord:
    """The runs of an arm with these learning curves."""
    names = ("mean_loss", "final_loss", "val_loss", "val_accuracy")
    series = tuple(map(tuple, curves))
    return ArmRecord(
        arm=name,
        digest=name,
        first_seed=0,
        metrics={metric: tuple(sum(v or 0 for v in curve) for curve in curves) for metric in names},
        curves=Curves(series, series, series),
        seconds=(1.0,) * len(curves),
        diverged=diverged,
    )


CURVES = Drawing(
    "Two curves <b>",
    "here",
    "curves",
    (),
    (
        Line("solid", ((2.0, 1.0, None), (2.1, 1.1, 0.5))),
        Line("dashed", ((1.0, 0.5, 0.25), (1.1, 0.6, 0.2)), dashed=True),
    ),
)
HISTOGRAM = Drawing(
    "A histogram",
    "here",
    "histograms",
    (0.0, 0.5, 1.0),
    (Line("a", ((0.5, 0.5), (0.25, 0.75))),),
)


PASSED = SessionRecord(0, interrupted=False, unfinished=0)
"""How a session ends in which every test passes."""


def results(
    *outcomes: Outcome, errors: Sequence[str] = (), session: SessionRecord = PASSED
) -> Results:
    """What a session's claims came to; the test of some went wrong."""
    return report.results_of(
        ClaimResult.beside(outcomes),
        [ErrorRecord(name, "boom") for name in errors],
        session=session,
        figures=[CURVES, HISTOGRAM],
        protocol=QUICK,
        design=Sequential(),
        versions={"keras": "3.5"},
    )


def result(claim: Outcome) -> ClaimResult:
    """What a session's only claim came to."""
    return ClaimResult.beside([claim])[0]


YES, NO, MAYBE = outcome("yes", 9.0), outcome("no", -9.0), outcome("perhaps", 0.1)
EXACT = dataclasses.replace(outcome("exact", 9.0), findings=(), explanation=())
WITH_ARMS = dataclasses.replace(
    outcome("with-arms", 5.0),
    source="Other article, figure 1",
    arms=(
        arm("a", [2.0, 1.0, 0.5], [2.1, 0.9, 0.4]),
        arm("b", [2.0, None, None], [1.5, 1.0, 0.5], diverged=(0,)),
    ),
)
STRANGE = dataclasses.replace(
    outcome("strange", 9.0, statement=HOSTILE),
    id=HOSTILE,
    source=HOSTILE,
    code=HOSTILE,
    test=HOSTILE,
    command=HOSTILE,
    because=HOSTILE,
    arms=(arm(HOSTILE, [1.0, 0.5]),),
    explanation=(HOSTILE,),
)
