"""The catalogue's protocols, and the articles' figures with the spread over seeds."""

from typing import Any

from bnclaims import (
    GLOROT_NORMAL,
    GLOROT_UNIFORM,
    Figure,
    Layer,
    Probe,
    Train,
    TrainingProtocol,
)
from claims.bn_article import ADAM, BATCHES, BN_ARTICLE, RELU, SIGMOID, network
from claims.glorot_article import GLOROT_ARTICLE, STANDARD_NORMAL
from claims.protocols import ARTICLE, QUICK

# The second pack has a protocol of its own: `make literature`.
collect_ignore = ["literature"]

NETWORKS = {"Sigmoid": SIGMOID, "ReLU": RELU}


def pytest_claims_protocols() -> list[TrainingProtocol]:
    return [QUICK, ARTICLE]


def pytest_claims_figures(train: Train, probe: Probe) -> list[Figure]:
    return [
        *(with_and_without_bn(train, name, runs) for name, runs in NETWORKS.items()),
        *(numbers_of_bn_layers(train, name, runs) for name, runs in NETWORKS.items()),
        optimizers(train),
        batch_sizes(train),
        activations(probe, "sigmoid"),
        activations(probe, "tanh"),
    ]


def with_and_without_bn(train: Train, name: str, runs: dict[str, Any]) -> Figure:
    return Figure(
        f"{name}, with and without BN",
        f"{BN_ARTICLE}, 'BN speeds up training'",
        {
            "without BN": network(train, **runs),
            "one BN layer": network(train, 1, **runs),
        },
    )


def numbers_of_bn_layers(train: Train, name: str, runs: dict[str, Any]) -> Figure:
    return Figure(
        f"{name}, 1 to 4 BN layers",
        f"{BN_ARTICLE}, 'increasing the number of BN layers'",
        {f"{k} BN layer{'s' * (k > 1)}": network(train, k, **runs) for k in range(1, 5)},
        graded=True,
    )


def optimizers(train: Train) -> Figure:
    return Figure(
        "SGD and Adam, with and without BN",
        f"{BN_ARTICLE}, 'adaptive learning rate against BN'",
        {
            "SGD": network(train, **SIGMOID),
            "SGD, BN": network(train, 1, **SIGMOID),
            "Adam": network(train, **SIGMOID, **ADAM),
            "Adam, BN": network(train, 1, **SIGMOID, **ADAM),
        },
    )


def batch_sizes(train: Train) -> Figure:
    lines = {
        f"{size}, {'BN' if bn_layers else 'no BN'}": network(
            train, bn_layers, activation="sigmoid", batch_size=size
        )
        for bn_layers in (0, 1)
        for size in BATCHES
    }
    return Figure(
        "Batch sizes, with BN (dashed) and without",
        f"{BN_ARTICLE}, 'the effect of the batch'",
        lines,
        dashed=[label for label in lines if label.endswith(", BN")],
        graded=True,
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
