"""The embedded digits: reproducible, split by original image, and shaped like MNIST."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from bnclaims.experiment import digits

if TYPE_CHECKING:
    from numpy.typing import NDArray

Arrays = dict[str, "NDArray[np.uint8]"]


@pytest.fixture(scope="session")
def made() -> Arrays:
    return digits.make_digits()


def test_the_originals_are_those_that_scikit_learn_has() -> None:
    theirs = load_digits()
    with np.load(digits._ORIGINALS) as ours:
        np.testing.assert_array_equal(ours["images"], theirs.images)
        np.testing.assert_array_equal(ours["labels"], theirs.target)


def test_shapes_and_types_are_those_of_mnist(made: Arrays) -> None:
    assert {key: (array.shape, array.dtype.str) for key, array in made.items()} == {
        "x_train": ((60_000, 28, 28), "|u1"),
        "y_train": ((60_000,), "|u1"),
        "x_test": ((10_000, 28, 28), "|u1"),
        "y_test": ((10_000,), "|u1"),
    }


def test_a_second_call_gives_the_same_bits_and_leaves_the_global_generator_alone(
    made: Arrays,
) -> None:
    np.random.seed(7)  # the global generator is what is tested
    expected = np.random.random()
    np.random.seed(7)
    again = digits.make_digits()
    assert np.random.random() == expected
    assert all(np.array_equal(made[key], again[key]) for key in made)


@given(st.integers(2, 5_000))
def test_split_uses_every_original_once(count: int) -> None:
    train, test = digits._split(count)
    assert sorted([*train, *test]) == list(range(count))
    assert abs(len(train) - 0.8 * count) <= 0.5


def test_no_original_is_drawn_for_both_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[NDArray[np.int64]] = []

    def spy(
        templates: NDArray[np.uint8],
        centres: NDArray[np.float64],
        chosen: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> NDArray[np.uint8]:
        drawn.append(chosen)
        return np.zeros((len(chosen), 28, 28), np.uint8)

    monkeypatch.setattr(digits, "_warp", spy)
    digits.make_digits()
    train, test = (np.unique(chosen, return_counts=True) for chosen in drawn)
    assert not set(train[0]) & set(test[0])
    assert len(train[0]) + len(test[0]) == 1_797
    for _, copies in (train, test):
        assert copies.max() - copies.min() <= 1


@pytest.mark.parametrize("key", ["y_train", "y_test"])
def test_the_first_ten_thousand_are_a_fair_sample(made: Arrays, key: str) -> None:
    shares = np.bincount(made[key][:10_000], minlength=10) / 10_000
    assert shares.shape == (10,)
    assert shares.min() > 0.075
    assert shares.max() < 0.125


def test_digits_are_centred_by_mass_and_inked_like_mnist(made: Arrays) -> None:
    images = made["x_train"][:10_000].astype(float)
    mass = images.sum(axis=(1, 2))
    pixels = np.arange(28)
    for axis in (1, 2):
        centre = images.sum(axis=3 - axis) @ pixels / mass
        assert abs(centre.mean() - 13.5) < 0.1
        assert np.abs(centre - 13.5).max() < 2.5
    assert mass.min() > 255 * 20
    assert (images.max(axis=(1, 2)) > 200).mean() > 0.99
    assert 0.1 < (images > 0).mean() < 0.3


def test_copies_of_one_original_differ_and_resemble_their_class(made: Arrays) -> None:
    images = made["x_train"][:10_000].reshape(10_000, -1)
    assert len(np.unique(images, axis=0)) == 10_000
    labels = made["y_train"][:10_000]
    means = np.stack([images[labels == digit].mean(axis=0) for digit in range(10)])
    test = made["x_test"].reshape(10_000, -1)[:2_000].astype(float)
    distances = ((test[:, None] - means) ** 2).sum(axis=2)
    assert (distances.argmin(axis=1) == made["y_test"][:2_000]).mean() > 0.7


def test_sampling_with_the_identity_map_copies_the_template() -> None:
    rng = np.random.default_rng(0)
    template = np.zeros((24, 24), np.uint8)
    template[2:22, 2:22] = rng.integers(0, 256, (20, 20))
    identity = np.array([[[256, 0], [0, 256]]], np.int32)
    starts = np.array([[-2 * 256, -2 * 256]], np.int32)
    image = digits._sample(template.ravel(), np.zeros((1, 1, 1), np.int32), identity, starts)[0]
    assert np.array_equal(image[2:26, 2:26], template)
    assert image.sum() == template.sum()


def test_sampling_half_way_averages_neighbours() -> None:
    template = np.zeros((24, 24), np.uint8)
    template[10, 10], template[10, 11] = 100, 200
    identity = np.array([[[256, 0], [0, 256]]], np.int32)
    starts = np.array([[0, 128]], np.int32)
    image = digits._sample(template.ravel(), np.zeros((1, 1, 1), np.int32), identity, starts)[0]
    assert image[10, 9:12].tolist() == [50, 150, 100]
