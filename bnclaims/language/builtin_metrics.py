"""The metrics that come with this package: formulas and sources.

A metric raises `ClaimError` when the history lacks what it needs, and gives NaN where a run that
diverged has no value.
"""

import math
from collections.abc import Mapping
from typing import Any, TypedDict, Unpack, cast, overload

import numpy as np
from numpy.typing import NDArray

from bnclaims.errors import ClaimError
from bnclaims.experiment.history import Curve, History, is_finite
from bnclaims.language.metric import check_accuracy, checked_runs, endpoint_of, metric, sample_of
from bnclaims.language.sample import Endpoint, Runs, Sample

NORMALIZATIONS = (
    "BatchNormalization", "GroupNormalization", "LayerNormalization", "RMSNormalization",
)  # fmt: skip
"""Keras's layers whose few weights scale and shift: gradients and updates compare without them."""

_EPOCHS = "epochs"
_BY_EPOCH = ("loss", "accuracy", "val_loss", "val_accuracy")


# Learning curves


@metric(better="lower")
def mean_loss(history: History) -> float:
    """Returns the training loss averaged over the whole budget of epochs.

    It is the area under the learning curve, so it measures speed: a run that gets to a low loss
    sooner has the smaller area. It is the BN article's curve (training loss against epochs) in one
    number, needs no target, and is never censored.
    """
    return float(_curve(history, "loss").mean())


@metric(better="lower")
def final_loss(history: History) -> float:
    """Returns the training loss of the last epoch."""
    return float(_curve(history, "loss")[-1])


@metric(better="lower")
def val_loss(history: History) -> float:
    """Returns the loss on the test images after the last epoch."""
    return float(_curve(history, "val_loss")[-1])


@metric(low=0, high=1, unit="of labels", better="higher")
def val_accuracy(history: History) -> float:
    """Returns the share of test labels that are predicted rightly after the last epoch."""
    return float(_curve(history, "val_accuracy")[-1])


@metric(low=0, better="lower")
def curve_roughness(history: History) -> float:
    """Returns how unsteady the learning curve is: the sum of all its rises.

    It is `sum(max(0, f[i + 1] - f[i]))` over the points of `fine_loss`, the training loss at about
    twenty points an epoch: 0 for a curve that only falls. It includes the noise of the
    minibatches, so compare arms of equal batch size.
    """
    with np.errstate(invalid="ignore"):
        return float(np.maximum(np.diff(_fine_curve(history, "loss")[0]), 0).sum())


@metric(low=0, unit="s", better="lower")
def seconds_per_epoch(history: History) -> float:
    """Returns the median wall time of an epoch, in seconds, over the epochs that were trained.

    An epoch is a pass over the training images and the evaluation after it; making the program and
    compiling it is not part of it. The median, as other work on the machine only ever adds time.
    Name such an arm with `train(..., fresh=True)`.
    """
    return float(np.nanmedian(_curve(history, "seconds")))


class Target(TypedDict, total=False):
    """What `epochs_to` waits for: one of these."""

    loss: float
    """A training loss of at most this."""
    accuracy: float
    """A training accuracy of at least this, from 0 to 1."""
    val_loss: float
    """A loss on the test images of at most this."""
    val_accuracy: float
    """An accuracy on the test images of at least this, from 0 to 1."""


