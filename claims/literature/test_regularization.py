"""Dropout beside BN, and what label smoothing does to confidence.

Differs from the papers: Li et al. train four convolutional networks on CIFAR (table 1 and section
4), Mueller et al. ResNets on CIFAR and ImageNet (section 3 and table 3); here it is a dense network
on thousands of images. BN's momentum is 0.9: with Keras's 0.99, moving averages that lag would be
confounded with dropout's shift of the variance.
"""

from functools import partial
from typing import Any

import numpy as np

from bnclaims import Runs, Sample, Train, claim, measured, val_loss
from claims.literature.networks import VISIBLE, network, sgd

LI = "Li et al. 2018 (Disharmony between Dropout and Batch Normalization)"
MUELLER = "Müller et al. 2019 (When Does Label Smoothing Help?)"

# Half of what a reader of a plot would see.
SLIGHT = VISIBLE / 2

SMOOTHING = 0.1
BINS = 15

# A percentage point of expected calibration error.
POINT = 0.01


def with_dropout(places: str) -> Any:
    """A dense network with BN and dropout.

    Args:
        places: "before BN" behind each activation but the last, "after BN" behind the last one; ''
            for none.
    """
    import keras
    from keras import layers

    stack = [keras.Input((28, 28)), layers.Flatten()]
    for number in range(3):
        stack += [layers.Dense(128), layers.BatchNormalization(momentum=0.9)]
        stack.append(layers.Activation("relu"))
        if places == ("after BN" if number == 2 else "before BN"):
            stack.append(layers.Dropout(0.5))
    return keras.Sequential([*stack, layers.Dense(10, "softmax")])


def dropped(train: Train, places: str) -> Sample:
    """Loss on the test images after some epochs."""
    return val_loss(train(partial(with_dropout, places), epochs=6))


@claim(
    "Dropout before BN hurts",
    source=f"{LI}, section 4: variance shift",
)
def test_dropout_before_bn_hurts(train: Train) -> None:
    assert dropped(train, "before BN") > dropped(train, "") + SLIGHT


@claim(
    "Dropout after the last BN does not hurt",
    source=f"{LI}, section 5.1: apply dropout after all BN layers",
)
def test_dropout_after_the_last_bn_does_not_hurt(train: Train) -> None:
    assert abs(dropped(train, "after BN") - dropped(train, "")) < SLIGHT


@claim(
    "Dropout before BN hurts more than after the last BN",
    source=f"{LI}, sections 4 and 5.1",
)
def test_dropout_belongs_after_bn(train: Train) -> None:
    assert dropped(train, "before BN") > dropped(train, "after BN") + SLIGHT


def crossentropy(smoothing: float, labels: Any, predicted: Any) -> Any:
    """Cross-entropy with labels of which a share is spread over all classes."""
    import keras

    one_hot = keras.ops.one_hot(keras.ops.reshape(labels, (-1,)), 10)
    return keras.losses.categorical_crossentropy(one_hot, predicted, label_smoothing=smoothing)


def calibration_error(model: Any, x: Any, y: Any) -> float:
    """Returns the expected calibration error: how far confidence is from accuracy, in bins.

    Source: Guo et al. 2017, equation 3.
    """
    predicted = np.asarray(model.predict_on_batch(x), np.float64)
    confidence = predicted.max(axis=1)
    right = predicted.argmax(axis=1) == np.ravel(y)
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = (abs((right[bins == b] - confidence[bins == b]).sum()) for b in range(BINS))
    return float(sum(gaps) / len(right))


def smoothed(train: Train, smoothing: float) -> Runs:
    """A network that learns its images by heart, with smoothed labels."""
    return train(
        partial(network, 1, 256, kernel="glorot_uniform"),
        loss=partial(crossentropy, smoothing),
        optimizer=sgd(0.1, 0.9),
        epochs=8,
        measures={"ece": calibration_error},
    )


@claim(
    "Label smoothing by 0.1 lowers the expected calibration error",
    source=f"{MUELLER}, section 3 and table 3",
    expected="refuted",
    because="it makes a network that is right too modest: on MNIST, where 95% of its answers are "
    "right, the error rises from 0.017 to 0.125; the paper's networks are wrong more often",
)
def test_smoothing_calibrates(train: Train) -> None:
    ours, theirs = (measured(smoothed(train, s), name="ece") for s in (SMOOTHING, 0.0))
    assert ours < theirs - POINT
