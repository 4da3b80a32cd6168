"""Small and large batches: normalizations that do without the batch, and ghost batches.

Differs from the papers: Wu & He train a ResNet-50 on ImageNet with 32 to 2 images a worker (figure
1) and compare validation; here it is the training loss, as validation mixes in how far the moving
averages have come. The learning rate goes as the batch size, as there. Hoffer et al. train a dense
network of five layers on MNIST for many more epochs (table 1: 98.27% with small batches, 97.05%
with large ones, 97.55% with the rate adapted as the batch's square root, 97.60% with ghost batches
besides; from memory). Here large batches have the adapted rate, with ghost batches and without.
"""

from functools import partial
from typing import Any

from bnclaims import Sample, Train, all_of, claim, mean_loss, val_accuracy
from claims.literature.networks import CHANCE, VISIBLE, network, sgd

WU = "Wu & He 2018 (Group Normalization)"
HOFFER = "Hoffer et al. 2017 (Ghost Batch Normalization)"

SMALL, USUAL = 2, 32
RATE_OF_USUAL = 0.1

LARGE, GHOST = 2_048, 64
LONGER = 20

# Of the gap that it is to close, a method that matters takes a tenth.
TENTH = 0.1


def loss(train: Train, norm: str, batch_size: int) -> Sample:
    """Mean training loss with a normalization, over one epoch."""
    rate = RATE_OF_USUAL * batch_size / USUAL
    arm = train(partial(network, norm=norm), batch_size=batch_size, optimizer=sgd(rate), epochs=1)
    return mean_loss(arm, diverged=CHANCE)


@claim(
    "Batches of 2 cost BN more than layer and group normalization",
    source=f"{WU}, figure 1",
)
def test_small_batches_cost_bn_more(train: Train) -> None:
    bn, ln, gn = (
        loss(train, norm, SMALL) - loss(train, norm, USUAL) for norm in ("batch", "layer", "group")
    )
    assert all_of(bn > ln + VISIBLE, bn > gn + VISIBLE)


@claim(
    "Layer and group normalization train as well with batches of 2 as of 32",
    source=f"{WU}, figure 1",
    expected={"literature": {"digits": "refuted"}},
    because="on the digits they train better with batches of 2, by 0.2: those are sixteen times as "
    "many steps, if shorter ones",
)
def test_others_do_not_suffer_at_small_batches(train: Train) -> None:
    assert all_of(
        *(
            abs(loss(train, norm, SMALL) - loss(train, norm, USUAL)) < VISIBLE
            for norm in ("layer", "group")
        )
    )


def accuracy(train: Train, batch_size: int, norm: str = "batch", **arguments: Any) -> Sample:
    """Accuracy on the test images after some epochs; the rate goes as the batch's square root."""
    model = partial(network, norm=norm, momentum=0.9, **arguments)
    optimizer = sgd(RATE_OF_USUAL * (batch_size / GHOST) ** 0.5)
    return val_accuracy(train(model, batch_size=batch_size, optimizer=optimizer, epochs=LONGER))


@claim(
    "Ghost batches of 64 narrow the gap in accuracy between batches of 2048 and of 64",
    source=f"{HOFFER}, table 1",
)
def test_ghost_batches_narrow_the_gap(train: Train) -> None:
    small, large = accuracy(train, GHOST), accuracy(train, LARGE)
    ghost = accuracy(train, LARGE, "ghost", ghost_size=GHOST)
    assert ghost - large > TENTH * (small - large)
