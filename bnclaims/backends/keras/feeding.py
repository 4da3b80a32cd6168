"""Batches for `fit`, as NumPy makes them."""

import math
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from bnclaims.experiment.data import mapped, rows


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """The batches of some arrays, in an order that is set for each epoch.

    Args:
        parts: The arrays, of as many rows each.
        size: Of a batch; the last one may be partial.
    """

    def __init__(self, parts: tuple[Any, ...], size: int) -> None:
        super().__init__()
        self._parts, self._size = parts, size
        self._order: NDArray[Any] = np.arange(rows(parts[0]))

    def begin(self, order: NDArray[Any]) -> None:
        """Puts the rows in the order of an epoch."""
        self._order = order

    def dataset(self) -> "Batches":
        """Returns what `fit` takes."""
        return self

    def __len__(self) -> int:
        return math.ceil(len(self._order) / self._size)

    def __getitem__(self, number: int) -> Any:
        chosen = self._order[number * self._size : (number + 1) * self._size]
        return mapped(lambda array: array[chosen], self._parts)
