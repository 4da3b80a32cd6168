"""The BN article on what a BN layer does: exact statements, checked on random inputs.

Each function draws, from a seed, inputs of several shapes and number formats, and returns how far
the layer is off at worst, in roundings of the format (its machine epsilon, relative to the size of
what is compared). Sums over a few hundred numbers round a few dozen times; a wrong formula is off
by millions.
"""

from typing import Any

import numpy as np

from bnclaims import Probe, all_of, claim, measured
from claims.bn_article import BN_ARTICLE

SECTION = f"{BN_ARTICLE}, 'BN in Keras'"

ROUNDINGS = 1_000

SHAPES = ((32, 7), (256, 3), (8, 5, 5, 4), (16, 6, 2))
FORMATS = ("float32", "float64")
EPSILON, MOMENTUM = 1e-3, 0.99


def off(found: Any, expected: Any, number_format: str) -> float:
    """Largest difference, in roundings of numbers as large as the largest expected."""
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    scale = max(1.0, float(np.abs(expected).max()))
    error = float(np.abs(found - expected).max()) / scale
    return error / float(np.finfo(number_format).eps)


def cases(seed: int) -> Any:
    """Inputs, and a layer with random beta and gamma: one for each shape and format."""
    import keras

    rng = np.random.default_rng(seed)
    for shape in SHAPES:
        for number_format in FORMATS:
            x = rng.normal(rng.uniform(-3, 3), rng.uniform(1, 4), shape).astype(number_format)
            layer = keras.layers.BatchNormalization(dtype=number_format)
            layer.build(shape)
            layer.gamma.assign(rng.uniform(0.5, 2.0, shape[-1]))
            layer.beta.assign(rng.uniform(-2.0, 2.0, shape[-1]))
            yield x, layer, number_format


def standardization_errors(seed: int) -> dict[str, float]:
    """How far BN is from its formulas: in training, in inference, and backwards."""
    import tensorflow as tf

    worst = {"training": 0.0, "inference": 0.0, "backward": 0.0, "deviation": 0.0}
    for x, layer, number_format in cases(seed):
        axes = tuple(range(x.ndim - 1))
        exact = x.astype(np.float64)
        mean, variance = exact.mean(axes), exact.var(axes)
        gamma, beta = (v.numpy().astype(np.float64) for v in (layer.gamma, layer.beta))
        shrunk = np.sqrt(variance / (variance + EPSILON))
        weights = np.random.default_rng(seed).normal(size=x.shape)

        inputs = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            y = layer(inputs, training=True)
            total = tf.reduce_sum(y * tf.constant(weights.astype(number_format)))
        gradient = tape.gradient(total, inputs)

        out = y.numpy().astype(np.float64)
        errors = {
            # The output's mean is beta and its deviation gamma, but for epsilon.
            "training": max(
                off(out.mean(axes), beta, number_format),
                off(out.std(axes), gamma * shrunk, number_format),
            ),
            # Epsilon shrinks the deviation, of variance 1 by half a thousandth: less than epsilon.
            "deviation": float(np.abs(out.std(axes) / gamma - 1).max()) / EPSILON,
            "inference": off(
                layer(inputs, training=False).numpy(),
                gamma
                * (exact - (1 - MOMENTUM) * mean)
                / np.sqrt(MOMENTUM + (1 - MOMENTUM) * variance + EPSILON)
                + beta,
                number_format,
            ),
            # Ioffe & Szegedy 2015, section 3: the mean and its trace in x carry no gradient.
            "backward": off(
                gradient,
                backward(exact, weights * gamma, mean, variance),
                number_format,
            ),
        }
        worst = {name: max(worst[name], errors[name]) for name in worst}
    return worst


def backward(x: Any, upstream: Any, mean: Any, variance: Any) -> Any:
    """The gradient of a BN layer by its input, from the paper's chain rule."""
    axes = tuple(range(x.ndim - 1))
    deviation = np.sqrt(variance + EPSILON)
    standard = (x - mean) / deviation
    through_mean = upstream.mean(axes)
    through_variance = (upstream * standard).mean(axes)
    return (upstream - through_mean - standard * through_variance) / deviation


def constant_feature(seed: int) -> dict[str, float]:
    """Shares of finite numbers, forwards and backwards, of a feature that does not vary."""
    import keras
    import tensorflow as tf

    rng = np.random.default_rng(seed)
    # Whole numbers have exact means: the variance is zero, not a rounding that guards by chance.
    x = tf.constant(np.full((16, 3), rng.integers(-3, 4), np.float32))
    shares = {}
    for name, epsilon in (("guarded", EPSILON), ("unguarded", 0.0)):
        layer = keras.layers.BatchNormalization(epsilon=epsilon)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
        numbers = np.concatenate([y.numpy(), tape.gradient(y, x).numpy()])
        shares[name] = float(np.isfinite(numbers).mean())
    return shares


def center_and_scale(seed: int) -> dict[str, float]:
    """How many of the statements on beta and gamma fail."""
    import keras

    rng = np.random.default_rng(seed)
    x = rng.normal(size=(32, 5)).astype("float32")
    y = rng.normal(size=(32, 5)).astype("float32")
    failed = 0
    for center in (True, False):
        for scale in (True, False):
            layer = keras.layers.BatchNormalization(center=center, scale=scale)
            model = keras.Sequential([keras.Input((5,)), layer])
            known = {v.name: v.numpy() for v in layer.trainable_variables}
            starts = {"beta": np.zeros(5)} if center else {}
            starts |= {"gamma": np.ones(5)} if scale else {}
            failed += known.keys() != starts.keys()
            failed += sum(not np.array_equal(known[n], starts[n]) for n in starts if n in known)
            if starts:
                model.compile("sgd", "mse")
                model.train_on_batch(x, y)
                failed += sum(
                    np.array_equal(v.numpy(), known[v.name]) for v in layer.trainable_variables
                )
    return {"failed": float(failed)}


@claim(
    "A BN layer's output has mean beta and standard deviation gamma over the batch",
    source=f"{SECTION}; Ioffe & Szegedy 2015, algorithm 1",
)
def test_bn_standardizes(probe: Probe) -> None:
    layer = probe(standardization_errors)
    assert all_of(
        *(measured(layer, name=n) < ROUNDINGS for n in ("training", "inference", "backward")),
        measured(layer, name="deviation") < 1.0,
    )


@claim(
    "Epsilon keeps a constant feature finite, forwards and backwards",
    source=f"{SECTION}; Ioffe & Szegedy 2015, algorithm 1",
)
def test_bn_epsilon_guards(probe: Probe) -> None:
    finite = probe(constant_feature)
    all_finite = 0.999
    assert all_of(
        measured(finite, name="guarded") > all_finite,
        measured(finite, name="unguarded") < all_finite,
    )


@claim(
    "Beta and gamma start at 0 and 1, are learnable, and can be left out one by one",
    source=f"{SECTION}; Keras's BatchNormalization",
)
def test_bn_center_scale(probe: Probe) -> None:
    none_failed = 0.001
    assert measured(probe(center_and_scale), name="failed") < none_failed
