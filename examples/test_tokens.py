"""Token models: what an average of embeddings cannot know."""

from collections.abc import Callable
from functools import partial
from typing import Any

from bnclaims import Optimizer, Train, claim, val_accuracy
from examples.data import ordered_pairs


def reading(summary: Callable[[], Any]) -> Any:
    """A network that reads tokens by a kind of layer."""
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((12,)),
            layers.Embedding(20, 8),
            summary(),
            layers.Dense(1, "sigmoid"),
        ]
    )


def recurrent() -> Any:
    """A layer that reads one token after the other."""
    from keras import layers

    return layers.GRU(16)


def average() -> Any:
    """A layer to which the order of the tokens is all one."""
    from keras import layers

    return layers.GlobalAveragePooling1D()


@claim(
    "A recurrent layer learns which of two tokens comes first, an average of embeddings does not",
    source="own",
)
def test_order_needs_more_than_an_average(train: Train) -> None:
    ours, theirs = (
        train(
            partial(reading, summary),
            data=ordered_pairs(),
            loss="binary_crossentropy",
            optimizer=Optimizer("Adam", learning_rate=0.01),
            batch_size=64,
            epochs=6,
        )
        for summary in (recurrent, average)
    )
    assert val_accuracy(ours) > val_accuracy(theirs) + 0.2
