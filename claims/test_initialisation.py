"""The article on Glorot initialisation: what the weights do to a layer's activations.

One untrained `Dense(256)` with biases zero on one 784-dimensional input from U(0, 1), both drawn
anew for each seed. The article shows histograms; an activation is at the extremes when it lies in
the outer 5% of its range at either end (sigmoid below 0.05 or above 0.95, tanh beyond 0.9).
"""

import numpy as np

from bnclaims import (
    GLOROT_NORMAL,
    GLOROT_UNIFORM,
    History,
    Layer,
    Probe,
    activation_distance,
    all_of,
    claim,
    gradient_passed,
    gradient_passed_saturated,
    measured,
    metric,
    saturation,
)
from claims.glorot_article import GLOROT_ARTICLE, STANDARD_NORMAL

# "Pushed to the extremes": most activations are there.
MOST = 0.5

# "Not extreme": no more are there than if activations were spread evenly over the range.
EVEN = 0.10

# "No visible difference": the histograms differ by less than half a bin of the ten that the
# plotting library draws by default, a twentieth of sigmoid's range.
HALF_A_BIN = 0.05

# "Almost no gradient": a twentieth of the largest that the activation can pass. By definition a
# saturated unit passes a fifth at most.
ALMOST_NONE = 0.05

# A layer that is stopped passes less than a fifth of what one passes that is not.
FEW = 0.2


@claim(
    "N(0, 1) weights push sigmoid activations to the extremes",
    source=f"{GLOROT_ARTICLE}, histogram: sigmoid with N(0, 1)",
)
def test_normal_saturates_sigmoid(probe: Probe) -> None:
    assert saturation(probe(Layer("sigmoid", STANDARD_NORMAL))) > MOST


@claim(
    "With glorot_normal, sigmoid activations are not at the extremes",
    source=f"{GLOROT_ARTICLE}, histogram: sigmoid with glorot_normal",
)
def test_glorot_normal_not_extreme_sigmoid(probe: Probe) -> None:
    glorot = saturation(probe(Layer("sigmoid", GLOROT_NORMAL)))
    assert glorot < EVEN
    assert glorot < saturation(probe(Layer("sigmoid", STANDARD_NORMAL))) - EVEN


@claim(
    "glorot_uniform makes no visible difference to glorot_normal",
    source=f"{GLOROT_ARTICLE}, histograms: sigmoid with glorot_normal and glorot_uniform",
)
def test_glorot_uniform_like_normal(probe: Probe) -> None:
    normal = probe(Layer("sigmoid", GLOROT_NORMAL))
    uniform = probe(Layer("sigmoid", GLOROT_UNIFORM))
    assert activation_distance(normal, uniform) < HALF_A_BIN


@claim(
    "N(0, 1) weights push tanh activations to the extremes",
    source=f"{GLOROT_ARTICLE}, histogram: tanh with N(0, 1)",
)
def test_normal_saturates_tanh(probe: Probe) -> None:
    assert saturation(probe(Layer("tanh", STANDARD_NORMAL))) > MOST


@claim(
    "With glorot_normal, tanh activations are free of extremes",
    source=f"{GLOROT_ARTICLE}, histogram: tanh with glorot_normal",
)
def test_glorot_not_extreme_tanh(probe: Probe) -> None:
    glorot = saturation(probe(Layer("tanh", GLOROT_NORMAL)))
    assert glorot < EVEN
    assert glorot < saturation(probe(Layer("tanh", STANDARD_NORMAL))) - EVEN


@metric(low=0, high=1)
def unevenness(history: History) -> float:
    """Distance of tanh activations from an even spread, as a share of the range.

    The first Wasserstein distance between their histogram and the uniform one over (-1, 1).
    """
    activations = np.sort(history.probes["activations"], axis=None)
    even = 2 * (np.arange(activations.size) + 0.5) / activations.size - 1
    return float(np.abs(activations - even).mean()) / 2


@claim(
    "With glorot_normal, tanh activations are even over their range",
    source=f"{GLOROT_ARTICLE}, histogram: tanh with glorot_normal",
)
def test_glorot_even_tanh(probe: Probe) -> None:
    assert unevenness(probe(Layer("tanh", GLOROT_NORMAL))) < HALF_A_BIN


@claim(
    "Saturated sigmoid and tanh units pass almost no gradient",
    source=f"{GLOROT_ARTICLE}, on why extreme activations stop training",
)
def test_saturation_kills_gradient(probe: Probe) -> None:
    normal = [probe(Layer(name, STANDARD_NORMAL)) for name in ("sigmoid", "tanh")]
    glorot = [probe(Layer(name, GLOROT_NORMAL)) for name in ("sigmoid", "tanh")]
    assert all_of(
        *(gradient_passed_saturated(layer) < ALMOST_NONE for layer in normal),
        *(
            gradient_passed(saturated) < FEW * gradient_passed(free)
            for saturated, free in zip(normal, glorot, strict=True)
        ),
    )


def draws(seed: int) -> dict[str, float]:
    """Largest difference between two draws of a layer's weights, for one seed and for two."""
    import keras

    def kernel(number: int) -> np.ndarray:
        keras.utils.set_random_seed(number)
        return np.asarray(keras.initializers.RandomNormal(stddev=1.0)((784, 256)))

    again, other = kernel(seed), kernel(seed + 1)
    return {
        "same seed": float(np.abs(kernel(seed) - again).max()),
        "other seed": float(np.abs(kernel(seed) - other).max()),
    }


@claim(
    "The picture differs from draw to draw, and is the same for the same seed",
    source=f"{GLOROT_ARTICLE}, on running the histogram again",
)
def test_draws_differ(probe: Probe) -> None:
    layer = Layer("sigmoid", GLOROT_NORMAL)
    one, other = (probe(layer, first_seed=start) for start in (0, 1000))
    nothing = 1e-12
    assert all_of(
        activation_distance(one, other) > nothing,
        measured(probe(draws), name="other seed") > nothing,
        measured(probe(draws), name="same seed") < nothing,
    )