@overload
def epochs_to(runs: Runs, *, unreached: None = ..., **target: Unpack[Target]) -> Endpoint: ...
@overload
def epochs_to(runs: Runs, *, unreached: float, **target: Unpack[Target]) -> Sample: ...
@overload
def epochs_to(runs: History, **target: Unpack[Target]) -> tuple[float, float]: ...
def epochs_to(
    runs: Runs | History, *, unreached: float | None = None, **target: Unpack[Target]
) -> Endpoint | Sample | tuple[float, float]:
    """Returns when a learning curve first gets to a target, in epochs: `epochs_to(arm, loss=0.3)`.

    A run that has not got there within its budget, or diverged, will do so later, if ever. So this
    is an endpoint, compared by the share of seeds in which one arm is sooner than the other.

    Curves of training have about twenty points an epoch, each the mean since the point before, as
    in the BN article's figures; those on the test images have one an epoch. Of a history it returns
    the two bounds: `(t, t)` where the curve gets there at its point t, `(budget, inf)` where not.

    Args:
        runs: Of an arm, as `train` returns them; or a history.
        unreached: Counts a run that did not get there as so many epochs, which makes this a sample
            like any other (with the budget it is the restricted mean time of survival analysis;
            Royston & Parmar 2013, BMC Med. Res. Methodol. 13).
        target: One of `loss`, `val_loss` (at most this), `accuracy` and `val_accuracy` (at
            least this, from 0 to 1).

    Raises:
        TypeError: It is not given what `train` returned, or not one target.
        ClaimError: `unreached` lies within the budget.
    """
    if len(target) != 1 or not target.keys() <= Target.__annotations__.keys():
        raise TypeError(
            f"epochs_to takes one target of {', '.join(Target.__annotations__)}, as in "
            f"epochs_to(train(...), loss=0.3), not {', '.join(target) or 'none'}"
        )
    if isinstance(runs, History):
        return _reached(runs, **target)
    checked_runs("epochs_to", runs)
    if not target.keys().isdisjoint({"accuracy", "val_accuracy"}):
        check_accuracy("epochs_to", runs)
    if unreached is None:
        return endpoint_of(
            "epochs_to", _reached, runs, target, limits=(0.0, math.inf), unit=_EPOCHS
        )
    budget = getattr(runs.arm, "epochs", 0)
    if not budget <= unreached < math.inf:
        raise ClaimError(
            f"unreached={unreached}: a run that did not get there within {budget} epochs would "
            f"count as sooner than some that did, or have no mean; give {budget} or more"
        )
    arguments = {**target, "unreached": unreached}
    return sample_of(
        "epochs_to",
        _reached_or,
        (runs,),
        arguments,
        limits=(0.0, math.inf),
        unit=_EPOCHS,
        better="lower",
    )


@overload
def diverged(runs: Runs) -> Endpoint: ...
@overload
def diverged(runs: History) -> float: ...
def diverged(runs: Runs | History) -> Endpoint | float:
    """Returns whether a run diverged, 1 or 0, for each seed.

    It is an endpoint: `diverged(a) < diverged(b)` says that in more than half of the seeds b
    diverges and a does not, `diverged(a) < 0.5` that a does not diverge in more than half of them.

    Args:
        runs: Of an arm, as `train` returns them; or a history.

    Raises:
        TypeError: It is not given what `train` returned.
    """
    if isinstance(runs, History):
        return _diverged(runs)[0]
    checked_runs("diverged", runs)
    return endpoint_of("diverged", _diverged, runs, {}, limits=(0.0, 1.0), unit="")


def _reached(history: History, **target: Unpack[Target]) -> tuple[float, float]:
    """Returns between which two numbers of epochs a curve gets to its target."""
    ((name, value),) = cast(Mapping[str, float], target).items()
    fine = not name.startswith("val_")
    curve, epochs = (_fine_curve if fine else _curve_by_epoch)(history, name)
    if np.isnan(curve).all() and is_finite(history.loss).any():
        raise ClaimError(f"this arm has no {name}: its loss is no classification's")
    there = curve >= value if name.endswith("accuracy") else curve <= value
    reached = np.flatnonzero(there)
    if len(reached):
        return float(epochs[reached[0]]), float(epochs[reached[0]])
    return float(epochs[-1]), math.inf


def _reached_or(history: History, *, unreached: float, **target: Unpack[Target]) -> float:
    _, high = _reached(history, **target)
    return high if math.isfinite(high) else float(unreached)


def _diverged(history: History) -> tuple[float, float]:
    broken = float(not is_finite(_curve(history, "loss")).all())
    return broken, broken


# Layers in training and at its start


