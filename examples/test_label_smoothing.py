"""Label smoothing: a loss object, and a measure of the predictions."""

from typing import Any

import numpy as np

from bnclaims import Data, Optimizer, Train, claim, measured
from examples.data import digits


def one_hot() -> Data:
    """The digits with labels as `CategoricalCrossentropy` takes them."""
    data = digits()
    y_train, y_test = (np.eye(10, dtype=np.float32)[y] for y in (data.y_train, data.y_test))
    return Data("8x8 digits, one-hot", data.x_train, y_train, data.x_test, y_test)


def network() -> Any:
    """A dense network."""
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((8, 8)),
            layers.Flatten(),
            layers.Dense(64, "relu"),
            layers.Dense(10, "softmax"),
        ]
    )


def confidence(model: Any, x: Any, _: Any) -> float:
    """Returns the probability that a model gives its answers, on average."""
    return float(np.asarray(model(x)).max(axis=-1).mean())


@claim(
    "Label smoothing by 0.2 makes a network less confident, by five percentage points or more",
    source="Mueller, Kornblith & Hinton 2019, NeurIPS",
)
def test_smoothing_lowers_confidence(train: Train) -> None:
    import keras

    smoothed, plain = (
        train(
            network,
            data=one_hot(),
            loss=keras.losses.CategoricalCrossentropy(label_smoothing=smoothing),
            optimizer=Optimizer("Adam", learning_rate=0.003),
            batch_size=32,
            epochs=5,
            measures={"confidence": confidence},
        )
        for smoothing in (0.2, 0.0)
    )
    ours, theirs = (measured(arm, name="confidence") for arm in (smoothed, plain))
    assert ours < theirs - 0.05
