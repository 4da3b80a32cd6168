"""The article on Glorot initialisation: what the weights do to training and to gradients.

The article trains nothing; it says what to expect. "A few hidden layers" are three of 64 here: a
claim about the spread over seeds needs many runs. They train as the BN article trains: SGD with
momentum, batches of 128.
"""

from bnclaims import (
    GLOROT_NORMAL,
    MLP,
    History,
    Initializer,
    Probe,
    Sample,
    Train,
    claim,
    gradient_imbalance,
    mean_loss,
    metric,
)
from bnclaims.metrics import mean_loss as area_under_curve
from bnclaims.sample import Runs
from claims.bn_article import FASTER

STANDARD_NORMAL = Initializer("RandomNormal", stddev=1.0)

FEW_LAYERS = (64, 64, 64)
MANY_LAYERS = 10 * (256,)

# Where a run that diverged is counted: at chance over ten classes, ln 10, as if it had learnt
# nothing. It has done worse, so this can only make a difference smaller.
CHANCE = 2.3

# Gradients are tamer when the largest and smallest layers' are closer by a power of ten.
POWER_OF_TEN = 1.0


def runs(train: Train, activation: str, initializer: Initializer, first_seed: int = 0) -> Runs:
    """Runs of the network of a few layers."""
    model = MLP(activation, hidden=FEW_LAYERS, initializer=initializer)
    return train(model, first_seed=first_seed)


@metric(low=0)
def gap(one: History, other: History) -> float:
    """How far two runs on different seeds are apart: their mean over pairs is a spread."""
    return abs(area_under_curve(one) - area_under_curve(other))


def spread(train: Train, activation: str, initializer: Initializer) -> Sample:
    """Gini's mean difference of the mean training loss over seeds."""
    one, other = (runs(train, activation, initializer, start) for start in (0, 1000))
    sample: Sample = gap(one, other, diverged=CHANCE)
    return sample


@claim(
    "With sigmoid, Glorot initialisation converges faster than N(0, 1)",
    source="Glorot article, on stable training",
)
def test_glorot_speeds_up_sigmoid(train: Train) -> None:
    glorot = mean_loss(runs(train, "sigmoid", GLOROT_NORMAL), diverged=CHANCE)
    normal = mean_loss(runs(train, "sigmoid", STANDARD_NORMAL), diverged=CHANCE)
    assert glorot < FASTER * normal


@claim(
    "With tanh, Glorot initialisation converges faster than N(0, 1)",
    source="Glorot article, on stable training",
)
def test_glorot_speeds_up_tanh(train: Train) -> None:
    glorot = mean_loss(runs(train, "tanh", GLOROT_NORMAL), diverged=CHANCE)
    normal = mean_loss(runs(train, "tanh", STANDARD_NORMAL), diverged=CHANCE)
    assert glorot < FASTER * normal


@claim(
    "With sigmoid, runs differ less from seed to seed with Glorot initialisation than with N(0, 1)",
    source="Glorot article, on stable training",
)
def test_glorot_steadies_sigmoid(train: Train) -> None:
    glorot, normal = (spread(train, "sigmoid", i) for i in (GLOROT_NORMAL, STANDARD_NORMAL))
    assert glorot < normal


@claim(
    "With tanh, runs differ less from seed to seed with Glorot initialisation than with N(0, 1)",
    source="Glorot article, on stable training",
)
def test_glorot_steadies_tanh(train: Train) -> None:
    glorot, normal = (spread(train, "tanh", i) for i in (GLOROT_NORMAL, STANDARD_NORMAL))
    assert glorot < normal


def imbalance(probe: Probe, activation: str, initializer: Initializer) -> Sample:
    """By how many powers of ten gradients differ between the layers of a deep network."""
    model = MLP(activation, hidden=MANY_LAYERS, initializer=initializer)
    sample: Sample = gradient_imbalance(probe(model, batch_size=128))
    return sample


@claim(
    "Through ten sigmoid layers, Glorot initialisation keeps gradients more alike than N(0, 1)",
    source="Glorot article, on vanishing and exploding gradients",
)
def test_glorot_tames_gradients_sigmoid(probe: Probe) -> None:
    glorot, normal = (imbalance(probe, "sigmoid", i) for i in (GLOROT_NORMAL, STANDARD_NORMAL))
    assert glorot < normal - POWER_OF_TEN


@claim(
    "Through ten tanh layers, Glorot initialisation keeps gradients more alike than N(0, 1)",
    source="Glorot article, on vanishing and exploding gradients",
)
def test_glorot_tames_gradients_tanh(probe: Probe) -> None:
    glorot, normal = (imbalance(probe, "tanh", i) for i in (GLOROT_NORMAL, STANDARD_NORMAL))
    assert glorot < normal - POWER_OF_TEN
