"""What BN does to the layer before it, where it belongs, and whether it is about covariate shift.

Differs from the papers: Santurkar et al. train VGG on CIFAR-10 (figure 2), here it is a dense
network of three sigmoid layers, whose gain from BN is large; van Laarhoven's is a theorem (section
2), here with an epsilon that is small beside the variance.
"""

from functools import partial
from typing import Any

import numpy as np

from bnclaims import (
    History,
    Probe,
    Sample,
    Train,
    all_of,
    claim,
    mean_loss,
    measured,
    metric,
    rate,
)
from claims.literature.networks import network

IOFFE = "Ioffe & Szegedy 2015 (Batch Normalization)"
BN_ARTICLE = "BN article (Toplu standardizasyonun üç alanını anlama)"
SANTURKAR = "Santurkar et al. 2018 (How Does Batch Normalization Help Optimization?)"
VAN_LAARHOVEN = "van Laarhoven 2017 (L2 Regularization versus Batch and Weight Normalization)"

# A place is better if it takes a twentieth off the other's loss.
BETTER = 0.95


def placed(train: Train, activation: str, *, before: bool) -> Sample:
    """Mean training loss with BN before or after the activation."""
    model = partial(network, activation=activation, norm="batch", before_activation=before)
    return mean_loss(train(model))


@claim(
    "With ReLU, BN before the activation trains faster than after it",
    source=f"{IOFFE}, section 3.2: BN goes before the nonlinearity",
    expected="refuted",
    because="after it the mean loss is lower, on MNIST 0.25 against 0.29",
)
def test_before_relu_is_better(train: Train) -> None:
    assert placed(train, "relu", before=True) < BETTER * placed(train, "relu", before=False)


@claim(
    "With sigmoid, BN before the activation trains faster than after it",
    source=f"{IOFFE}, section 3.2: BN goes before the nonlinearity",
    expected="refuted",
    because="after it the mean loss is half of that, on MNIST 0.32 against 0.65",
)
def test_before_sigmoid_is_better(train: Train) -> None:
    assert placed(train, "sigmoid", before=True) < BETTER * placed(train, "sigmoid", before=False)


@claim(
    "With ReLU, BN after the activation trains faster than before it",
    source=f"{BN_ARTICLE}, its code; and long threads",
)
def test_after_relu_is_better(train: Train) -> None:
    assert placed(train, "relu", before=False) < BETTER * placed(train, "relu", before=True)


def bias_gradient(model: Any, x: Any, y: Any) -> float:
    """Returns the first bias's gradient norm over its kernel's, in training.

    SGD computes them, on any backend: at a rate of 1 a step takes them off the weights.
    """
    import keras

    stepped = keras.models.clone_model(model)
    stepped.set_weights(model.get_weights())
    stepped.compile(keras.optimizers.SGD(1.0), model.loss)
    stepped.train_on_batch(x[:256], y[:256])
    before, after = (m.layers[1].get_weights() for m in (model, stepped))
    kernel, bias = (np.linalg.norm(w - v) for w, v in zip(before, after, strict=True))
    return float(bias / kernel)


def bias_share(train: Train, norm: str) -> Sample:
    """What `bias_gradient` says after an epoch."""
    arm = train(partial(network, norm=norm), epochs=1, measures={"bias": bias_gradient})
    return measured(arm, name="bias")


@claim(
    "A bias before BN is useless: its gradient vanishes",
    source=f"{IOFFE}, section 3.2",
)
def test_a_bias_before_bn_has_no_gradient(train: Train) -> None:
    # Rounding in float32 leaves some 1e-7 of a sum; a thousand times that is still none.
    assert all_of(bias_share(train, "batch") < 1e-4, bias_share(train, "") > 1e-2)


@metric(low=0)
def first_gradient(history: History) -> float:
    """Root mean square of the first layer's gradient norm over minibatches."""
    return float(np.sqrt(np.square(history.probes["gradient_norm"][:, 0]).mean()))


def at_scale(probe: Probe, scale: float) -> Sample:
    """The first layer's gradient where the hidden layers' weights are so many times as large."""
    # He's, whose variance is 2 / fan_in, times the scale's square.
    kernel = {"class_name": "VarianceScaling", "config": {"scale": 2 * scale**2}}
    model = partial(network, norm="batch", epsilon=1e-6, kernel=kernel)
    return first_gradient(probe(model, batch_size=256, batches=4))


@claim(
    "Before BN, gradients go as one over the weights' scale",
    source=f"{VAN_LAARHOVEN}, section 2, equation 4",
)
def test_gradients_go_as_one_over_the_scale(probe: Probe) -> None:
    scales = (1.0, 10.0, 100.0)
    assert abs(rate([at_scale(probe, scale) for scale in scales], at=scales) + 1) < 0.01


def speed(train: Train, norm: str) -> Sample:
    """Mean training loss of a sigmoid network."""
    return mean_loss(train(partial(network, activation="sigmoid", norm=norm)))


@claim(
    "BN with covariate shift injected behind it trains faster than no BN, by half of BN's gain",
    source=f"{SANTURKAR}, figure 2",
)
def test_noisy_bn_is_fast(train: Train) -> None:
    plain, normed, noisy = (speed(train, norm) for norm in ("", "batch", "noisy"))
    assert plain - noisy > 0.5 * (plain - normed)
