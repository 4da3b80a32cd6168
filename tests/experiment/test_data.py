"""Data and their fingerprints: what is copied, what is told apart, what is refused."""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnclaims.errors import DataError
from bnclaims.experiment.data import Data, leaves, mapped
from tests.image_sets import IDX_NAMES, Arrays, small

if TYPE_CHECKING:
    from collections.abc import Callable


def test_fingerprint_ignores_the_name_and_the_memory_layout() -> None:
    arrays = small()
    first = Data("one", **arrays)
    column_major: Arrays = {key: np.asfortranarray(array) for key, array in arrays.items()}
    assert first.fingerprint == Data("two", **column_major).fingerprint
    assert re.fullmatch("[0-9a-f]{64}", first.fingerprint)


def test_fingerprint_is_pinned_across_versions() -> None:
    inputs = np.arange(6, dtype="<f4").reshape(2, 3)
    labels = np.array([0, 1], np.uint8)
    expected = "38692e2b8a67e6dcbdc4039ccf66e8b0eb60f8d55349763a2595eafefafc51a0"
    assert Data("any", inputs, labels, inputs, labels).fingerprint == expected


@settings(deadline=None)
@given(st.sampled_from(list(IDX_NAMES)), st.data())
def test_fingerprint_changes_with_one_bit(key: str, draw: st.DataObject) -> None:
    arrays = small()
    before = Data("any", **arrays).fingerprint
    flat = arrays[key].reshape(-1)
    flat[draw.draw(st.integers(0, flat.size - 1))] ^= 1 << draw.draw(st.integers(0, 7))
    assert Data("any", **arrays).fingerprint != before


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a | {k: a[k].astype(np.int16) for k in ("x_train", "x_test")},
        lambda a: a | {"y_train": a["y_train"].view(np.int8)},
        lambda a: a | {k: a[k].reshape(len(a[k]), 14, 56) for k in ("x_train", "x_test")},
        lambda a: a | {"y_train": a["y_train"].astype(">i8")},
        lambda a: a | {"y_train": a["y_train"].astype(bool)},
        lambda a: a | {k: a[k].astype(np.float16) for k in ("x_train", "x_test")},
        lambda a: a | {k: a[k][:3] for k in ("x_train", "y_train")},
        lambda a: small(train=3) | {"x_train": a["x_test"], "x_test": a["x_train"][:3]},
    ],
)
def test_fingerprint_changes_with_type_shape_and_place(change: Callable[[Arrays], Arrays]) -> None:
    before = small()
    assert Data("a", **before).fingerprint != Data("a", **change(before)).fingerprint


@given(st.lists(st.integers(0, 2), min_size=2, max_size=4), st.lists(st.integers(0, 2), min_size=2))
def test_fingerprints_are_equal_exactly_if_the_arrays_are(
    first: list[int], other: list[int]
) -> None:
    def build(values: list[int]) -> Data:
        array = np.array(values)
        return Data("a", array, array, array, array)

    assert (build(first).fingerprint == build(other).fingerprint) == (first == other)


def test_data_are_compared_and_hashed_by_identity_and_shown_without_arrays() -> None:
    first, other = Data("a", **small()), Data("a", **small())
    assert first != other
    assert len({first, other}) == 2
    assert repr(first) == "Data(name='a')"


def test_users_own_arrays_of_any_shape_are_accepted_and_left_writable() -> None:
    inputs = np.linspace(0, 1, 24).reshape(4, 3, 2)
    labels = np.array([[-1.5], [0.0], [3.0], [100.0]])
    own = Data("own", inputs, labels, inputs[:2], labels[:2])
    np.testing.assert_array_equal(own.x_train, inputs)
    assert inputs.flags.writeable


def test_what_is_changed_after_the_data_were_made_is_not_trained_on() -> None:
    arrays = small()
    own = Data("own", **arrays)
    before = own.x_train.copy(), own.fingerprint
    arrays["x_train"][:] = 7
    np.testing.assert_array_equal(own.x_train, before[0])
    assert Data("own", **small()).fingerprint == own.fingerprint == before[1]
    with pytest.raises(ValueError, match="read-only"):
        own.x_train[0] = 0


def test_a_view_of_an_array_that_can_be_changed_is_copied() -> None:
    arrays = small()
    view = arrays["x_train"].view()
    view.flags.writeable = False
    own = Data("own", **(arrays | {"x_train": view}))
    arrays["x_train"][:] = 7
    assert (own.x_train != 7).any()


def structured(seed: int = 0) -> dict[str, Any]:
    x = np.random.default_rng(seed).normal(size=(5, 2))
    return {
        "x_train": {"a": x, "b": (x, x + 1)},
        "y_train": (x[:, 0], x[:, 1]),
        "x_test": {"a": x[:3], "b": (x[:3], x[:3])},
        "y_test": (x[:3, 0], x[:3, 1]),
    }


def test_inputs_and_labels_come_in_tuples_and_dictionaries() -> None:
    own = Data("own", **structured())
    assert own.fingerprint != Data("own", **structured(1)).fingerprint
    places = [place for place, _ in leaves(own.x_train, "x_train")]
    assert places == ["x_train['a']", "x_train['b'][0]", "x_train['b'][1]"]
    assert not own.x_train["b"][1].flags.writeable


