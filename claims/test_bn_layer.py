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
    """Inputs, and a layer with random beta and gamma: one for each shape and format there is."""
    import keras

    rng = np.random.default_rng(seed)
    # What BN computes in: on JAX and PyTorch Keras rounds 64 bits to 32.
    formats = [f for f in FORMATS if keras.backend.result_type(f, "float32") == f]
    for shape in SHAPES:
        for number_format in formats:
            x = rng.normal(rng.uniform(-3, 3), rng.uniform(1, 4), shape).astype(number_format)
            layer = keras.layers.BatchNormalization(dtype=number_format)
            layer.build(shape)
            layer.gamma.assign(rng.uniform(0.5, 2.0, shape[-1]))
            layer.beta.assign(rng.uniform(-2.0, 2.0, shape[-1]))
            yield x, layer, number_format


def to_numpy(x: Any) -> Any:
    """A tensor's numbers, on any backend."""
    import keras

    return keras.ops.convert_to_numpy(x)


def gradient(layer: Any, x: Any, weights: Any) -> Any:
    """The gradient by `x` of the weighted sum of what a layer makes of it in training.

    SGD computes it, on any backend: at a rate of 1 a step takes it off a variable that is added.
    """
    import keras

    class Held(keras.layers.Layer):  # type: ignore[misc]
        def build(self, _: Any) -> None:
            self.held = self.add_weight(shape=x.shape, initializer="zeros")

        def call(self, start: Any, weights: Any) -> Any:
            y = layer(start + self.held, training=True)
            self.add_loss(keras.ops.sum(y * weights))
            return y

    inputs = [keras.Input(batch_shape=x.shape, dtype=x.dtype.name) for _ in (x, weights)]
    held = Held(dtype=x.dtype.name)
    model = keras.Model(inputs, held(*inputs))
    model.compile(keras.optimizers.SGD(1.0), run_eagerly=True)
    model.train_on_batch([x, weights])
    return -held.held.numpy()


def standardization_errors(seed: int) -> dict[str, float]:
    """How far BN is from its formulas: in training, in inference, and backwards."""
    worst = {"training": 0.0, "inference": 0.0, "backward": 0.0, "deviation": 0.0}
    for x, layer, number_format in cases(seed):
        axes = tuple(range(x.ndim - 1))
        exact = x.astype(np.float64)
        mean, variance = exact.mean(axes), exact.var(axes)
        gamma, beta = (v.numpy().astype(np.float64) for v in (layer.gamma, layer.beta))
        shrunk = np.sqrt(variance / (variance + EPSILON))
        weights = np.random.default_rng(seed).normal(size=x.shape)

        out = to_numpy(layer(x, training=True)).astype(np.float64)
        errors = {
            # The output's mean is beta and its deviation gamma, but for epsilon.
            "training": max(
                off(out.mean(axes), beta, number_format),
                off(out.std(axes), gamma * shrunk, number_format),
            ),
            # Epsilon shrinks the deviation, of variance 1 by half a thousandth: less than epsilon.
            "deviation": float(np.abs(out.std(axes) / gamma - 1).max()) / EPSILON,
            "inference": off(
                to_numpy(layer(x, training=False)),
                gamma
                * (exact - (1 - MOMENTUM) * mean)
                / np.sqrt(MOMENTUM + (1 - MOMENTUM) * variance + EPSILON)
                + beta,
                number_format,
            ),
            # Ioffe & Szegedy 2015, section 3: the mean and its trace in x carry no gradient.
            "backward": off(
                gradient(layer, x, weights.astype(number_format)),
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

    rng = np.random.default_rng(seed)
    # Whole numbers have exact means: the variance is zero, not a rounding that guards by chance.
    x = np.full((16, 3), rng.integers(-3, 4), np.float32)
    shares = {}
    for name, epsilon in (("guarded", EPSILON), ("unguarded", 0.0)):
        layer = keras.layers.BatchNormalization(epsilon=epsilon)
        y = to_numpy(layer(x, training=True))
        numbers = np.concatenate([y, gradient(layer, x, np.ones_like(x))])
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
