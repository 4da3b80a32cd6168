"""Metrics: one number from a run's history. Pure NumPy."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnclaims.history import History


def mean_loss(history: History) -> float:
    """Returns the training loss averaged over the whole budget of epochs.

    It is the area under the learning curve, so it measures speed: a run that gets to a low loss
    sooner has the smaller area. It is the BN article's curve (training loss against epochs) in one
    number, needs no target, and is never censored.
    """
    return float(history.loss.mean())


def final_loss(history: History) -> float:
    """Returns the training loss of the last epoch."""
    return float(history.loss[-1])


def val_loss(history: History) -> float:
    """Returns the loss on the test images after the last epoch."""
    return float(history.val_loss[-1])


def val_accuracy(history: History) -> float:
    """Returns the share of test images that are classified rightly after the last epoch."""
    return float(history.val_accuracy[-1])


def saturation(history: History) -> float:
    """Returns the share of a probed layer's activations at the extremes of its range.

    Extreme is the outer 5% of the range at either end; an even spread would have 0.10.
    """
    return float(_probed(history, "saturated_share")[0, 0])


def activation_distance(history: History, other: History) -> float:
    """Returns how far two probed layers' activations are apart, in units of the activation.

    It is the first Wasserstein distance between the two empirical distributions: the mean distance
    by which one histogram's mass must move to become the other. Both need as many activations.
    """
    ours = np.sort(_probed(history, "activations"), axis=None)
    theirs = np.sort(_probed(other, "activations"), axis=None)
    return float(np.abs(ours - theirs).mean())


def _probed(history: History, name: str) -> NDArray[Any]:
    if name not in history.probes:
        raise ValueError(
            f"this arm has no {name}: use probe(Layer(...)), or train(..., probes=True)"
        )
    return history.probes[name]
