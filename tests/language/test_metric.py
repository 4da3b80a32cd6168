"""Metrics: what makes samples of the runs of arms, and how they count what diverged."""

from functools import partial
from typing import Any

import numpy as np
import pytest

from bnclaims import (
    MLP,
    ClaimError,
    Data,
    History,
    NotFiniteError,
    Runs,
    curve_roughness,
    diverged,
    epochs_to,
    gradient_ratio,
    mean_loss,
    measured,
    metric,
    seconds_per_epoch,
    val_accuracy,
)
from bnclaims.experiment.arm import TrainingArm
from tests.fakes import fake_runs, new_trial

LOSSES = {"falls": [1.0, 2.0, 3.0], "breaks": [5.0, 7.0, np.nan]}
"""The loss of each seed, by the arm's name."""


def runs(name: str) -> Runs:
    def load(arm: Any, seed: int) -> History:
        return History(loss=np.array([LOSSES[arm.digest][seed]]))

    return fake_runs(name, trial=new_trial(load=load))


@metric
def gap(one: History, other: History, *, times: float = 1.0) -> float:
    """How much more the other lost."""
    return float((other.loss - one.loss)[0]) * times


def test_a_metric_is_still_the_function_that_it_was() -> None:
    assert mean_loss(History(loss=np.array([2.0, 1.0]))) == 1.5
    two, five = (History(loss=np.array([loss])) for loss in (2.0, 5.0))
    assert gap(two, five, times=2) == 6.0
    assert (gap.__doc__, repr(gap)) == ("How much more the other lost.", "<metric gap>")


def test_a_metric_of_two_arms_pairs_their_seeds() -> None:
    found = gap(runs("falls"), runs("breaks"), times=2)
    np.testing.assert_array_equal(found.values(2), [8.0, 10.0])
    assert str(found) == "gap(fake falls, fake breaks, times=2)"


def test_a_diverged_run_has_no_value() -> None:
    with pytest.raises(NotFiniteError, match=r"fake breaks: seeds 2.*diverged=2.3"):
        mean_loss(runs("breaks")).values(3)


def test_unless_the_claim_says_how_to_count_it() -> None:
    counted = mean_loss(runs("breaks"), diverged=9.5)
    np.testing.assert_array_equal(counted.values(3), [5.0, 7.0, 9.5])
    assert str(counted) == "mean_loss(fake breaks, diverged=9.5)"
    np.testing.assert_array_equal(mean_loss(runs("falls"), diverged=9.5).values(3), [1, 2, 3])
    np.testing.assert_array_equal(
        gap(runs("falls"), runs("breaks"), times=2, diverged=0).values(3), [8, 10, 0]
    )


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_a_diverged_run_counts_as_a_finite_number(value: float) -> None:
    with pytest.raises(ClaimError, match=f"diverged={value}: count a run that diverged as a fin"):
        mean_loss(runs("breaks"), diverged=value)


def test_a_metric_knows_its_limits() -> None:
    @metric(low=-1, high=1)
    def sign(history: History) -> float:
        return float(np.sign(history.loss[0]))

    assert sign(runs("falls")).limits == (-1, 1)
    # Cosine similarity, as a loss, is negative.
    assert mean_loss(runs("falls")).limits == (-np.inf, np.inf)
    assert curve_roughness(runs("falls")).limits == (0, np.inf)
    assert sign(runs("falls"), diverged=-2).limits == (-2, 1)
    assert sign(runs("falls"), diverged=0).limits == (-1, 1)
    assert (val_accuracy(runs("falls")) - val_accuracy(runs("breaks"))).limits == (-1, 1)


def test_a_metric_knows_its_unit() -> None:
    @metric(unit="steps", low=0)
    def steps(history: History) -> float:
        return float(history.loss[0])

    assert steps(runs("falls")).unit == "steps"
    assert steps(runs("breaks"), diverged=9.0).unit == "steps"
    assert (steps(runs("falls")) - 0.5 * steps(runs("breaks")) - 3).unit == "steps"
    assert gap(runs("falls"), runs("breaks")).unit == ""
    untyped: Any = metric
    with pytest.raises(TypeError, match=r"unit=3: give what stands after a number, as in unit="):
        untyped(unit=3)


@pytest.mark.parametrize(
    ("unit", "of"),
    [
        ("", mean_loss),  # in nats where it is a cross-entropy, and only there
        ("", curve_roughness),
        ("epochs", partial(epochs_to, loss=0.5)),
        ("epochs", partial(epochs_to, loss=0.5, unreached=1)),
        ("", diverged),
        ("s", seconds_per_epoch),
        ("of labels", val_accuracy),
        ("", gradient_ratio),
    ],
)
def test_the_metrics_that_come_with_it_have_units(unit: str, of: Any) -> None:
    assert of(runs("falls")).unit == unit


