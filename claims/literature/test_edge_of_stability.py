"""Gradient descent on all images trains at the edge of stability.

Differs from the paper: Cohen et al. train dense and convolutional networks on 5,000 images of
CIFAR-10 (abstract and figure 1). Here it is a dense tanh network of two layers of 32 units on the
first thousand images, averaged over squares of four by four pixels, and squared error, all in
NumPy: the largest eigenvalue is found by Lanczos iteration over exact gradients. At a rate of 0.2
training begins below the edge, at 0.3 above it: at 0.8 and 1.2 times 2 / rate.
"""

import math
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bnclaims import Data, Probe, Sample, Seed, claim, measured

Array = NDArray[np.float64]

COHEN = "Cohen et al. 2021 (Edge of Stability)"

IMAGES = 1_000
# Of each layer's weights, with a row of biases.
SHAPES = [(inputs + 1, units) for inputs, units in pairwise((49, 32, 32, 10))]
STEPS = 3_000
# The eigenvalue goes up and down about the edge: its mean over these last steps counts.
LOOKS = range(STEPS - 600, STEPS, 30)


# "Hovers just above" is the paper's word: a twentieth is just above.
JUST = 0.05


def at_edge(probe: Probe, rate: float) -> Sample:
    """What `edge` says at a rate."""
    return measured(probe(partial(edge, rate=rate)))


@claim(
    "Gradient descent on all images brings the Hessian's largest eigenvalue up to 2 / rate",
    source=f"{COHEN}, abstract",
)
def test_descent_comes_to_the_edge(probe: Probe) -> None:
    assert abs(at_edge(probe, 0.2) - 1) < JUST


@claim(
    "From above, it brings the eigenvalue down to 2 / rate",
    source=f"{COHEN}, abstract",
    expected={"literature": {"digits": "inconclusive"}},
    because="on the digits it comes down to 1.046 times the edge, too near the end of what counts "
    "as just above",
)
def test_descent_comes_to_the_edge_from_above(probe: Probe) -> None:
    assert abs(at_edge(probe, 0.3) - 1) < JUST


def edge(seed: Seed, rate: float, images: Data) -> float:
    """Returns the Hessian's largest eigenvalue late in training, in units of 2 over the rate.

    NaN where the training diverged.
    """
    x, y = pooled(images.x_train[:IMAGES]), np.eye(10)[images.y_train[:IMAGES]]
    rng = np.random.default_rng(seed)
    weights = np.concatenate([layer.ravel() for layer in drawn(rng)])
    found = []
    for step in range(STEPS):
        if not np.isfinite(weights).all():
            return math.nan
        if step in LOOKS:
            found.append(sharpness(weights, x, y))
        weights = weights - rate * gradient(weights, x, y)
    return float(np.mean(found)) * rate / 2


def pooled(images: NDArray[np.uint8]) -> Array:
    """Returns images averaged over squares of four by four pixels, from 0 to 1, less their mean."""
    squares = images.reshape(len(images), 7, 4, 7, 4).mean(axis=(2, 4)) / 255
    return np.asarray(squares.reshape(len(images), -1) - squares.mean())


def drawn(rng: np.random.Generator) -> list[Array]:
    """Returns weights with a row of biases, as large as LeCun's."""
    layers = [rng.normal(0, (rows - 1) ** -0.5, (rows, units)) for rows, units in SHAPES]
    for layer in layers:
        layer[-1] = 0
    return layers


def split(weights: Array) -> list[Array]:
    """Returns each layer's weights."""
    ends = np.cumsum([rows * units for rows, units in SHAPES])
    parts = np.split(weights, ends[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, SHAPES, strict=True)]


def gradient(weights: Array, x: Array, y: Array) -> Array:
    """Returns the gradient of half the squared error, a mean over images."""
    layers = split(weights)
    inputs, value = [], x
    for number, layer in enumerate(layers):
        inputs.append(value)
        value = value @ layer[:-1] + layer[-1]
        if number < len(layers) - 1:
            value = np.tanh(value)
    error = (value - y) / len(x)
    found: list[Array] = []
    for layer, value in zip(reversed(layers), reversed(inputs), strict=True):
        found.append(np.vstack([value.T @ error, error.sum(axis=0)]))
        error = error @ layer[:-1].T * (1 - value**2)
    return np.concatenate([part.ravel() for part in reversed(found)])


def sharpness(weights: Array, x: Array, y: Array) -> float:
    """Returns the largest eigenvalue of the loss's Hessian."""
    from scipy.sparse.linalg import LinearOperator, eigsh

    def product(vector: Array) -> Array:
        step = 1e-4 * vector.ravel() / np.linalg.norm(vector)
        ahead, behind = (gradient(weights + sign * step, x, y) for sign in (1, -1))
        return np.asarray((ahead - behind) / 2e-4 * np.linalg.norm(vector))

    size = len(weights)
    hessian = LinearOperator((size, size), matvec=product, dtype=np.float64)
    start = np.random.default_rng(0).normal(size=size)
    largest = eigsh(hessian, k=1, which="LA", tol=1e-3, v0=start, return_eigenvectors=False)
    return float(largest[0])
