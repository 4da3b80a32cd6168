"""Outcomes: what is kept of a claim's evidence and of its arms' runs."""

import numpy as np

from bnclaims import MLP, mean_loss, metric
from bnclaims.experiment.arm import Arm, TrainingArm
from bnclaims.experiment.history import History
from bnclaims.experiment.sources import DataSource
from bnclaims.language.claim import Claim
from bnclaims.language.evidence import Trial
from bnclaims.language.fixtures import Session, Train
from bnclaims.language.shapes import all_of
from bnclaims.reporting import wire
from bnclaims.reporting.outcome import outcome_of
from bnclaims.reporting.results import Outcome
from tests.fake_results import QUICK
from tests.fakes import SEEDS, new_trial, sample


def outcome(trial: Trial, verdict: str) -> Outcome:
    return outcome_of(
        Claim("a-claim", "It holds", "here", "supported", ""),
        "a-claim",
        verdict,  # type: ignore[arg-type]
        trial,
        test="test_it.py::test_a_claim",
        code="",
        command="pytest",
        protocol="quick",
        data="mnist",
        data_note="MNIST",
        declared=1,
    )


def test_the_deciding_finding_comes_first() -> None:
    trial = new_trial()
    noise = np.random.default_rng(1).normal(0, 1, SEEDS)
    strong, weak, wrong = (sample(mean + noise, trial, units) for units, mean in
                           enumerate((20.0, 6.0, -9.0), start=1))  # fmt: skip
    assert all_of(strong > 0, weak > 0)
    # A claim is as strong as its weakest part.
    found = outcome(trial, "supported")
    assert [finding.contrast for finding in found.findings] == ["s2", "s1"]
    assert not wrong > 0
    assert outcome(trial, "refuted").findings[0].contrast == "s3"


def test_of_what_a_claim_says_is_not_the_opposite_is_found() -> None:
    """A refuted claim had an estimate, an interval and a region that supported it."""
    trial = new_trial()
    high = sample(9.0 + np.random.default_rng(1).normal(0, 1, SEEDS), trial, 1)
    assert high > 0
    (found,) = outcome(trial, "refuted").findings
    assert (found.verdict, found.claimed) == ("refuted", "< 0")
    assert outcome(trial, "refuted").refuting
    (kept,) = outcome(trial, "inconclusive").findings
    assert (kept.verdict, kept.claimed) == ("supported", "> 0")


def run(arm: Arm, seed: int) -> History:
    """A run of three epochs; the one of seed 1 diverges in the second."""
    assert isinstance(arm, TrainingArm)
    curve = np.array([3.0, 2.0, 1.0]) + np.random.default_rng(seed).normal(0, 0.01)
    curve[1 if seed == 1 and arm.epochs == 7 else 3 :] = np.nan
    return History(loss=curve, val_loss=curve, val_accuracy=curve, seconds=np.full(3, 0.5))


def test_the_runs_of_its_arms_are_kept(images: DataSource) -> None:
    trial = new_trial(load=run)
    train = Train(trial, Session(images, QUICK, versions={}, function_versions={}))
    assert mean_loss(train(MLP(hidden=(1,)))) < 9
    train(MLP(hidden=(2,)), epochs=7)
    found = outcome(trial, "supported")
    first, second = found.arms
    assert first.metrics.keys() == {"mean_loss", "final_loss", "val_loss", "val_accuracy"}
    assert first.seconds == (1.5,) * 5
    assert first.diverged == ()
    assert second.diverged == (1,)
    assert second.metrics["final_loss"][1] is None
    assert second.curves.loss[1][1:] == (None, None)
    assert wire.from_plain(wire.to_plain(found), Outcome) == found


@metric(unit="points")
def first_loss(history: History, *, times: float = 1.0) -> float:
    return float(history.loss[0]) * times


@metric
def last_loss(history: History) -> float:
    return float(history.loss[-1])


def test_the_metrics_that_it_names_are_kept(images: DataSource) -> None:
    trial = new_trial(load=run)
    train = Train(trial, Session(images, QUICK, versions={}, function_versions={}))
    one, other = train(MLP(hidden=(1,))), train(MLP(hidden=(2,)), epochs=7)
    assert first_loss(one) < first_loss(other, times=2.0)
    last_loss(one)
    last_loss(other)  # the run of seed 1 diverges
    found = outcome(trial, "supported")
    first, doubled, last = found.measured
    assert (first.metric, first.arm, first.first_seed) == ("first_loss", str(one), 0)
    assert (first.unit, last.unit) == ("points", "")
    assert doubled.arm == f"{other}, times=2.0"
    assert first.values == tuple(run(one.arm, seed).loss[0] for seed in range(5))
    assert doubled.values == tuple(2 * run(other.arm, seed).loss[0] for seed in range(5))
    assert (last.metric, last.arm) == ("last_loss", str(one))
    assert wire.from_plain(wire.to_plain(found), Outcome) == found
