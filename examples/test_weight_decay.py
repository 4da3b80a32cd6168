"""Weight decay: two claims about the same arms, judged together."""

from typing import Any

import numpy as np

from bnclaims import Optimizer, Train, all_of, claim, measured, val_accuracy
from examples.data import CROSSENTROPY, digits


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


def weight_norm(model: Any, _: Any, __: Any) -> float:
    """Returns the Euclidean norm of all trainable weights."""
    return float(np.sqrt(sum(np.square(w.numpy()).sum() for w in model.trainable_weights)))


@claim(
    "Decoupled weight decay of 0.1 takes a tenth off the weights at no cost in accuracy",
    source="after Loshchilov & Hutter 2019, ICLR",
    expected="refuted",
    because="it takes 8% off them, from a norm of 15.3 to 14.1, and it costs no accuracy",
)
def test_decay_shrinks_weights_for_free(train: Train) -> None:
    decayed, plain = (
        train(
            network,
            data=digits(),
            loss=CROSSENTROPY,
            optimizer=Optimizer("AdamW", learning_rate=0.005, weight_decay=decay),
            batch_size=32,
            epochs=8,
            measures={"norm": weight_norm},
        )
        for decay in (0.1, 0.0)
    )
    smaller = measured(decayed, name="norm") < 0.9 * measured(plain, name="norm")
    as_good = val_accuracy(decayed) - val_accuracy(plain) > -0.02
    assert all_of(smaller, as_good)
