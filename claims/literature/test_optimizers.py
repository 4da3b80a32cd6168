"""A contradictory pair: Adam generalizes worse than SGD, and a tuned Adam never does worse.

Differs from the papers: a dense network on thousands of images for a few epochs, where Wilson et
al. train convolutional and recurrent networks (figure 1 and table 1), and Choi et al. tune all of
Adam's parameters, epsilon among them (section 4). Both rates are the best of a grid by accuracy on
the test images, as in these papers; the grid was searched on seeds from 1000, by
`python -m benchmarks.learning_rates`.
"""

from functools import partial

from bnclaims import Optimizer, Sample, Train, claim, val_accuracy
from claims.literature.networks import HALF_A_POINT, network, sgd

WILSON = "Wilson et al. 2017 (The Marginal Value of Adaptive Gradient Methods)"
CHOI = "Choi et al. 2019 (On Empirical Comparisons of Optimizers)"

EPOCHS = 6
BEST_SGD = sgd(0.03, 0.9)
BEST_ADAM = Optimizer("Adam", learning_rate=0.001)


def accuracy(train: Train, optimizer: Optimizer) -> Sample:
    """Accuracy on the test images in the end."""
    return val_accuracy(train(partial(network, 2, 256), optimizer=optimizer, epochs=EPOCHS))


@claim(
    "Adam generalizes worse than SGD with momentum, by half a percentage point",
    source=f"{WILSON}, abstract and table 1",
)
def test_adam_generalizes_worse(train: Train) -> None:
    assert accuracy(train, BEST_ADAM) < accuracy(train, BEST_SGD) - HALF_A_POINT


@claim(
    "A tuned Adam does as well as SGD with momentum",
    source=f"{CHOI}, abstract: more general optimizers never underperform",
)
def test_tuned_adam_does_as_well(train: Train) -> None:
    assert abs(accuracy(train, BEST_ADAM) - accuracy(train, BEST_SGD)) < HALF_A_POINT
