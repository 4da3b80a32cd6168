"""The catalogue's protocols, and the articles' figures with the spread over seeds."""

from bnclaims import (
    GLOROT_NORMAL,
    GLOROT_UNIFORM,
    Figure,
    Layer,
    Probe,
    Train,
    TrainingProtocol,
)
from claims.bn_article import ADAM, BATCHES, BN_ARTICLE, network
from claims.glorot_article import GLOROT_ARTICLE, STANDARD_NORMAL
from claims.protocols import ARTICLE, QUICK

NAMES = {"sigmoid": "Sigmoid", "relu": "ReLU"}


def pytest_claims_protocols() -> list[TrainingProtocol]:
    return [QUICK, ARTICLE]


def pytest_claims_figures(train: Train, probe: Probe) -> list[Figure]:
    return [
        *(with_and_without_bn(train, activation) for activation in ("sigmoid", "relu")),
        *(numbers_of_bn_layers(train, activation) for activation in ("sigmoid", "relu")),
        optimizers(train),
        batch_sizes(train),
        activations(probe, "sigmoid"),
        activations(probe, "tanh"),
    ]


def with_and_without_bn(train: Train, activation: str) -> Figure:
    return Figure(
        f"{NAMES[activation]}, with and without BN",
        f"{BN_ARTICLE}, 'BN speeds up training'",
        {
            "without BN": network(train, activation),
            "one BN layer": network(train, activation, 1),
        },
    )


def numbers_of_bn_layers(train: Train, activation: str) -> Figure:
    return Figure(
        f"{NAMES[activation]}, 1 to 4 BN layers",
        f"{BN_ARTICLE}, 'increasing the number of BN layers'",
        {f"{k} BN layer{'s' * (k > 1)}": network(train, activation, k) for k in range(1, 5)},
    )


def optimizers(train: Train) -> Figure:
    return Figure(
        "SGD and Adam, with and without BN",
        f"{BN_ARTICLE}, 'adaptive learning rate against BN'",
        {
            "SGD": network(train, "sigmoid"),
            "SGD, BN": network(train, "sigmoid", 1),
            "Adam": network(train, "sigmoid", **ADAM),
            "Adam, BN": network(train, "sigmoid", 1, **ADAM),
        },
    )


def batch_sizes(train: Train) -> Figure:
    lines = {
        f"{size}, {'BN' if bn_layers else 'no BN'}": network(
            train, "sigmoid", bn_layers, batch_size=size
        )
        for bn_layers in (0, 1)
        for size in BATCHES
    }
    return Figure(
        "Batch sizes, with BN (dashed) and without",
        f"{BN_ARTICLE}, 'the effect of the batch'",
        lines,
        dashed=[label for label in lines if label.endswith(", BN")],
    )


def activations(probe: Probe, activation: str) -> Figure:
    initializers = {"N(0, 1)": STANDARD_NORMAL, "glorot_normal": GLOROT_NORMAL}
    if activation == "sigmoid":
        initializers["glorot_uniform"] = GLOROT_UNIFORM
    return Figure(
        f"Activations of a {activation} layer",
        f"{GLOROT_ARTICLE}, histograms",
        {name: probe(Layer(activation, kernel)) for name, kernel in initializers.items()},
    )
