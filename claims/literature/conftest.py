"""The pack's protocol, with which a session of it alone takes minutes, and the papers' figures."""

from functools import partial

from bnclaims import Figure, Probe, Train, TrainingProtocol
from claims.literature import test_depth, test_inside_bn, test_learning_rates
from claims.literature.networks import LITERATURE, network, sgd


def pytest_claims_protocols() -> list[TrainingProtocol]:
    return [LITERATURE]


def pytest_claims_figures(train: Train, probe: Probe) -> list[Figure]:
    del probe
    return [learning_rates(train), shifted(train), depths(train), initialisations(train)]


def learning_rates(train: Train) -> Figure:
    lines = {
        f"rate {rate:g}, {'BN' if norm else 'no BN'}": train(
            partial(network, test_learning_rates.DEPTH, norm=norm), optimizer=sgd(rate)
        )
        for norm in ("", "batch")
        for rate in (test_learning_rates.LOW, test_learning_rates.USUAL, test_learning_rates.HIGH)
    }
    dashed = [label for label in lines if label.endswith(", BN")]
    source = f"{test_learning_rates.IOFFE}, section 4.2"
    return Figure("Learning rates, with BN (dashed) and without", source, lines, dashed=dashed)


def shifted(train: Train) -> Figure:
    kinds = {"without BN": "", "BN": "batch", "BN with noise behind it": "noisy"}
    lines = {
        label: train(partial(network, activation="sigmoid", norm=norm))
        for label, norm in kinds.items()
    }
    source = f"{test_inside_bn.SANTURKAR}, figure 2"
    return Figure("Covariate shift injected behind BN", source, lines)


def depths(train: Train) -> Figure:
    lines = {
        f"{depth} layers": train(
            partial(network, depth, 64, norm="batch", kernel="he_normal"), optimizer=sgd(0.01)
        )
        for depth in test_depth.DEPTHS
    }
    source = f"{test_depth.YANG}, section 5"
    return Figure("Depth with BN", source, lines, graded=True)


def initialisations(train: Train) -> Figure:
    kernels = {"He": "he_normal", "orthogonal": test_depth.ORTHOGONAL, "Glorot": "glorot_uniform"}
    lines = {
        label: train(
            partial(network, kernel=kernel, **test_depth.STALLS),
            # What `test_depth.best_rate` comes to; with another there would be no runs to draw.
            optimizer=sgd(0.03),
        )
        for label, kernel in kernels.items()
    }
    return Figure("22 ReLU layers", f"{test_depth.HE}, figure 3", lines)