def test_weights_and_scaling_are_part_of_the_fingerprint() -> None:
    weights = np.linspace(0, 1, 5)
    prints = {
        Data("own", **small(), **changes).fingerprint
        for changes in (
            {},
            {"sample_weight_train": weights},
            {"sample_weight_train": weights + 1},
            {"sample_weight_test": weights[:3]},
            {"scale": False},
            {"scale": True},
        )
    }
    assert len(prints) == 6


def test_batches_are_read_once_into_arrays() -> None:
    arrays = structured()
    x, y = arrays["x_train"], arrays["y_train"]

    def batches(weights: bool) -> Any:
        for rows in (slice(0, 3), slice(3, 5)):
            batch = mapped(operator.itemgetter(rows), (x, y))
            yield (*batch, np.ones(rows.stop - rows.start)) if weights else batch

    own = Data.from_batches("own", train=batches(True), test=list(batches(False)))
    np.testing.assert_array_equal(own.x_train["b"][1], x["b"][1])
    np.testing.assert_array_equal(own.y_test[0], y[0])
    assert own.sample_weight_train is not None
    assert own.sample_weight_test is None


class Counted:
    """Batches as a `keras.utils.PyDataset` has them: it says how many, and ends nowhere."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, number: int) -> Any:
        return [np.full((2, 4), number), np.full((2, 5), number)], [number, number]


def test_counted_batches_are_read_up_to_their_count() -> None:
    own = Data.from_batches("own", train=Counted(), test=Counted())
    first, other = own.x_train
    assert (first.shape, other.shape) == ((6, 4), (6, 5))
    np.testing.assert_array_equal(own.y_train, [0, 0, 1, 1, 2, 2])


def endless() -> Any:
    while True:
        yield np.zeros((8, 1024)), np.zeros(8)


@pytest.mark.parametrize(
    ("batches", "words"),
    [
        (endless(), r"train is more than 1 MiB after 16 batches; .* raise limit=\."),
        ([np.zeros(3)], r"train yields ndarray; expected \(x, y\) or \(x, y, w\)\."),
        ([], "train yields nothing"),
        (None, "train is a NoneType; expected a dataset or a generator of batches"),
        (
            [(np.ones((2, 3)), np.ones(2)), (np.ones((2, 4)), np.ones(2))],
            "train yields batches that cannot be put together: .* pad what varies in length",
        ),
        ([(np.ones(3), np.float32(1.0))], "cannot be put together: .* Batch single examples"),
        (
            [({"a": np.ones(2)}, np.ones(2)), ({"b": np.ones(2)}, np.ones(2))],
            "train: batch 1 is not made of the same parts as the first",
        ),
        (
            [(np.ones(2), np.ones(2), np.ones(2)), (np.ones(2), np.ones(2))],
            "train: batch 1 is not made of the same parts",
        ),
    ],
)
def test_batches_that_do_not_fit_are_refused(batches: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        Data.from_batches("own", train=batches, test=[], limit=2**20)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y_train": np.zeros(4)}, "x_train has 5 entries and y_train has 4; expected one label"),
        ({"y_test": np.zeros(4)}, "x_test has 3 entries and y_test has 4"),
        ({"x_train": np.zeros((0, 28, 28))}, "x_train has shape .0, 28, 28.; expected at least"),
        ({"y_test": np.ones(())}, "y_test has shape .*; expected at least one"),
        ({"y_train": np.array(list("abcde"))}, "y_train has type <U1; expected numbers"),
        ({"x_test": np.array([None] * 3)}, "x_test has type object; expected numbers"),
        ({"y_test": np.zeros(3, complex)}, "y_test has type complex128; expected numbers"),
        ({"y_test": [1, 2, 3]}, "y_test is a list; expected a NumPy array"),
        ({"x_train": {}, "x_test": {}}, "x_train is empty; expected at least one array"),
        ({"y_test": np.zeros(3, np.longdouble)}, "expected numbers of at most 64 bits"),
        ({"scale": "no"}, "scale='no'; expected True or False"),
        ({"y_test": np.array([1, np.nan, np.inf])}, "y_test holds 2 NaN or infinite values"),
        ({"y_test": np.ma.array([1, 2, 3])}, "y_test is a MaskedArray; expected a NumPy array"),
        ({"x_test": np.zeros((3, 28, 28))}, "x_train is uint8 and x_test is float64, but only byt"),
        ({"x_train": np.eye(5, 784, dtype=np.uint8).reshape(5, 28, 28)}, "bytes of 0 and 1 only"),
        ({"x_test": (np.zeros((3, 2)),)}, "x_train and x_test are not made of the same parts"),
        ({"sample_weight_train": np.ones(4)}, "x_train has 5 .* sample_weight_train has 4"),
        ({"x_test": np.zeros((3, 28))}, r"x_train have shape .28, 28., those of x_test .28,."),
        ({"y_test": np.zeros((3, 1))}, r"y_train have shape .., those of y_test .1,."),
    ],
)
def test_data_names_the_array_that_is_wrong(change: Arrays, message: str) -> None:
    with pytest.raises(DataError, match=f"^data 'own': .*{message}"):
        Data("own", **(small() | change))
