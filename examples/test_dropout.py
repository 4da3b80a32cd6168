"""Dropout: a claim on the speed of training."""

from functools import partial
from typing import Any

from bnclaims import Optimizer, Train, claim, mean_loss
from examples.data import CROSSENTROPY, digits

ADAM = Optimizer("Adam", learning_rate=0.001)

# A tenth of a nat is some four percent of what there is to learn, ln 10.
VISIBLE = 0.1


def network(rate: float) -> Any:
    """A dense network with dropout after its hidden layer."""
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((8, 8)),
            layers.Flatten(),
            layers.Dense(64, "relu"),
            layers.Dropout(rate),
            layers.Dense(10, "softmax"),
        ]
    )


@claim(
    "A dropout rate of one half slows the fall of the training loss",
    source="Srivastava et al. 2014, JMLR 15: training takes two to three times as long",
)
def test_dropout_slows_training(train: Train) -> None:
    with_dropout, without = (
        train(
            partial(network, rate),
            data=digits(),
            loss=CROSSENTROPY,
            optimizer=ADAM,
            batch_size=32,
            epochs=5,
        )
        for rate in (0.5, 0.0)
    )
    assert mean_loss(with_dropout) > mean_loss(without) + VISIBLE