@metric(low=0)
def gradient_ratio(history: History) -> float:
    """Returns the gradient norm of the first layer over that of the last, at initialisation.

    Below 1 gradients vanish towards the input, above 1 they explode. The layers are those with
    weights, the last one is the output; the norm is Euclidean, over all of a layer's weights. From
    `probe(model, batch_size=...)` it is the geometric mean over the minibatches, from
    `train(..., probes=True)` the value on the fixed batch before training.

    Source: Glorot & Bengio 2010 compare gradients across layers at initialisation.
    """
    norms = _initial_gradient_norms(history)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.exp(np.log(norms[:, 0] / norms[:, -1]).mean()))


@metric(low=0, unit="decades")
def gradient_imbalance(history: History) -> float:
    """Returns by how many powers of ten gradient norms differ across layers, at initialisation.

    It is `log10(largest / smallest)` over the layers with weights other than normalization layers,
    averaged over minibatches as in `gradient_ratio`: 0 where all are alike, large where gradients
    vanish or explode.
    """
    norms = _initial_gradient_norms(history)[:, ~_normalizing(history)]
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.log10(norms.max(axis=1) / norms.min(axis=1)).mean())


@metric(low=0)
def gradient_noise(history: History) -> float:
    """Returns the share of a minibatch gradient's energy that is noise, from 0 to 1.

    It is `tr(C) / E|g|^2` for a minibatch gradient g with covariance C between minibatches, by
    unbiased estimates of both from the minibatches of `probe(model, batch_size=...)`; n minibatches
    estimate it as n / (n - 1) at most. See `bnclaims.backends.keras.probing.noise_share`.
    """
    return float(_probed(history, "gradient_noise"))


@metric(low=0)
def batch_mean_variance(history: History) -> float:
    """Returns how much the batch mean of a unit of the first layer varies between minibatches.

    It is the variance of the mean, averaged over the units of the first layer with weights, in
    squared units of its output; sigma^2 / B for minibatches of B independent images.
    """
    return float(_probed(history, "batch_mean_variance")[0])


@metric(low=0)
def batch_variance_variance(history: History) -> float:
    """Returns how much the batch variance of a unit of the first layer varies between minibatches.

    It is the variance of the unbiased variance, averaged over the units of the first layer with
    weights, in fourth powers of its output's unit. For minibatches of B independent images it is
    `(mu4 - sigma^4) / B + 2 sigma^4 / (B (B - 1))`, with mu4 the fourth central moment.
    """
    return float(_probed(history, "batch_variance_variance")[0])


@metric(low=0, unit="decades")
def update_spread(history: History) -> float:
    """Returns how unlike the sizes of the parameter updates are across layers, in powers of ten.

    It is the standard deviation, over the layers other than normalization layers, of log10 of the
    root mean square update of a parameter (update norm / sqrt(parameters)), averaged over the
    epochs. The snapshot before training is left out: there the optimizer has no memory yet, and
    Adam moves every parameter by its learning rate whatever the gradients are.
    """
    layers = ~_normalizing(history)
    norms = _probed(history, "update_norm")[1:, layers]
    sizes = np.sqrt(_probed(history, "parameters")[layers])
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.log10(norms / sizes).std(axis=1).mean())


@metric(low=0, unit="SD")
def input_drift(history: History) -> float:
    """Returns how far the inputs of the layers move in an epoch, in their standard deviations.

    It is the mean over epochs, and over the layers with weights other than the first (whose inputs
    are the images) and other than normalization layers, of what `drift` of the backend's probes
    measures on the fixed batch between one epoch's end and the next.

    Raises:
        ClaimError: There is no such layer.
    """
    layers = ~_normalizing(history)
    layers[0] = False
    if not layers.any():
        raise ClaimError("this arm has no layer after its first whose input could move")
    return float(_probed(history, "input_drift")[1:, layers].mean())


# A layer alone


@metric(low=0, high=1, unit="of activations")
def saturation(history: History) -> float:
    """Returns the share of a probed layer's activations at the extremes of its range.

    Extreme is the outer 5% of the range at either end; an even spread would have 0.10.
    """
    return float(_probed(history, "saturated_share")[0, 0])


@metric(low=0)
def activation_distance(history: History, other: History) -> float:
    """Returns how far two probed layers' activations are apart, in units of the activation.

    It is the first Wasserstein distance between the two empirical distributions: the mean distance
    by which one histogram's mass must move to become the other. Both need as many activations.
    """
    ours = np.sort(_probed(history, "activations"), axis=None)
    theirs = np.sort(_probed(other, "activations"), axis=None)
    return float(np.abs(ours - theirs).mean())


