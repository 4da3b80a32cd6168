"""A claim file as somebody else would write it: `mypy --strict` finds nothing in it."""

from functools import partial
from typing import Any, assert_type

import numpy as np

import bnclaims
from bnclaims import (
    MLP,
    Endpoint,
    Evidence,
    Finding,
    History,
    Layer,
    Probe,
    Runs,
    Sample,
    Train,
    Verification,
    activation_distance,
    all_of,
    claim,
    decreasing,
    diverged,
    epochs_to,
    equivalent,
    highest,
    log,
    lowest,
    mean_loss,
    measured,
    metric,
    rate,
    slope,
    val_accuracy,
    verify,
)


def network(units: int) -> Any:
    return MLP("relu", hidden=(units,)).build()


@metric(low=0, unit="epochs")
def best(history: History, *, last: int = 3) -> float:
    return float(history.val_loss[-last:].min())


@metric
def gap(one: History, other: History) -> float:
    return abs(mean_loss(one) - mean_loss(other))


@claim("Eight times the units gain half a percentage point of accuracy", source="lunch, Tuesday")
def test_wider_is_better(train: Train) -> None:
    wide, narrow = train(partial(network, 256)), train(partial(network, 32))
    assert_type(wide, Runs)
    accuracy = val_accuracy(wide)
    assert_type(accuracy, Sample)
    evidence = accuracy > val_accuracy(narrow) + 0.005
    assert_type(evidence, Evidence)
    assert evidence


@claim("Arithmetic gives samples, comparisons evidence", source="own")
def test_arithmetic(train: Train) -> None:
    one, other = mean_loss(train(MLP())), mean_loss(train(MLP("sigmoid")))
    assert_type(one - other + 0.1, Sample)
    assert_type(2 * one / other - one * 0.5, Sample)
    assert_type(-one, Sample)
    assert_type(log(one), Sample)
    assert_type(log(2.0), float)
    assert_type(0.5 < one, Evidence)  # noqa: SIM300  (as a reader may write it)
    assert_type(one >= other, Evidence)
    assert_type(abs(one - other) < 0.1, Evidence)
    assert_type(abs(one - other) < 0.1 * one, Evidence)
    assert -0.1 < one - other < 0.1
    assert (one < other).verdict != "supported"


@claim("Metrics are of runs and of histories", source="own")
def test_metrics(train: Train, probe: Probe) -> None:
    one, other = train(MLP("relu")), train(MLP("tanh"), optimizer="adam", learning_rate=0.1)
    assert_type(mean_loss(one), Sample)
    assert_type(mean_loss(one, diverged=2.3), Sample)
    assert_type(mean_loss(History(loss=np.ones(3))), float)
    assert_type(best(one, last=2), Sample)
    assert_type(best(one, last=2, diverged=9.0), Sample)
    assert_type(best(History(), last=2), float)
    assert_type(gap(one, other), Sample)
    assert_type(gap(one, other, diverged=2.3), Sample)
    assert_type(gap(History(), History()), float)
    layer = probe(Layer("tanh", bnclaims.GLOROT_NORMAL))
    assert_type(activation_distance(layer, layer), Sample)
    assert_type(measured(probe(lambda seed: seed / 2), name="value"), Sample)
    assert_type(diverged(one), Endpoint)
    assert_type(epochs_to(one, loss=0.3), Endpoint)
    assert_type(epochs_to(one, accuracy=0.9, unreached=10), Sample)


@claim("Shapes are evidence", source="own")
def test_shapes(train: Train) -> None:
    losses = [mean_loss(train(MLP().with_batch_norm(k))) for k in range(4)]
    assert_type(decreasing(losses, tolerance=0.1), Evidence)
    assert_type(equivalent(losses, within=0.1 * losses[0]), Evidence)
    assert_type(lowest(losses[:1], than=losses[1:], by=0.1), Evidence)
    assert_type(highest(losses[:1], than=losses[1:]), Evidence)
    assert_type(rate(losses, at=[1, 2, 3, 4]) + slope(losses, at=[1, 2, 3, 4]), Sample)
    assert_type(all_of(losses[0] < 1, losses[1] < 1), Evidence)


def in_a_notebook() -> None:
    outcome = verify(test_wider_is_better, data="digits", looks=(5, 10), parameters={"units": 3})
    assert_type(outcome, Verification)
    assert_type(outcome.estimate, float | None)
    assert_type(outcome.interval, tuple[float, float] | None)
    assert_type(outcome.seeds, int)
    assert_type(outcome.findings, tuple[Finding, ...])
    assert outcome.verdict == "supported"


def in_words(error: bnclaims.BnclaimsError) -> str:
    return f"{bnclaims.__version__}: {error}"
