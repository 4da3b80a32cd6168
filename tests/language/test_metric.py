"""Metrics of arms: what makes samples of runs, and how they count what diverged."""

from typing import Any

import numpy as np
import pytest

from bnclaims import (
    MLP,
    Layer,
    curve_roughness,
    diverged,
    epochs_to,
    mean_loss,
    measured,
    metric,
    val_accuracy,
)
from bnclaims.experiment.arm import Arm, ProbeArm, TrainingArm
from bnclaims.experiment.data import Data
from bnclaims.experiment.history import History
from bnclaims.experiment.models import GLOROT_NORMAL
from bnclaims.language.evidence import Trial
from bnclaims.language.sample import ClaimError, Endpoint, NotFiniteError, Runs
from bnclaims.statistics.design import Sequential

CURVES = {"tanh": [1.0, 2.0, 3.0], "relu": [5.0, 7.0, np.nan]}


def runs(activation: str, first_seed: int = 0) -> Runs:
    def load(arm: Any, seed: int) -> History:
        return History(loss=np.array([CURVES[arm.layer.activation][seed]]))

    court = Trial(design=Sequential(), require=lambda _: None, load=load)
    arm: Arm = ProbeArm(Layer(activation, GLOROT_NORMAL))
    return Runs(arm, first_seed, court)


def test_a_metric_is_still_the_function_that_it_was() -> None:
    assert mean_loss(History(loss=np.array([2.0, 1.0]))) == 1.5


def test_a_metric_of_two_arms_pairs_their_seeds() -> None:
    @metric
    def gap(one: History, other: History, *, times: float = 1.0) -> float:
        return float((other.loss - one.loss)[0]) * times

    found = gap(runs("tanh"), runs("relu"), times=2)
    np.testing.assert_array_equal(found.values(2), [8.0, 10.0])
    assert str(found).startswith("gap(tanh layer, GlorotNormal(), relu layer")
    assert str(found).endswith(", times=2)")


def test_a_diverged_run_has_no_value() -> None:
    with pytest.raises(NotFiniteError, match=r"relu layer.*: seeds 2.*diverged=2.3"):
        mean_loss(runs("relu")).values(3)


def test_unless_the_claim_says_how_to_count_it() -> None:
    counted = mean_loss(runs("relu"), diverged=9.5)
    np.testing.assert_array_equal(counted.values(3), [5.0, 7.0, 9.5])
    assert "diverged=9.5" in str(counted)
    np.testing.assert_array_equal(mean_loss(runs("tanh"), diverged=9.5).values(3), [1, 2, 3])


def test_a_metric_knows_its_limits() -> None:
    @metric(low=-1, high=1)
    def sign(history: History) -> float:
        return float(np.sign(history.loss[0]))

    assert sign(runs("tanh")).limits == (-1, 1)
    # Cosine similarity, as a loss, is negative.
    assert mean_loss(runs("tanh")).limits == (-np.inf, np.inf)
    assert curve_roughness(runs("tanh")).limits == (0, np.inf)
    assert sign(runs("tanh"), diverged=-2).limits == (-2, 1)
    assert sign(runs("tanh"), diverged=0).limits == (-1, 1)
    assert (val_accuracy(runs("tanh")) - val_accuracy(runs("relu"))).limits == (-1, 1)


@pytest.mark.parametrize("returned", ["1", None, np.ones(3), [1.0]])
def test_a_metric_returns_one_number(returned: Any) -> None:
    @metric
    def broken(history: History) -> float:
        return returned  # type: ignore[no-any-return]

    with pytest.raises(TypeError, match=r"broken returned .* one number for each run"):
        broken(runs("tanh")).values(1)


def test_a_metric_takes_runs() -> None:
    with pytest.raises(TypeError, match=r"mean_loss takes what train.* returned, not str"):
        mean_loss("tanh")
    with pytest.raises(TypeError, match="not nothing"):
        mean_loss()


FINE = {"tanh": [3.0, 2.0, 1.0, 0.5], "relu": [3.0, 2.9, 2.8, 2.7], "selu": [3.0, np.nan, 1.0, 1.0]}


