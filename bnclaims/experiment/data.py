"""The data that claims are trained on, with a fingerprint of what they are."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from bnclaims.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    Arrays = Any
    """An array, or a tuple or dictionary of arrays, as `fit` takes them."""

ARRAYS = ("x_train", "y_train", "x_test", "y_test")


@dataclass(frozen=True, eq=False)
class Data:
    """A training and a test set.

    The arrays are copied, so that what is trained on stays what the fingerprint is of. Two objects
    are equal only if they are the same object; compare `fingerprint` for content.

    Inputs that are bytes (`uint8`) are taken for intensities and divided by 255, training and test
    inputs alike, except where they feed a layer that takes numbers as they are: an `Embedding`,
    `Rescaling`, `Normalization` or an encoding of categories. All other inputs stay as they are.

    Attributes:
        name: What the data are called in a report.
        x_train: Inputs, one per row of any shape; numeric. For a model of several inputs a tuple or
            a dictionary of arrays, as `fit` takes it; so for all below.
        y_train: Labels or targets, one per input; numeric.
        x_test: Inputs, of as many dimensions as those in `x_train`.
        y_test: Labels or targets, of as many dimensions as those in `y_train`.
        sample_weight_train: Weight of each training example in the loss, as `fit` takes it.
        sample_weight_test: Weight of each test example, as `validation_data` takes it.
        scale: Whether bytes are divided by 255, where the rule above is not what is meant.

    Raises:
        DataError: An array is no numeric array, is empty, holds NaN or infinity, or does not fit
            the others; or bytes are all 0 and 1, and `scale` does not say what they are.
    """

    name: str
    x_train: Arrays = field(repr=False)
    y_train: Arrays = field(repr=False)
    x_test: Arrays = field(repr=False)
    y_test: Arrays = field(repr=False)
    sample_weight_train: Arrays | None = field(default=None, repr=False)
    sample_weight_test: Arrays | None = field(default=None, repr=False)
    scale: bool | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.scale not in (None, True, False):
            raise DataError(f"data {self.name!r}: scale={self.scale!r}; expected True or False.")
        for key, value in self._given():
            if not list(leaves(value, key)):
                raise DataError(f"data {self.name!r}: {key} is empty; expected at least one array.")
            for place, array in leaves(value, key):
                _check_array(f"data {self.name!r}: {place}", array)
            object.__setattr__(self, key, mapped(_frozen, value))
        for part in ("train", "test"):
            self._check_rows(part)
        for axis in ("x", "y", "sample_weight"):
            self._check_parts(axis)
        if self.scale is None:
            self._check_bytes()

    @classmethod
    def from_batches(
        cls,
        name: str,
        train: Any,
        test: Any,
        *,
        limit: int = 2**31,
        **data: Any,
    ) -> Data:
        """Reads finite datasets of batches, such as `tf.data` ones or generators, into arrays.

        Args:
            name: What the data are called in a report.
            train: Yields `(x, y)` or `(x, y, sample_weight)`, as `fit` takes them, or has these by
                number, as a `keras.utils.PyDataset`; read once.
            test: Likewise.
            limit: The most bytes to read of either, 2 GiB by default.
            **data: Other attributes, such as `scale`.

        Raises:
            DataError: The batches are of no such form, or hold more bytes than the limit.
        """
        columns: dict[str, Any] = {}
        for part, batches in (("train", train), ("test", test)):
            read = _read_batches(f"data {name!r}: {part}", batches, limit)
            names = ("x", "y", "sample_weight")
            columns |= {f"{key}_{part}": value for key, value in zip(names, read, strict=False)}
        return cls(name, **columns, **data)

    def _given(self) -> list[tuple[str, Any]]:
        weights = ("sample_weight_train", "sample_weight_test")
        given = [(key, getattr(self, key)) for key in (*ARRAYS, *weights)]
        return [(key, value) for key, value in given if key in ARRAYS or value is not None]

    def _check_rows(self, part: str) -> None:
        keys = (f"x_{part}", f"y_{part}", f"sample_weight_{part}")
        columns = [leaf for k, v in self._given() if k in keys for leaf in leaves(v, k)]
        (first, rows), *others = [(place, len(array)) for place, array in columns]
        for place, count in others:
            if count != rows:
                raise DataError(
                    f"data {self.name!r}: {first} has {rows} entries and {place} has {count}; "
                    "expected one label per input."
                )

    def _check_parts(self, axis: str) -> None:
        train, test = getattr(self, f"{axis}_train"), getattr(self, f"{axis}_test")
        if train is None or test is None:
            return
        pairs = list(zip_longest(leaves(train, f"{axis}_train"), leaves(test, f"{axis}_test")))
        if any(None in pair or _within(pair[0][0]) != _within(pair[1][0]) for pair in pairs):
            raise DataError(
                f"data {self.name!r}: {axis}_train and {axis}_test are not made of the same parts."
            )
        for (place, ours), (other, theirs) in pairs:
            if ours.ndim != theirs.ndim:
                raise DataError(
                    f"data {self.name!r}: the entries of {place} have shape {ours.shape[1:]}, "
                    f"those of {other} {theirs.shape[1:]}; expected one shape."
                )
            if axis == "x" and (ours.dtype == np.uint8) != (theirs.dtype == np.uint8):
                raise DataError(
                    f"data {self.name!r}: {place} is {ours.dtype} and {other} is {theirs.dtype}, "
                    "but only bytes are divided by 255; give both as bytes or neither."
                )

    def _check_bytes(self) -> None:
        for place, array in leaves(self.x_train, "x_train"):
            if array.dtype == np.uint8 and (array.min(), array.max()) == (0, 1):
                raise DataError(
                    f"data {self.name!r}: {place} is bytes of 0 and 1 only; say scale=False if "
                    "they are to stay so, or scale=True to have them divided by 255 as intensities."
                )

    @property
    def note(self) -> str:
        """One line for whoever reads a result."""
        return f"the claim's own data {self.name!r}"

    @property
    def size(self) -> int:
        """How many training examples there are."""
        return rows(self.x_train)

    def load(self) -> Data:
        """The data themselves, so that they stand where a `DataSource` can."""
        return self

    def first(self, count: int | None) -> Data:
        """The same data with the first training examples only, all of them for None.

        Raises:
            DataError: There are fewer.
        """
        if count is None:
            return self
        if count > self.size:
            raise DataError(f"{self.name} has {self.size} training images, not {count}")
        train = [key for key, _ in self._given() if key.endswith("_train")]
        parts = {key: mapped(lambda a: a[:count], getattr(self, key)) for key in train}
        return replace(self, **parts)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 in hex over each array's name, type, shape and bytes; not over `name`."""
        digest = hashlib.sha256()
        for key, value in self._given():
            for place, leaf in leaves(value, key):
                array = np.ascontiguousarray(leaf)
                digest.update(f"{place} {array.dtype.str} {array.shape}\n".encode())
                digest.update(array.data)
        if self.scale is not None:
            digest.update(f"scale {self.scale}\n".encode())
        return digest.hexdigest()