@metric(low=0, high=1)
def gradient_passed(history: History) -> float:
    """Returns the share of a gradient that a probed layer's activation lets pass, unit by unit.

    It is the mean over the units of the activation's derivative, divided by the largest that the
    derivative can be: 1/4 for a sigmoid, 1 for tanh and ReLU; NaN where that is not known.
    """
    return float(_passed(history).mean())


@metric(low=0, high=1)
def gradient_passed_saturated(history: History) -> float:
    """Returns `gradient_passed` over the saturated units only; NaN if there are none.

    A unit is saturated as `saturation` has it. There a sigmoid's share is at most 0.19, and so is
    that of tanh.
    """
    passed = _passed(history)[_probed(history, "saturated")]
    return float(passed.mean()) if passed.size else float("nan")


def _passed(history: History) -> NDArray[Any]:
    return np.asarray(_probed(history, "derivative") / _probed(history, "steepest"))


# Functions


@metric
def measured(history: History, *, name: str = "value") -> float:
    """Returns a number by its name.

    Args:
        history: Of `probe(function)`, for what the function returned; or of a training, for a Keras
            metric, as `fit` names it, a loss or an accuracy included, or a measure, after the last
            epoch.
        name: Which of the numbers, where there are several.

    Raises:
        ClaimError: There is no such number.
    """
    if name in history.metrics:
        return float(history.metrics[name][-1])
    if name in _BY_EPOCH:
        return float(_curve(history, name)[-1])
    if name not in history.probes:
        raise ClaimError(f"this arm has no {name!r}; it measured {_known(history)}")
    value = history.probes[name]
    if np.size(value) != 1:
        raise ClaimError(f"{name!r} is an array of shape {np.shape(value)}, not one number")
    return float(value.item())


def _curve(history: History, name: str) -> Curve:
    curve: Curve = getattr(history, name)
    if not len(curve):
        raise ClaimError(f"this arm has no curve of {name}; it measured {_known(history)}")
    return curve


def _known(history: History) -> str:
    """Returns the names of what there is."""
    curves = (name for name in _BY_EPOCH if len(getattr(history, name)))
    return ", ".join(sorted({*curves, *history.metrics, *history.probes})) or "nothing"


def _curve_by_epoch(history: History, name: str) -> tuple[Curve, Curve]:
    """Returns a curve, and the number of epochs at each of its points."""
    curve = _curve(history, name)
    return curve, np.arange(1.0, len(curve) + 1)


def _fine_curve(history: History, name: str) -> tuple[Curve, Curve]:
    """Returns likewise a training curve, by epoch where a trainer left none that is finer."""
    fine: Curve = getattr(history, f"fine_{name}")
    return (fine, history.fine_epochs) if len(fine) else _curve_by_epoch(history, name)


def _probed(history: History, name: str) -> NDArray[Any]:
    if name not in history.probes:
        raise ClaimError(
            f"this arm has no {name}: use {_SOURCES.get(name, 'train(..., probes=True)')}"
        )
    return history.probes[name]


_SOURCES = {
    "activations": "probe(Layer(...))",
    "saturated_share": "probe(Layer(...)) or train(..., probes=True)",
    "derivative": "probe(Layer(...))",
    "gradient_norm": "probe(model, batch_size=...) or train(..., probes=True)",
    "gradient_noise": "probe(model, batch_size=...)",
    "batch_mean_variance": "probe(model, batch_size=...)",
    "batch_variance_variance": "probe(model, batch_size=...)",
}
"""Where a statistic comes from, if not from a training with probes."""


def _initial_gradient_norms(history: History) -> NDArray[Any]:
    """Returns `(batches, layers)`: an untrained model's minibatches, or a training's one batch."""
    norms = _probed(history, "gradient_norm")
    return norms[:1] if len(history.loss) else norms


def _normalizing(history: History) -> NDArray[np.bool_]:
    return np.isin(_probed(history, "kinds"), NORMALIZATIONS)
