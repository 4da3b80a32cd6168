"""The numbers of batches, from which curves are made."""

import numpy as np
import pytest

from bnclaims.backends.keras import program
from bnclaims.backends.keras.program import batch_sizes


@pytest.mark.parametrize(
    ("rows", "size", "sizes"), [(8, 4, [4, 4]), (10, 4, [4, 4, 2]), (3, 4, [3])]
)
def test_the_last_batch_may_be_partial(rows: int, size: int, sizes: list[int]) -> None:
    np.testing.assert_array_equal(batch_sizes(rows, size), sizes)


@pytest.mark.parametrize(
    ("labels", "output", "positions"),
    [
        ((9,), (None, 3), 1),
        ((9, 3), (None, 3), 1),
        ((9, 5), (None, 5, 3), 5),
        ((9, 4), (None, 1), 4),
    ],
)
def test_labels_count_by_position(
    labels: tuple[int, ...], output: tuple[int | None, ...], positions: int
) -> None:
    assert program._positions(np.zeros(labels), output) == positions


def test_a_stretch_has_the_mean_of_its_images() -> None:
    means = program._means(np.array([1.0, 3.0, 9.0]), np.array([4.0, 4.0, 2.0]), np.array([1, 3]))
    np.testing.assert_allclose(means, [1.0, (3 * 4 + 9 * 2) / 6])
