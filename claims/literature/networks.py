"""What the pack's claims share: their protocol, their networks, and what counts as a difference.

The papers train for hours on GPUs what is looked at here for seconds on one core: dense networks on
some thousand images. Each file says what differs from its paper's setting. Margins were fixed
before looking; settings that are somebody's choice were made on seeds from 1000, which no verdict
uses.
"""

from typing import Any

from bnclaims import Optimizer, TrainingProtocol

# Plain gradient descent: what is claimed of it is not the doing of momentum.
LITERATURE = TrainingProtocol(
    "literature",
    images=8_192,
    epochs=3,
    batch_size=64,
    optimizer=Optimizer("SGD", learning_rate=0.1),
    loss="sparse_categorical_crossentropy",
)

# Where a run that diverged is counted: at chance over ten classes, ln 10, as if it had learnt
# nothing. It has done worse, so this can only make a difference smaller.
CHANCE = 2.3

# A tenth of a nat is four percent of what there is to learn, the 2.3 nats from chance to none.
VISIBLE = 0.1

# Half a percentage point: what papers on generalization report as a difference.
HALF_A_POINT = 0.005


def sgd(rate: float, momentum: float = 0.0) -> Optimizer:
    """Gradient descent at a rate."""
    return Optimizer("SGD", learning_rate=rate, momentum=momentum)


def network(
    depth: int = 3,
    width: int = 128,
    *,
    activation: str = "relu",
    norm: str = "",
    before_activation: bool = True,
    kernel: Any = "he_normal",
    **arguments: Any,
) -> Any:
    """A dense network of ten classes, with a normalization beside each activation.

    Args:
        depth: How many hidden layers.
        width: Units of each.
        activation: Keras's name.
        norm: "batch", "layer", "group" (of eight), "ghost" or "noisy"; '' for none.
        before_activation: Whether it comes before the activation, or after it.
        kernel: The initialiser of the hidden layers, as Keras takes it.
        **arguments: Of the normalization.
    """
    import keras
    from keras import layers

    from claims.literature import normalization

    stack = [keras.Input((28, 28)), layers.Flatten()]
    for _ in range(depth):
        beside = [normalization.layer(norm, **arguments)] if norm else []
        active = layers.Activation(activation)
        stack.append(layers.Dense(width, kernel_initializer=kernel))
        stack += [*beside, active] if before_activation else [active, *beside]
    return keras.Sequential([*stack, layers.Dense(10, "softmax")])
