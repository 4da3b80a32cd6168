"""Checks claims of the literature once more, by plain `keras.Model.fit` and a textbook t interval.

As benchmarks/independent_check.py does for the articles' claims: it imports nothing of the project,
trains from weights that Keras draws in its own way, on other seeds, and judges a fixed number of
them. Verdicts, and roughly the means, must agree with docs/literature.md.

Run, with the default of Keras's own copy of MNIST or an `.npz` in its layout:

    python benchmarks/independent_literature.py --mnist mnist.npz > table.md

Progress goes to stderr, a Markdown table to stdout. It takes some five minutes on two cores.
"""

import argparse
import math
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray
from scipy import stats

Values = NDArray[np.float64]

IMAGES = 8_192
SEEDS = range(101, 109)  # any will do; not the suite's, which start at 0
ALPHA = 0.01  # each way: the intervals are two-sided 98%
CHANCE = 2.3  # where a run that diverged is counted


class Images(NamedTuple):
    """Images in [0, 1], `(n, 28, 28)`, and their labels."""

    x: NDArray[np.float32]
    y: NDArray[np.int64]
    x_test: NDArray[np.float32]
    y_test: NDArray[np.int64]


class Claim(NamedTuple):
    """In which region the mean of a contrast is claimed to lie."""

    contrast: Callable[[Images], float]
    """Of one seed, which is set."""
    low: float
    high: float = math.inf


def stack(*parts: Any) -> Any:
    """A dense network of ten classes around these layers."""
    return keras.Sequential(
        [keras.Input((28, 28)), layers.Flatten(), *parts, layers.Dense(10, "softmax")]
    )


def dense(units: int = 128, kernel: str = "he_normal") -> Any:
    return layers.Dense(units, kernel_initializer=kernel)


def blocks(norm: Callable[[], Any], depth: int = 3, activation: str = "relu") -> list[Any]:
    """Dense layers with a normalization before each activation."""
    return [part for _ in range(depth) for part in (dense(), norm(), layers.Activation(activation))]


def bn(momentum: float = 0.99) -> Any:
    return layers.BatchNormalization(momentum=momentum)


def fitted(model: Any, images: Images, epochs: int = 3, rate: float = 0.1, batch: int = 64) -> Any:
    """Trains by `fit`; returns its history."""
    model.compile(keras.optimizers.SGD(rate), "sparse_categorical_crossentropy")
    return model.fit(
        images.x, images.y, batch, epochs, verbose=0,
        validation_data=(images.x_test, images.y_test), validation_batch_size=1_000,
    ).history  # fmt: skip


def mean_loss(*arguments: Any, **training: Any) -> float:
    loss = float(np.mean(fitted(*arguments, **training)["loss"]))
    return loss if math.isfinite(loss) else CHANCE


def val_loss(*arguments: Any, **training: Any) -> float:
    return float(fitted(*arguments, **training)["val_loss"][-1])


# The contrasts


def momentum(images: Images, epochs: int) -> float:
    one, other = (
        val_loss(stack(*blocks(partial(bn, m))), images, epochs=epochs) for m in (0.99, 0.9)
    )
    return one - other


def high_rate(images: Images) -> float:
    return mean_loss(stack(*blocks(bn, 5)), images, rate=3.0)


def small_batches(images: Images) -> float:
    """What batches of 2 cost BN more than layer normalization."""

    def cost(norm: Callable[[], Any]) -> float:
        small, usual = (
            mean_loss(stack(*blocks(norm)), images, epochs=1, rate=0.1 * size / 32, batch=size)
            for size in (2, 32)
        )
        return small - usual

    return cost(bn) - cost(layers.LayerNormalization)


def before_relu(images: Images) -> float:
    """Positive where BN before ReLU has a loss less than 0.95 of that of BN after it."""
    after = [p for _ in range(3) for p in (dense(), layers.Activation("relu"), bn())]
    return 0.95 * mean_loss(stack(*after), images) - mean_loss(stack(*blocks(bn)), images)


def dropout(images: Images) -> float:
    """What dropout before BN costs."""

    def network(rate: float) -> Any:
        parts: list[Any] = []
        for number in range(3):
            parts += [layers.Dense(128), bn(0.9), layers.Activation("relu")]
            parts += [layers.Dropout(rate)] if rate and number < 2 else []
        return stack(*parts)

    return val_loss(network(0.5), images, epochs=6) - val_loss(network(0.0), images, epochs=6)


