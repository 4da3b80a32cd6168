"""Keras's default momentum of BN's moving averages, 0.99, in short trainings.

Source: practitioners' threads and Keras's issues on validation that lags behind training with BN;
the works named are from memory. The averages start at mean 0 and variance 1; after s steps a share
of 0.99 to the power of s of that start is left: 28% after two epochs here, nothing with 0.9.
"""

from functools import partial

from bnclaims import Runs, Train, claim, mean_loss, val_loss
from claims.literature.networks import VISIBLE, network

SOURCE = "Keras issues on BN's momentum"
EPOCHS = 2


def runs(train: Train, momentum: float) -> Runs:
    """A network whose moving averages have this momentum."""
    return train(partial(network, norm="batch", momentum=momentum), epochs=EPOCHS)


@claim(
    "In a short training, Keras's BN momentum of 0.99 hurts validation, and 0.9 does not",
    source=f"{SOURCE}, validation lags behind training",
)
def test_high_momentum_hurts_validation(train: Train) -> None:
    assert val_loss(runs(train, 0.99)) > val_loss(runs(train, 0.9)) + VISIBLE


@claim(
    "BN's momentum changes nothing in training",
    source=f"{SOURCE}, training is not affected",
)
def test_momentum_leaves_training_alone(train: Train) -> None:
    # They are the same but for rounding: the moving averages are no part of the loss.
    assert abs(mean_loss(runs(train, 0.99)) - mean_loss(runs(train, 0.9))) < 1e-3
