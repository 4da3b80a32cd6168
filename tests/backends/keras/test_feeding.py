"""Batches for `fit`: in the order of the epoch, the last one partial."""

import numpy as np

from bnclaims.backends.keras.feeding import Batches


def test_batches_come_in_the_order_of_the_epoch() -> None:
    x, y = np.arange(10).reshape(5, 2), np.arange(5)
    batches = Batches(({"in": x}, y), 2)
    order = np.array([4, 0, 3, 1, 2])
    batches.begin(order)
    assert batches.dataset() is batches
    assert len(batches) == 3
    found = [batches[number] for number in range(3)]
    assert [labels.tolist() for _, labels in found] == [[4, 0], [3, 1], [2]]
    np.testing.assert_array_equal(np.concatenate([part["in"] for part, _ in found]), x[order])