def growth(images: Images) -> float:
    """By what factor a layer multiplies the squared gradient norm, untrained, with BN."""
    model = stack(*(p for _ in range(30) for p in (dense(512), bn(), layers.Activation("relu"))))
    kernels = [layer.kernel for layer in model.layers if isinstance(layer, layers.Dense)]
    squared = np.zeros(len(kernels))
    for _ in range(4):
        rows = np.random.default_rng().integers(IMAGES, size=256)
        with tf.GradientTape() as tape:
            predicted = model(images.x[rows], training=True)
            loss = keras.losses.sparse_categorical_crossentropy(images.y[rows], predicted)
            loss = tf.reduce_mean(loss)
        squared += [float(tf.reduce_sum(g * g)) for g in tape.gradient(loss, kernels)]
    inner = np.log(squared[5:-5])
    return float(np.exp(-stats.linregress(np.arange(len(inner)), inner).slope))


def deep(images: Images) -> float:
    """How much lower the loss of 22 ReLU layers of He's weights is than of Glorot's."""

    def loss(kernel: str) -> float:
        parts = (p for _ in range(22) for p in (dense(64, kernel), layers.Activation("relu")))
        return mean_loss(stack(*parts), images, rate=0.03)

    return loss("glorot_uniform") - loss("he_normal")


CLAIMS = {
    "bn-explodes-gradients": Claim(
        growth, math.pi / (math.pi - 1) - 0.05, math.pi / (math.pi - 1) + 0.05
    ),
    "momentum-hurts-validation-after-128-steps": Claim(lambda images: momentum(images, 1), 0.1),
    "momentum-hurts-validation-after-256-steps": Claim(lambda images: momentum(images, 2), 0.1),
    "bn-permits-a-high-rate": Claim(high_rate, -math.inf, 0.5 * CHANCE),
    "small-batches-cost-bn-more": Claim(small_batches, 0.1),
    "before-relu-is-better": Claim(before_relu, 0.0),
    "dropout-before-bn-hurts": Claim(dropout, 0.05),
    "he-trains-what-glorot-does-not": Claim(deep, 0.1),
}


def main(mnist: Path | None, only: list[str]) -> None:
    images = load(mnist)
    print("| claim | mean [98% interval] | claimed | verdict |\n|---|---|---|---|")
    for name, claim in CLAIMS.items():
        if only and name not in only:
            continue
        values = []
        for seed in SEEDS:
            keras.utils.set_random_seed(seed)
            values.append(claim.contrast(images))
            print(f"{name}, seed {seed}: {values[-1]:.4f}", file=sys.stderr)
        print(row(name, claim, np.array(values)), flush=True)


def row(name: str, claim: Claim, values: Values) -> str:
    """Returns a claim's row: its verdict is where the interval of the mean lies."""
    half = stats.t.ppf(1 - ALPHA, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values))
    low, high = values.mean() - half, values.mean() + half
    inside, outside = claim.low < low and high < claim.high, high < claim.low or claim.high < low
    verdict = "supported" if inside else "refuted" if outside else "inconclusive"
    region = f"{claim.low:.3g} to {claim.high:.3g}"
    return f"| {name} | {values.mean():.3f} [{low:.3f}, {high:.3f}] | {region} | {verdict} |"


def load(mnist: Path | None) -> Images:
    """Reads the images that the pack trains on."""
    if mnist is None:
        (x, y), (x_test, y_test) = keras.datasets.mnist.load_data()
    else:
        with np.load(mnist) as file:
            x, y, x_test, y_test = (
                file[name] for name in ("x_train", "y_train", "x_test", "y_test")
            )
    scaled, scaled_test = (array.astype(np.float32) / 255 for array in (x[:IMAGES], x_test))
    return Images(scaled, y[:IMAGES].astype(np.int64), scaled_test, y_test.astype(np.int64))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mnist", type=Path, help="an .npz in the layout of Keras's copy")
    parser.add_argument("--only", nargs="*", default=[], help="ids of claims")
    given = parser.parse_args()
    main(given.mnist, given.only)
