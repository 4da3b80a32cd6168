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
    Runs,
    Sample,
    Train,
    claim,
    final_loss,
    gradient_imbalance,
    mean_loss,
    metric,
)
from claims.bn_article import FASTER
from claims.glorot_article import GLOROT_ARTICLE, STANDARD_NORMAL

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
    return abs(mean_loss(one) - mean_loss(other))


def spread(train: Train, activation: str, initializer: Initializer) -> Sample:
    """Gini's mean difference of the mean training loss over seeds."""
    one, other = (runs(train, activation, initializer, start) for start in (0, 1000))
    return gap(one, other, diverged=CHANCE)


@claim(
    "With sigmoid, Glorot initialisation converges faster than N(0, 1)",
    source=f"{GLOROT_ARTICLE}, on stable training",
    expected="refuted",
    because="with Glorot the loss stays near chance for the first epochs: on MNIST its mean is "
    "0.98 over the article's budget, with N(0, 1) 0.74; see glorot-ends-lower-sigmoid for where it "
    "ends",
)
def test_glorot_speeds_up_sigmoid(train: Train) -> None:
    glorot = mean_loss(runs(train, "sigmoid", GLOROT_NORMAL), diverged=CHANCE)
    normal = mean_loss(runs(train, "sigmoid", STANDARD_NORMAL), diverged=CHANCE)
    assert glorot < FASTER * normal


# The claim above hangs on its metric, as its first verdict showed: so here is the other one.
@claim(
    "With sigmoid, training ends at a lower loss with Glorot initialisation than with N(0, 1)",
    source=f"{GLOROT_ARTICLE}, on stable training",
    expected={"quick": "refuted", "article": {"digits": "inconclusive"}},
    because="the quick protocol's six short epochs end while Glorot's loss is still near chance; "
    "over the article's budget it ends at 0.35 on MNIST, with N(0, 1) at 0.44, but on the digits "
    "at 0.39 and 0.42, which is no tenth lower, and 15 seeds do not refute a tenth. It turns with "
    "the architecture: an independent run with three layers of 256 gave the opposite sign",
)
def test_glorot_ends_lower_sigmoid(train: Train) -> None:
    glorot = final_loss(runs(train, "sigmoid", GLOROT_NORMAL), diverged=CHANCE)
    normal = final_loss(runs(train, "sigmoid", STANDARD_NORMAL), diverged=CHANCE)
    assert glorot < FASTER * normal


@claim(
    "With tanh, Glorot initialisation converges faster than N(0, 1)",
    source=f"{GLOROT_ARTICLE}, on stable training",
)
def test_glorot_speeds_up_tanh(train: Train) -> None:
    glorot = mean_loss(runs(train, "tanh", GLOROT_NORMAL), diverged=CHANCE)
    normal = mean_loss(runs(train, "tanh", STANDARD_NORMAL), diverged=CHANCE)
    assert glorot < FASTER * normal


@claim(
    "With sigmoid, runs differ less from seed to seed with Glorot initialisation than with N(0, 1)",
    source=f"{GLOROT_ARTICLE}, on stable training",
    expected={"article": "inconclusive"},
    because="on MNIST, over the article's budget, the difference in spread is a hundredth of a "
    "nat, and would take about forty seeds to show; under the quick protocol it is seven times as "
    "large",
)
def test_glorot_steadies_sigmoid(train: Train) -> None:
    glorot, normal = (spread(train, "sigmoid", i) for i in (GLOROT_NORMAL, STANDARD_NORMAL))
    assert glorot < normal


@claim(
    "With tanh, runs differ less from seed to seed with Glorot initialisation than with N(0, 1)",
    source=f"{GLOROT_ARTICLE}, on stable training",
    expected={"article": "inconclusive"},
    because="over the article's budget the spread is less with Glorot, on MNIST by 0.019 nats and "
    "in 18 of 20 seeds, on the digits by 0.038 nats and in all 20; to show that of contrasts as "
    "skewed as these may be would take about 25 seeds on MNIST and 31 on the digits",
)
def test_glorot_steadies_tanh(train: Train) -> None:
    glorot, normal = (spread(train, "tanh", i) for i in (GLOROT_NORMAL, STANDARD_NORMAL))
    assert glorot < normal


def imbalance(probe: Probe, activation: str, initializer: Initializer) -> Sample:
    """By how many powers of ten gradients differ between the layers of a deep network."""
    model = MLP(activation, hidden=MANY_LAYERS, initializer=initializer)
    return gradient_imbalance(probe(model, batch_size=128))


@claim(
    "Through ten sigmoid layers, Glorot initialisation keeps gradients more alike than N(0, 1)",
    source=f"{GLOROT_ARTICLE}, on vanishing and exploding gradients",
    expected="refuted",
    because="on MNIST, before training, the layers' gradient norms differ by six powers of ten "
    "with Glorot, vanishing towards the input; with N(0, 1) by 0.4: saturated as they are, large "
    "weights make up for it",
)
def test_glorot_tames_gradients_sigmoid(probe: Probe) -> None:
    glorot, normal = (imbalance(probe, "sigmoid", i) for i in (GLOROT_NORMAL, STANDARD_NORMAL))
    assert glorot < normal - POWER_OF_TEN


@claim(
    "Through ten tanh layers, Glorot initialisation keeps gradients more alike than N(0, 1)",
    source=f"{GLOROT_ARTICLE}, on vanishing and exploding gradients",
)
def test_glorot_tames_gradients_tanh(probe: Probe) -> None:
    glorot, normal = (imbalance(probe, "tanh", i) for i in (GLOROT_NORMAL, STANDARD_NORMAL))
    assert glorot < normal - POWER_OF_TEN
