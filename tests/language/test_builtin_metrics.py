"""The metrics that come with the package, on histories made by hand."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bnclaims import (
    ClaimError,
    Endpoint,
    History,
    Runs,
    activation_distance,
    batch_mean_variance,
    batch_variance_variance,
    curve_roughness,
    diverged,
    epochs_to,
    final_loss,
    gradient_imbalance,
    gradient_noise,
    gradient_passed,
    gradient_passed_saturated,
    gradient_ratio,
    input_drift,
    mean_loss,
    measured,
    saturation,
    seconds_per_epoch,
    update_spread,
    val_accuracy,
    val_loss,
)
from bnclaims.experiment.history import Curve
from tests.fakes import fake_runs, new_trial

KINDS = np.array(["Dense", "BatchNormalization", "Dense", "Dense"])
LOSSES = hnp.arrays(np.float64, st.integers(2, 30), elements=st.floats(0, 100))
NORMS = hnp.arrays(np.float64, st.tuples(st.integers(1, 5), st.just(4)), elements=st.floats(0.1, 9))


def curve(*losses: float) -> History:
    """A training of one epoch, its fine curve equally spaced."""
    fine = np.array(losses)
    return History(
        loss=np.array([fine.mean()]),
        fine_loss=fine,
        fine_epochs=np.arange(1, len(fine) + 1) / len(fine),
    )


def untrained(norms: Any, **probes: Any) -> History:
    return History(probes={"gradient_norm": np.array(norms), "kinds": KINDS, **probes})


def trained(**probes: Any) -> History:
    return History(loss=np.ones(2), probes={"kinds": KINDS, **probes})


def test_losses_and_accuracies_are_of_the_curves() -> None:
    history = History(
        loss=np.array([2.0, 1.0]), val_loss=np.array([3.0, 4.0]), val_accuracy=np.array([0.1, 0.7])
    )
    assert mean_loss(history) == 1.5
    assert final_loss(history) == 1.0
    assert val_loss(history) == 4.0
    assert val_accuracy(history) == 0.7


def test_roughness_is_the_sum_of_the_rises() -> None:
    assert curve_roughness(curve(3, 2, 2.5, 1, 2)) == 1.5
    assert np.isnan(curve_roughness(curve(3, np.inf, np.nan)))


@given(LOSSES)
def test_only_a_curve_that_never_rises_is_smooth(losses: Curve) -> None:
    falling = np.sort(losses)[::-1]
    assert curve_roughness(curve(*falling)) == 0
    rises = curve_roughness(curve(*losses))
    falls = curve_roughness(curve(*losses[::-1]))  # a fall is a rise backwards
    np.testing.assert_allclose(rises - falls, losses[-1] - losses[0], atol=1e-9)


def test_seconds_are_those_of_the_epochs_that_were_trained() -> None:
    history = History(seconds=np.array([1.0, 9.0, 2.0, np.nan]))
    assert seconds_per_epoch(history) == 2.0


def test_a_target_is_reached_at_the_first_point_at_or_beyond_it() -> None:
    history = curve(3, 2, 2.5, 1)
    assert epochs_to(history, loss=3.0) == (0.25, 0.25)
    assert epochs_to(history, loss=2.2) == (0.5, 0.5)
    assert epochs_to(history, loss=1.0) == (1.0, 1.0)
    assert epochs_to(history, loss=0.9) == (1.0, np.inf)


def test_a_target_may_be_of_any_learning_curve() -> None:
    history = History(
        loss=np.ones(2),
        val_loss=np.array([2.0, 1.0]),
        val_accuracy=np.array([0.5, 0.9]),
        fine_accuracy=np.array([0.1, 0.3, 0.2, 0.6]),
        fine_epochs=np.array([0.5, 1.0, 1.5, 2.0]),
    )
    assert epochs_to(history, accuracy=0.3) == (1.0, 1.0)
    assert epochs_to(history, accuracy=0.7) == (2.0, np.inf)
    assert epochs_to(history, val_loss=2.0) == (1.0, 1.0)
    assert epochs_to(history, val_loss=1.5) == (2.0, 2.0)
    assert epochs_to(history, val_accuracy=0.9) == (2.0, 2.0)
    assert epochs_to(history, val_accuracy=0.95) == (2.0, np.inf)


def test_without_a_finer_curve_it_is_the_one_by_epoch() -> None:
    history = History(loss=np.array([3.0, 0.5, 2.0]))
    assert epochs_to(history, loss=1.0) == (2, 2)
    assert epochs_to(history, loss=0.1) == (3, math.inf)
    assert curve_roughness(history) == 1.5


def test_a_regression_never_reaches_an_accuracy_as_it_has_none() -> None:
    history = History(loss=np.ones(2), val_accuracy=np.full(2, np.nan))
    with pytest.raises(ValueError, match="this arm has no val_accuracy: its loss is no classif"):
        epochs_to(history, val_accuracy=0.9)
    gone = History(loss=np.full(2, np.nan), val_accuracy=np.full(2, np.nan))
    assert epochs_to(gone, val_accuracy=0.9) == (2.0, np.inf)


def test_a_target_is_not_reached_by_a_run_that_diverged_before() -> None:
    history = curve(3, 2, np.inf, np.nan)
    assert epochs_to(history, loss=1.0) == (1.0, np.inf)
    assert epochs_to(history, loss=2.0) == (0.5, 0.5)


@given(LOSSES, st.floats(0, 100), st.floats(0, 100))
def test_a_harder_target_takes_no_less_time(losses: Curve, one: float, other: float) -> None:
    hard, easy = (epochs_to(curve(*losses), loss=target) for target in sorted((one, other)))
    assert hard >= easy
    assert hard[0] <= hard[1]


FINE = {
    "falls": [3.0, 2.0, 1.0, 0.5], "flat": [3.0, 2.9, 2.8, 2.7], "breaks": [3.0, np.nan, 1.0, 1.0],
}  # fmt: skip


def trained_runs(name: str) -> Runs:
    def load(arm: Any, seed: int) -> History:
        return curve(*(np.array(FINE[arm.digest]) + 0.1 * seed))

    return fake_runs(name, trial=new_trial(load=load))


def test_epochs_to_a_target_are_an_endpoint() -> None:
    found = epochs_to(trained_runs("falls"), loss=1.0)
    assert str(found) == "epochs_to(fake falls, loss=1.0)"
    np.testing.assert_array_equal(found.bounds(2), [[0.75, 1.0], [0.75, 1.0]])
    low, high = epochs_to(trained_runs("flat"), loss=1.0).bounds(2)
    np.testing.assert_array_equal([low, high], [[1.0, 1.0], [np.inf, np.inf]])


def test_epochs_to_a_target_become_a_sample_when_the_claim_says_what_never_is() -> None:
    found = epochs_to(trained_runs("flat"), loss=1.0, unreached=5.0)
    np.testing.assert_array_equal(found.values(2), [5.0, 5.0])
    assert not isinstance(found, Endpoint)
    assert str(found) == "epochs_to(fake flat, loss=1.0, unreached=5.0)"


def test_a_run_that_never_arrived_is_not_the_soonest() -> None:
    runs = trained_runs("falls")
    vars(runs.arm)["epochs"] = 6
    assert str(epochs_to(runs, loss=0.1, unreached=6)).endswith("unreached=6)")
    with pytest.raises(ClaimError, match=r"unreached=1: .* within 6 epochs .* give 6 or more"):
        epochs_to(runs, loss=0.1, unreached=1)


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        ({}, "not none"),
        ({"loss": 1.0, "accuracy": 0.5}, "not loss, accuracy"),
        ({"los": 1.0}, "one target of loss, accuracy, val_loss, val_accuracy, as in .* not los"),
    ],
)
def test_epochs_are_counted_to_one_target(targets: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        epochs_to(trained_runs("falls"), **targets)


def test_endpoints_are_of_runs() -> None:
    wrong: Any = 3
    with pytest.raises(TypeError, match=r"diverged takes what train.* returned, not int"):
        diverged(wrong)
    with pytest.raises(TypeError, match=r"epochs_to takes what train.* returned, not int"):
        epochs_to(wrong, loss=1)


def test_divergence_is_an_endpoint_of_its_own() -> None:
    falls, flat, breaks = (diverged(trained_runs(name)) for name in ("falls", "flat", "breaks"))
    assert (falls < breaks).verdict == "supported"
    assert (breaks < 0.5).verdict == "refuted"
    assert (falls < flat).verdict == "refuted"
    with pytest.raises(ClaimError, match="would make this true"):
        bool(falls > 1)


def test_a_run_diverges_when_its_loss_is_no_number() -> None:
    assert diverged(History(loss=np.array([1.0, 2.0]))) == 0.0
    assert diverged(History(loss=np.array([1.0, np.inf, np.nan]))) == 1.0
    assert diverged(History(loss=np.array([np.nan]))) == 1.0


def test_gradients_compare_the_first_layer_with_the_last() -> None:
    assert gradient_ratio(untrained([[1, 7, 7, 100], [4, 7, 7, 1]])) == pytest.approx(0.2)
    assert gradient_ratio(untrained([[0, 1, 1, 1]])) == 0


def test_at_the_start_of_a_training_is_its_first_snapshot() -> None:
    norms = np.array([[1.0, 9, 10, 2], [5, 5, 5, 500]])
    assert gradient_ratio(trained(gradient_norm=norms)) == pytest.approx(0.5)
    assert gradient_imbalance(trained(gradient_norm=norms)) == pytest.approx(1)


def test_imbalance_is_in_powers_of_ten_and_without_normalization_layers() -> None:
    history = untrained([[1, 1e-9, 10, 100], [1, 1e9, 1, 1]])
    assert gradient_imbalance(history) == pytest.approx((2 + 0) / 2)


@given(NORMS, st.floats(0.1, 10))
def test_gradients_compare_whatever_their_scale(norms: Curve, scale: float) -> None:
    one, other = untrained(norms), untrained(norms * scale)
    for metric in (gradient_ratio, gradient_imbalance):
        np.testing.assert_allclose(metric(one), metric(other), rtol=1e-9, atol=1e-9)
    backwards = untrained(norms[:, ::-1])
    product = gradient_ratio(one) * gradient_ratio(backwards)
    np.testing.assert_allclose(product, 1)
    assert gradient_imbalance(one) >= 0


def test_minibatches_are_described_by_their_first_layer() -> None:
    history = untrained(
        np.ones((2, 4)),
        gradient_noise=np.array(0.3),
        batch_mean_variance=np.array([0.5, 7, 7, 7]),
        batch_variance_variance=np.array([0.25, 7, 7, 7]),
    )
    assert gradient_noise(history) == 0.3
    assert batch_mean_variance(history) == 0.5
    assert batch_variance_variance(history) == 0.25


def test_update_spread_is_over_layers_by_parameter_and_after_the_start() -> None:
    history = trained(
        # A parameter moves by 1, 10 and 100 in the first epoch, by 3 everywhere in the second.
        update_norm=np.array([[9.0, 9, 1, 1], [2, 1e9, 30, 100], [6, 1e-9, 9, 3]]),
        parameters=np.array([4, 2, 9, 1]),
    )
    assert update_spread(history) == pytest.approx(np.std([0, 1, 2]) / 2)


def test_input_drift_is_of_the_layers_behind_the_first() -> None:
    history = trained(input_drift=np.array([[np.nan] * 4, [0.0, 50, 0.1, 0.3], [0, 50, 0.5, 0.7]]))
    assert input_drift(history) == pytest.approx(0.4)
    single = History(probes={"kinds": KINDS[:1], "input_drift": np.zeros((2, 1))})
    with pytest.raises(ValueError, match="no layer after its first whose input could move"):
        input_drift(single)
    assert input_drift(history) == pytest.approx(0.4)  # it changes no history


def test_a_run_that_diverged_has_no_later_drift_or_updates() -> None:
    gone = np.full((3, 4), np.nan)
    history = trained(input_drift=gone, update_norm=gone, parameters=np.ones(4))
    assert np.isnan(input_drift(history))
    assert np.isnan(update_spread(history))


def layer(derivative: Any, saturated: Any, steepest: float) -> History:
    return History(
        probes={
            "derivative": np.array(derivative),
            "saturated": np.array(saturated),
            "steepest": np.array(steepest),
        }
    )


def test_a_gradient_passes_in_shares_of_the_steepest() -> None:
    history = layer([[0.25, 0.05, 0.0, 0.1]], [[False, False, True, True]], 0.25)
    assert gradient_passed(history) == pytest.approx(0.4)
    assert gradient_passed_saturated(history) == pytest.approx(0.2)
    assert np.isnan(gradient_passed_saturated(layer([[1.0]], [[False]], 1.0)))
    assert np.isnan(gradient_passed(layer([[1.0]], [[False]], np.nan)))


def test_saturation_and_distance_are_of_the_activations() -> None:
    one = History(
        probes={"saturated_share": np.array([[0.4]]), "activations": np.array([[3.0, 1]])}
    )
    other = History(probes={"activations": np.array([[1.5], [4.0]])})
    assert saturation(one) == 0.4
    assert activation_distance(one, other) == activation_distance(other, one)
    assert activation_distance(one, other) == 0.75


def test_what_a_function_measured_goes_by_its_name() -> None:
    history = History(
        probes={"value": np.array(2), "size": np.array([3.5]), "table": np.ones((2, 2))}
    )
    assert measured(history) == 2.0
    assert measured(history, name="size") == 3.5
    with pytest.raises(ValueError, match="has no 'mean'; it measured size, table, value"):
        measured(history, name="mean")
    with pytest.raises(ValueError, match=r"'table' is an array of shape \(2, 2\), not one number"):
        measured(history, name="table")


def test_a_curve_of_a_training_goes_by_its_name() -> None:
    history = History(loss=np.array([2.0, 1.0]), val_loss=np.array([3.0, 4.0]))
    assert measured(history, name="val_loss") == 4.0
    assert measured(history, name="loss") == 1.0
    with pytest.raises(ValueError, match="this arm has no curve of accuracy"):
        measured(history, name="accuracy")


@pytest.mark.parametrize(
    "metric",
    [
        mean_loss,
        final_loss,
        val_loss,
        val_accuracy,
        curve_roughness,
        seconds_per_epoch,
        diverged,
        lambda history: epochs_to(history, loss=1.0),
    ],
)
def test_what_was_not_trained_has_no_curves(metric: Callable[[History], Any]) -> None:
    with pytest.raises(ValueError, match="this arm has no curve of "):
        metric(History())


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        (
            gradient_ratio,
            "gradient_norm: use probe(model, batch_size=...) or train",
        ),
        (
            gradient_imbalance,
            "gradient_norm: use probe(model, batch_size=...) or train",
        ),
        (gradient_noise, "gradient_noise: use probe(model, batch_size=...)"),
        (
            batch_mean_variance,
            "batch_mean_variance: use probe(model, batch_size=...)",
        ),
        (
            batch_variance_variance,
            "variance_variance: use probe(model, batch_size=...)",
        ),
        (update_spread, "kinds: use train(..., probes=True)"),
        (input_drift, "kinds: use train(..., probes=True)"),
        (
            saturation,
            "saturated_share: use probe(Layer(...)) or train(..., probes=True)",
        ),
        (gradient_passed, "derivative: use probe(Layer(...))"),
        (gradient_passed_saturated, "derivative: use probe(Layer(...))"),
        (
            lambda one: activation_distance(one, one),
            "activations: use probe(Layer(...))",
        ),
    ],
)
def test_a_metric_says_which_probe_it_needs(metric: Callable[[History], Any], words: str) -> None:
    with pytest.raises(ValueError, match="this arm has no ") as info:
        metric(curve(2, 1))
    assert words in str(info.value)