def leaves(value: Arrays, place: str) -> Iterator[tuple[str, Any]]:
    """Yields the arrays of a structure with their places, such as `x_train['image']`."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, f"{place}[{key!r}]")
    elif isinstance(value, tuple):
        for key, item in enumerate(value):
            yield from leaves(item, f"{place}[{key}]")
    else:
        yield place, value


def mapped(function: Callable[[Any], Any], value: Any) -> Any:
    """Returns a structure of what a function makes of the arrays of another."""
    if isinstance(value, dict):
        return {key: mapped(function, item) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(mapped(function, item) for item in value)
    return function(value)


def rows(value: Arrays) -> int:
    """Returns how many rows the arrays of a structure have."""
    return len(next(leaves(value, ""))[1])


def _within(place: str) -> str:
    return place[place.index("[") :] if "[" in place else ""


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    """Returns an array that nobody else can write to: a copy where somebody can."""
    owner = array
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    if array.flags.writeable or owner.flags.writeable:
        array = array.copy()
        array.flags.writeable = False
    return array


def _read_batches(where: str, batches: Any, limit: int) -> tuple[Any, ...]:
    """Returns the inputs, labels and, if there are any, weights of all batches as arrays."""
    read: list[tuple[Any, ...]] = []
    size = 0
    for batch in _each(where, batches):
        if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
            raise DataError(f"{where} yields {type(batch).__name__}; expected (x, y) or (x, y, w).")
        read.append(tuple(map(_arrays, batch)))
        form = [[place for place, _ in leaves(part, "")] for part in read[-1]]
        if form != [[place for place, _ in leaves(part, "")] for part in read[0]]:
            raise DataError(
                f"{where}: batch {len(read) - 1} is not made of the same parts as the first."
            )
        size += sum(array.nbytes for part in read[-1] for _, array in leaves(part, ""))
        if size > limit:
            raise DataError(
                f"{where} is more than {limit / 2**20:,.0f} MiB after {len(read)} batches; "
                "expected a finite dataset that fits. Take fewer batches, or raise limit=."
            )
    if not read:
        raise DataError(f"{where} yields nothing; expected batches (x, y).")
    try:
        return tuple(_joined(parts) for parts in zip(*read, strict=True))
    except ValueError as error:
        raise DataError(
            f"{where} yields batches that cannot be put together: {error}; expected batches of "
            "rows of one shape. Batch single examples, and pad what varies in length."
        ) from None


def _each(where: str, batches: Any) -> Iterable[Any]:
    """Returns what yields the batches; one that only counts them need not say where it ends.

    Raises:
        DataError: Nothing does.
    """
    if hasattr(batches, "__getitem__") and hasattr(batches, "__len__"):
        return (batches[number] for number in range(len(batches)))
    if not hasattr(batches, "__iter__"):
        raise DataError(
            f"{where} is a {type(batches).__name__}; expected a dataset or a generator of batches."
        )
    return cast("Iterable[Any]", batches)


def _arrays(part: Any) -> Any:
    """Returns a part of a batch as arrays; a list of arrays is several inputs, as `fit` has it."""
    if isinstance(part, dict):
        return {key: _arrays(item) for key, item in part.items()}
    several = isinstance(part, list) and part and hasattr(part[0], "shape")
    if several or isinstance(part, tuple):
        return tuple(map(_arrays, part))
    return np.asarray(part)


def _joined(parts: Sequence[Any]) -> Any:
    if isinstance(parts[0], dict):
        return {key: _joined([part[key] for part in parts]) for key in parts[0]}
    if isinstance(parts[0], tuple):
        return tuple(_joined(items) for items in zip(*parts, strict=True))
    return np.concatenate(parts)


def _check_array(where: str, array: object) -> None:
    if not isinstance(array, np.ndarray) or isinstance(array, np.ma.MaskedArray):
        raise DataError(f"{where} is a {type(array).__name__}; expected a NumPy array.")
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise DataError(f"{where} has type {array.dtype}; expected numbers of at most 64 bits.")
    if array.size == 0 or array.ndim == 0:
        raise DataError(f"{where} has shape {array.shape}; expected at least one entry.")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        bad = int(np.count_nonzero(~np.isfinite(array)))
        raise DataError(f"{where} holds {bad} NaN or infinite values; expected finite numbers.")
