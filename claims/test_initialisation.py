"""The article on Glorot initialisation: what the weights do to a layer's activations.

One untrained `Dense(256)` with biases zero on one 784-dimensional input from U(0, 1), both drawn
anew for each seed. The article shows histograms; an activation is at the extremes when it lies in
the outer 5% of its range at either end (sigmoid below 0.05 or above 0.95, tanh beyond 0.9).
"""

from bnclaims import (
    GLOROT_NORMAL,
    GLOROT_UNIFORM,
    Initializer,
    Layer,
    Probe,
    activation_distance,
    claim,
    saturation,
)

STANDARD_NORMAL = Initializer("RandomNormal", stddev=1.0)

# "Pushed to the extremes": most activations are there.
MOST = 0.5

# "Not extreme": no more are there than if activations were spread evenly over the range.
EVEN = 0.10

# "No visible difference": the histograms differ by less than half a bin of the ten that the
# plotting library draws by default, a twentieth of sigmoid's range.
HALF_A_BIN = 0.05


@claim(
    "N(0, 1) weights push sigmoid activations to the extremes",
    source="Glorot article, histogram: sigmoid with N(0, 1)",
)
def test_normal_saturates_sigmoid(probe: Probe) -> None:
    assert saturation(probe(Layer("sigmoid", STANDARD_NORMAL))) > MOST


@claim(
    "With glorot_normal, sigmoid activations are not at the extremes",
    source="Glorot article, histogram: sigmoid with glorot_normal",
)
def test_glorot_normal_not_extreme_sigmoid(probe: Probe) -> None:
    glorot = saturation(probe(Layer("sigmoid", GLOROT_NORMAL)))
    assert glorot < EVEN
    assert glorot < saturation(probe(Layer("sigmoid", STANDARD_NORMAL))) - EVEN


@claim(
    "glorot_uniform makes no visible difference to glorot_normal",
    source="Glorot article, histograms: sigmoid with glorot_normal and glorot_uniform",
)
def test_glorot_uniform_like_normal(probe: Probe) -> None:
    normal = probe(Layer("sigmoid", GLOROT_NORMAL))
    uniform = probe(Layer("sigmoid", GLOROT_UNIFORM))
    assert activation_distance(normal, uniform) < HALF_A_BIN


@claim(
    "N(0, 1) weights push tanh activations to the extremes",
    source="Glorot article, histogram: tanh with N(0, 1)",
)
def test_normal_saturates_tanh(probe: Probe) -> None:
    assert saturation(probe(Layer("tanh", STANDARD_NORMAL))) > MOST


@claim(
    "With glorot_normal, tanh activations are even and free of extremes",
    source="Glorot article, histogram: tanh with glorot_normal",
)
def test_glorot_not_extreme_tanh(probe: Probe) -> None:
    glorot = saturation(probe(Layer("tanh", GLOROT_NORMAL)))
    assert glorot < EVEN
    assert glorot < saturation(probe(Layer("tanh", STANDARD_NORMAL))) - EVEN