def trained(activation: str) -> Runs:
    def load(arm: Any, seed: int) -> History:
        fine = np.array(FINE[arm.layer.activation]) + 0.1 * seed
        loss = np.array([fine.mean()])
        return History(loss=loss, fine_loss=fine, fine_epochs=np.array([0.25, 0.5, 0.75, 1.0]))

    court = Trial(design=Sequential(), require=lambda _: None, load=load)
    return Runs(ProbeArm(Layer(activation, GLOROT_NORMAL)), 0, court)


def test_epochs_to_a_loss_are_known_or_later_than_the_budget() -> None:
    low, high = epochs_to(trained("tanh"), loss=1.0).bounds(2)
    np.testing.assert_array_equal([low, high], [[0.75, 1.0], [0.75, 1.0]])
    low, high = epochs_to(trained("relu"), loss=1.0).bounds(2)
    np.testing.assert_array_equal([low, high], [[1.0, 1.0], [np.inf, np.inf]])


def test_epochs_to_a_loss_become_a_sample_when_the_claim_says_what_never_is() -> None:
    found = epochs_to(trained("relu"), loss=1.0, unreached=5.0)
    np.testing.assert_array_equal(found.values(2), [5.0, 5.0])
    assert not isinstance(found, Endpoint)
    assert str(found).endswith("loss=1.0, unreached=5.0)")


def test_divergence_is_an_endpoint_of_its_own() -> None:
    assert (diverged(trained("tanh")) < diverged(trained("selu"))).verdict == "supported"
    assert (diverged(trained("selu")) < 0.5).verdict == "refuted"
    assert (diverged(trained("tanh")) < diverged(trained("relu"))).verdict == "refuted"
    with pytest.raises(ClaimError, match="would make this true"):
        bool(diverged(trained("tanh")) > 1)


def test_a_run_that_never_arrived_is_not_the_soonest(small_data: Data) -> None:
    arm = TrainingArm(model=MLP(hidden=(3,)), data=small_data, images=None, epochs=6)
    runs = Runs(arm, 0, trained("tanh").court)
    assert str(epochs_to(runs, loss=0.1, unreached=6)).endswith("unreached=6)")
    with pytest.raises(ClaimError, match=r"unreached=1: .* within 6 epochs .* give 6 or more"):
        epochs_to(runs, loss=0.1, unreached=1)


def test_a_value_outside_of_its_limits_is_an_error_and_no_verdict() -> None:
    @metric(low=0, high=1)
    def share(history: History) -> float:
        return float(history.loss[0])

    np.testing.assert_array_equal(share(runs("tanh")).values(1), [1.0])
    words = (
        r"share is 2 for tanh layer.*, seed 1: it can only be from 0 to 1, so it is not measured"
    )
    with pytest.raises(ClaimError, match=words):
        share(runs("tanh")).values(2)


def of_training(**changes: Any) -> Runs:
    x, y = np.zeros((4, 2)), np.zeros(4)
    arm = TrainingArm(MLP(), Data("own", x, y, x, y), None, 3, **changes)
    history = History(
        loss=np.array([3.0, 2.0, 1.0]),
        val_loss=np.array([3.0, 2.5, 2.0]),
        val_accuracy=np.array([0.2, 0.7, 0.9]),
        metrics={"val_auc": np.array([0.5, 0.6, 0.8])},
    )
    trial = Trial(design=Sequential(), require=lambda _: None, load=lambda *_: history)
    return Runs(arm, 0, trial)


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


@pytest.mark.parametrize(
    ("target", "epochs"),
    [({"val_loss": 2.5}, 2.0), ({"val_accuracy": 0.9}, 3.0), ({"val_accuracy": 0.1}, 1.0)],
)
def test_epochs_to_a_test_loss_or_accuracy(target: dict[str, float], epochs: float) -> None:
    low, high = epochs_to(of_training(), **target).bounds(1)  # type: ignore[arg-type]
    np.testing.assert_array_equal([low, high], [[epochs], [epochs]])


@pytest.mark.parametrize("targets", [{}, {"loss": 1.0, "val_loss": 1.0}])
def test_epochs_to_has_one_target(targets: dict[str, float]) -> None:
    with pytest.raises(TypeError, match="epochs_to takes one target: loss=, val_loss= or val_acc"):
        epochs_to(of_training(), **targets)  # type: ignore[arg-type]


def test_a_keras_metric_and_a_measure_are_read_by_their_name() -> None:
    np.testing.assert_array_equal(measured(of_training(), name="val_auc").values(1), [0.8])
