"""Training protocols: what the arms of a session share unless a claim says otherwise."""

from dataclasses import dataclass
from typing import Any

from bnclaims.experiment.models import KerasObject


class Optimizer(KerasObject):
    """An optimizer: `Optimizer("Adam", learning_rate=0.01)`."""

    def build(self) -> Any:
        """Returns a new `keras.optimizers.Optimizer`.

        Raises:
            ValueError: Keras has none of that name, or it does not take these arguments.
        """
        import keras

        return self.made_by(keras.optimizers.get)


@dataclass(frozen=True)
class TrainingProtocol:
    """How an arm is trained where its claim does not say.

    Declare protocols of your own with the hook `pytest_claims_protocols`; without one a session
    uses `KERAS_DEFAULTS`.
    """

    name: str
    epochs: int = 1
    """Passes over the training images; 1 is the default of `fit`."""
    images: int | None = None
    """How many training images of the session's data are used, the first ones; None for all."""
    batch_size: int = 32
    """Images a step; 32 is the default of `fit`."""
    optimizer: Optimizer | None = None
    """None for what the model was compiled with, else the default of `compile`: RMSprop."""
    loss: str | None = None
    """Keras's name of the loss; None for what the model was compiled with."""

    @property
    def size(self) -> str:
        """How much is trained, in words."""
        return size_text(self.images, self.epochs)


def size_text(images: int | None, epochs: int) -> str:
    """Returns in words how much is trained: on how many images, None for all, and epochs."""
    some = "all images" if images is None else f"{images:,} images"
    return f"{some}, {epochs} epoch{'s' * (epochs != 1)}"


KERAS_DEFAULTS = TrainingProtocol("default")
"""All of the training images, and the defaults of Keras's `compile` and `fit`."""
