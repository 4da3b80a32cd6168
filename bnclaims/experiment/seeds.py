"""Random streams of a run: everything random in it follows from its seed and a name.

Seeds pair by construction: two arms that ask for the same name under the same seed get the same
stream, so they see the data in the same order and start from the same weights.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray


def derive(seed: int, *name: str | int) -> int:
    """Returns a 31-bit seed that follows from the run's seed and the name of what it is for."""
    text = "/".join(str(part) for part in (seed, *name))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


def generator(seed: int, *name: str | int) -> np.random.Generator:
    """Returns a NumPy generator of its own for what the name says."""
    return np.random.default_rng(np.random.SeedSequence(derive(seed, *name)))


def data_order(seed: int, epoch: int, images: int) -> NDArray[np.int32]:
    """Returns the order in which an epoch visits the images, the same for every arm.

    Args:
        seed: The run's seed.
        epoch: Number of the epoch, from 0.
        images: How many training images there are.

    Returns:
        A permutation of `range(images)`, shape `(images,)`.
    """
    return generator(seed, "data order", epoch).permutation(images).astype(np.int32)


class Seed(int):
    """The seed of a run, as a function of a seed gets it: a number that also gives streams.

    Functions that draw from these streams pair with `train`'s arms and with each other.
    """

    def generator(self, *name: str | int) -> np.random.Generator:
        """Returns a NumPy generator of its own for what the name says."""
        return generator(self, *name)

    def data_order(self, epoch: int, images: int) -> NDArray[np.int32]:
        """Returns the order in which an epoch of `train` visits the images, `(images,)`."""
        return data_order(self, epoch, images)

    def derive(self, *name: str | int) -> int:
        """Returns a 31-bit seed for what the name says, for another library's generator."""
        return derive(self, *name)
