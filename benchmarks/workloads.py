"""What `make benchmark` trains: arms of the claims, and how much of an epoch it measures."""

import math
import sys
from dataclasses import dataclass

from bnclaims import MLP, Optimizer
from bnclaims.experiment.data import Data
from claims.protocols import ARTICLE, SGD

IMAGES, EPOCHS = 60_000, ARTICLE.epochs
"""Of the article protocol."""

SEEDS = 5
"""Seeds of an arm up to its first look: what a start-up is shared by."""
EVALUATION_BATCH = 1_000
"""Everyone evaluates in batches of this size, once an epoch."""


@dataclass(frozen=True)
class Workload:
    """An arm, what is asked of it, and how many images make up a measured epoch."""

    network: MLP
    batch: int
    times_fit: float
    """How many times as fast as `fit` we mean to be."""
    times_floor: float
    """How many times the floor we mean to stay within."""
    images: int
    """Training images of a measured epoch; the test images are cut by the same share."""
    optimizer: Optimizer = SGD

    @property
    def article_steps(self) -> int:
        """Steps of a run under the article protocol: what decides about XLA."""
        return EPOCHS * math.ceil(IMAGES / self.batch)

    def xla_steps(self, fewest: int) -> int:
        """Returns from how many steps on XLA is to compile, so that a cut epoch decides alike.

        Args:
            fewest: The steps from which it does in whole runs, `tensorflow_program.XLA_STEPS`.
        """
        return 0 if self.article_steps >= fewest else sys.maxsize

    def cut(self, data: Data, share: float) -> Data:
        """Returns the images of a measured epoch: the same share of training and test images."""
        share *= min(1.0, self.images / IMAGES)
        train, test = (
            max(2 * self.batch, round(share * len(data.x_train))),
            max(EVALUATION_BATCH, round(share * len(data.x_test))),
        )
        return Data(
            data.name,
            data.x_train[:train],
            data.y_train[:train],
            data.x_test[:test],
            data.y_test[:test],
        )


_SIGMOID = MLP("sigmoid")
_DEEP = MLP("relu", hidden=(512, 256, 128, 64) + 8 * (64,))

WORKLOADS = {
    "sigmoid-128": Workload(_SIGMOID, 128, 4, 1.3, 30_000),
    "sigmoid-4bn-128": Workload(_SIGMOID.with_batch_norm(4), 128, 7, 1.3, 30_000),
    "sigmoid-4": Workload(_SIGMOID, 4, 10, 1.6, 12_000),
    "sigmoid-1bn-4": Workload(_SIGMOID.with_batch_norm(1), 4, 7, 1.6, 12_000),
    "adam-1bn-128": Workload(
        _SIGMOID.with_batch_norm(1), 128, 5, 1.3, 30_000, Optimizer("Adam", learning_rate=0.01)
    ),
    "deep-relu-12bn-128": Workload(_DEEP.with_batch_norm(12), 128, 7, 1.3, 30_000),
}