def test_a_metric_knows_which_way_it_improves() -> None:
    @metric(better="higher")
    def share(history: History) -> float:
        return float(history.loss[0])

    arm = runs("falls")
    share(arm)
    share(arm, diverged=0.5)
    curve_roughness(arm)
    measured = [(item.name, item.arguments, item.better) for item in arm.trial.measured]
    assert measured == [
        ("share", "", "higher"),
        ("share", "diverged=0.5", "higher"),
        ("curve_roughness", "", "lower"),
    ]
    untyped: Any = metric
    with pytest.raises(ValueError, match=r"better='up': give 'lower' or 'higher', or leave it out"):
        untyped(better="up")


def test_limits_of_a_metric_may_be_set_anew() -> None:
    assert metric(low=-5)(curve_roughness)(runs("falls")).limits == (-5, np.inf)


@pytest.mark.parametrize(
    "returned",
    ["1", None, np.ones(3), [1.0], [[1.0], []], True, np.True_, 1j, np.complex128(1), 10**400,
     np.timedelta64(3, "s")],
)  # fmt: skip
def test_a_metric_returns_one_number(returned: Any) -> None:
    @metric
    def broken(history: History) -> float:
        return returned  # type: ignore[no-any-return]

    with pytest.raises(TypeError, match=r"broken returned .* one number for each run"):
        broken(runs("falls")).values(1)


@pytest.mark.parametrize("returned", [2, 2.0, np.int8(2), np.float16(2), np.array(2.0)])
def test_a_number_may_be_of_any_type(returned: Any) -> None:
    measured = metric(lambda history: returned)
    assert measured(runs("falls")).values(1) == [2.0]


UNTYPED: Any = mean_loss
PAIR: Any = gap


@pytest.mark.parametrize(
    ("misuse", "words"),
    [
        (lambda arm: UNTYPED("falls"), r"mean_loss takes what train.* returned, not str"),
        (lambda arm: UNTYPED(), "mean_loss takes .* returned, not nothing"),
        (lambda arm: PAIR(arm, 3), "gap takes .* returned, not Runs, int"),
        (lambda arm: PAIR(arm, History()), "gap takes .* returned, not Runs, History"),
        (PAIR, "gap: missing a required argument: 'other'"),
        (lambda arm: UNTYPED(arm, arm), "mean_loss: too many positional arguments"),
        (lambda arm: PAIR(arm, arm, time=2), "gap: got an unexpected keyword argument 'time'"),
    ],
)
def test_what_a_metric_cannot_take_is_refused_before_training(misuse: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        misuse(runs("falls"))


@pytest.mark.parametrize(
    "misuse",
    [
        lambda: UNTYPED < 3,
        lambda: UNTYPED - UNTYPED,
        lambda: 0.9 * UNTYPED,
        lambda: -UNTYPED,
        lambda: abs(UNTYPED),
    ],
)
def test_a_metric_that_is_not_called_is_no_number(misuse: Any) -> None:
    with pytest.raises(
        TypeError, match=r"mean_loss is a metric, not a number: .* mean_loss\(train"
    ):
        misuse()


def test_a_value_outside_of_its_limits_is_an_error_and_no_verdict() -> None:
    share = metric(low=0, high=1)(mean_loss)
    np.testing.assert_array_equal(share(runs("falls")).values(1), [1.0])
    words = r"mean_loss is 2 for fake falls, seed 1: it can only be from 0 to 1, so it is not measu"
    with pytest.raises(ClaimError, match=words):
        share(runs("falls")).values(2)


def of_training(**changes: Any) -> Runs:
    x, y = np.zeros((4, 2)), np.zeros(4)
    arm = TrainingArm(MLP(), Data("own", x, y, x, y), None, 3, **changes)
    history = History(
        val_accuracy=np.array([0.2, 0.7, 0.9]), metrics={"val_auc": np.array([0.5, 0.6, 0.8])}
    )
    return Runs(arm, 0, new_trial(load=lambda *_: history))


@pytest.mark.parametrize("name", [val_accuracy, lambda runs: epochs_to(runs, val_accuracy=0.5)])
@pytest.mark.parametrize("loss", ["mse", abs, {"a": "mse"}])
def test_an_accuracy_that_an_arm_does_not_have_is_refused_before_it_is_trained(
    name: Any, loss: Any
) -> None:
    with pytest.raises(ClaimError, match=r"does not exist for relu no BN.*say so, as in train"):
        name(of_training(loss=loss))


def test_an_accuracy_that_is_asked_for_is_there() -> None:
    asked = of_training(loss="mse", metrics=("accuracy",))
    np.testing.assert_array_equal(val_accuracy(asked).values(1), [0.9])


def test_a_keras_metric_and_a_measure_are_read_by_their_name() -> None:
    np.testing.assert_array_equal(measured(of_training(), name="val_auc").values(1), [0.8])
