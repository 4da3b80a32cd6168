"""The data that claims are trained on: where they come from, and a fingerprint of what they are.

A `DataSource` says in strings which data were chosen, so that it can be sent to another process;
a `Data` holds the arrays. Nothing here imports TensorFlow or Keras: MNIST is downloaded by a
subprocess, so that a run whose results are all cached stays fast.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import numpy as np
from filelock import FileLock, Timeout

from bnclaims.errors import DataError
from bnclaims.experiment import digits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    Arrays = Any
    """An array, or a tuple or dictionary of arrays, as `fit` takes them."""

_HOST = "storage.googleapis.com"
_URL = f"https://{_HOST}/tensorflow/tf-keras-datasets/mnist.npz"
# The fingerprint of the arrays in that file. Keras checks the hash of the file as it downloads it;
# this one also knows a copy that was packed otherwise.
_MNIST = "e5ea4841dd6fde90b155843179ce5756a4864227194eec7fb09d7cfc4cf702a5"
_DOWNLOAD_SECONDS = 180.0  # 11 MB over a slow line, and TensorFlow's import
_DIGITS_FILE = "digits-v1.npz"  # another algorithm in digits.py, another number

_ARRAYS = ("x_train", "y_train", "x_test", "y_test")
_IDX_FILES = {
    "x_train": "train-images",
    "y_train": "train-labels",
    "x_test": "t10k-images",
    "y_test": "t10k-labels",
}
_GZIP_MAGIC = b"\x1f\x8b"
_ZIP_MAGIC = b"PK\x03\x04"
_REPLACE = "Replace it with an intact copy."
_LARGEST = 2**31
"""The most bytes that a file of images may hold when it is unpacked."""

_PERMIT = "Make it readable, or choose other data."


class _DownloadError(DataError):
    """MNIST could not be fetched, which `auto` survives, unlike a corrupt file."""


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
        for key, value in self._given():
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
        train: Iterable[Any],
        test: Iterable[Any],
        *,
        limit: int = 2**31,
        **data: Any,
    ) -> Data:
        """Reads finite datasets of batches, such as `tf.data` ones or generators, into arrays.

        Args:
            name: What the data are called in a report.
            train: Yields `(x, y)` or `(x, y, sample_weight)`, as `fit` takes them; read once.
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
        given = [(key, getattr(self, key)) for key in (*_ARRAYS, *weights)]
        return [(key, value) for key, value in given if key in _ARRAYS or value is not None]

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


def _read_batches(where: str, batches: Iterable[Any], limit: int) -> tuple[Any, ...]:
    """Returns the inputs, labels and, if there are any, weights of all batches as arrays."""
    read: list[tuple[Any, ...]] = []
    size = 0
    for batch in batches:
        if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
            raise DataError(f"{where} yields {type(batch).__name__}; expected (x, y) or (x, y, w).")
        read.append(tuple(mapped(np.asarray, part) for part in batch))
        size += sum(array.nbytes for part in read[-1] for _, array in leaves(part, ""))
        if size > limit:
            raise DataError(
                f"{where} is more than {limit / 2**20:,.0f} MiB after {len(read)} batches; "
                "expected a finite dataset that fits. Take fewer batches, or raise limit=."
            )
    if not read:
        raise DataError(f"{where} yields nothing; expected batches (x, y).")
    return tuple(_joined(parts) for parts in zip(*read, strict=True))


def _joined(parts: Sequence[Any]) -> Any:
    if isinstance(parts[0], dict):
        return {key: _joined([part[key] for part in parts]) for key in parts[0]}
    if isinstance(parts[0], tuple):
        return tuple(_joined(items) for items in zip(*parts, strict=True))
    return np.concatenate(parts)


@dataclass(frozen=True)
class DataSource:
    """Which data were chosen, where they lie, and why.

    Attributes:
        name: "mnist", "digits" or "custom".
        path: An `.npz` file or a folder of IDX files, absolute.
        note: One line for a report's header.
        fingerprint: That of the arrays, as they were when the source was found.
    """

    name: str
    path: Path
    note: str
    fingerprint: str

    @cached_property
    def size(self) -> int:
        """How many training images there are; read once.

        Raises:
            DataError: As `load`.
        """
        return self.load().size

    def load(self) -> Data:
        """Read the arrays, anew each time; they are read-only.

        Returns:
            Images, uint8 of shape (n, 28, 28), and their labels, 0 to 9.

        Raises:
            DataError: The files are missing, unreadable, damaged, of another kind, or no longer
                what they were when the source was found.
        """
        data = _load(self.path, self.name)
        if data.fingerprint != self.fingerprint:
            found = f"changed since this session began, to {_hashed(data.fingerprint)}"
            raise _bad(self.path, found, _hashed(self.fingerprint), "Start again.")
        return data

    def to_strings(self) -> dict[str, str]:
        """The source as plain strings, for another process."""
        plain = {"name": self.name, "path": str(self.path), "note": self.note}
        return plain | {"fingerprint": self.fingerprint}

    @classmethod
    def from_strings(cls, strings: Mapping[str, str]) -> DataSource:
        """The source that `to_strings` was called on."""
        path, fingerprint = Path(strings["path"]), strings["fingerprint"]
        return cls(strings["name"], path, strings["note"], fingerprint)


def resolve(choice: str, *, cache: Path, timeout: float = 5.0) -> DataSource:
    """Find the data to train on, downloading or generating them if need be.

    Args:
        choice: "auto": MNIST if it is available within reasonable time, else the embedded digits;
            "mnist"; "digits"; or a path: an `.npz` file in Keras's layout or a folder with the four
            IDX files, gzipped or not.
        cache: Folder for the generated digits and for locks; made if missing.
        timeout: Seconds that "auto" waits for the download host to answer.

    Returns:
        The source, whose files were read and found good.

    Raises:
        DataError: The choice is none of these, or its data cannot be loaded.
    """
    cache = cache.absolute()
    if choice == "auto":
        return _auto(cache, timeout)
    if choice == "digits":
        return _digits(cache, "as chosen")
    if choice == "mnist":
        try:
            return _mnist(cache)
        except _DownloadError as error:
            raise DataError(
                f"{_keras_file()}: no MNIST there, and it could not be downloaded ({error}). "
                f"Put a copy of {_URL} there, choose the path of a copy, or choose digits."
            ) from error
    return _chosen(choice)


def _auto(cache: Path, timeout: float) -> DataSource:
    """MNIST if it is available within reasonable time, else the embedded digits."""
    reason = _unreachable(timeout) if _absent(_keras_file()) else ""
    if not reason:
        try:
            return _mnist(cache)
        except _DownloadError as error:
            reason = str(error)
    return _digits(cache, f"because MNIST is unavailable ({reason})")


def _chosen(choice: str) -> DataSource:
    """The user's own file or folder, which may well hold MNIST."""
    path = _expand(choice)
    if not choice or _absent(path):
        raise DataError(
            f"unknown data {choice!r}: expected auto, mnist, digits, or the path of an .npz file "
            f"or of a folder with MNIST's four IDX files. Nothing exists at {path}."
        )
    data = _load(path, "custom")
    if data.fingerprint == _MNIST:
        return DataSource("mnist", path, f"MNIST from {path}", _MNIST)
    counts = f"{len(data.x_train)} training and {len(data.x_test)} test images"
    note = f"custom data from {path} ({counts}): NOT MNIST"
    return DataSource("custom", path, note, data.fingerprint)


# MNIST


def _keras_file() -> Path:
    """Where Keras keeps MNIST."""
    return _expand(os.environ.get("KERAS_HOME") or "~/.keras") / "datasets" / "mnist.npz"


def _mnist(cache: Path) -> DataSource:
    """MNIST from Keras's cache, downloaded into it first if it is not there."""
    path = _keras_file()
    note = f"MNIST from {path}"
    if _absent(path) and _download(path, cache):
        note = f"MNIST, downloaded to {path}"
    _check_mnist(path, "Delete it, and MNIST is downloaded again.")
    return DataSource("mnist", path, note, _MNIST)


def _check_mnist(path: Path, remedy: str) -> None:
    try:
        found = _load(path, "mnist").fingerprint
    except DataError as error:
        raise DataError(str(error).replace(_REPLACE, remedy)) from error
    if found != _MNIST:
        raise _bad(path, _hashed(found), f"MNIST's with {_MNIST[:12]}...", remedy)


def _download(path: Path, cache: Path) -> bool:
    """Have Keras download MNIST, and move it to `path` once it is whole and verified.

    Keras writes a download straight to its final path, where a run that was interrupted would leave
    half a file; so it is made to write into a temporary folder.

    Returns:
        Whether it was downloaded, rather than by another process in the meantime.

    Raises:
        _DownloadError: It was not, for whatever reason.
    """
    try:
        with _locked(cache, "mnist.lock"):
            if not _absent(path):
                return False
            with tempfile.TemporaryDirectory(prefix="mnist-", dir=cache) as home:
                _run_keras(home)
                fetched = Path(home) / "datasets" / "mnist.npz"
                _check_mnist(fetched, "Try again later.")
                _write(path, lambda draft: shutil.copyfile(fetched, draft))
    except (DataError, OSError) as error:
        raise _DownloadError(_cause(error)) from error
    return True


def _run_keras(home: str) -> None:
    """Download MNIST in another process, which alone imports TensorFlow."""
    code = "import keras; keras.datasets.mnist.load_data()"
    try:
        done = subprocess.run(  # noqa: S603  # our own interpreter and code
            [sys.executable, "-P", "-c", code],
            env=os.environ | {"KERAS_HOME": home, "TF_CPP_MIN_LOG_LEVEL": "3"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_DOWNLOAD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _DownloadError(f"the download took more than {_DOWNLOAD_SECONDS:g} s") from None
    except OSError as error:
        raise _DownloadError(f"{sys.executable} did not start: {_cause(error)}") from error
    if done.returncode:
        last = (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[-1]
        raise _DownloadError(f"Keras said: {last.strip()}")


def _unreachable(seconds: float) -> str:
    """Why the download host, or the proxy to it, does not answer; empty if it does."""
    host, port = _HOST, 443
    proxy = getproxies().get("https")
    if proxy and not proxy_bypass(_HOST):
        parts = urlsplit(proxy if "//" in proxy else f"//{proxy}")
        host, port = parts.hostname or _HOST, parts.port or 80
    answers: list[str] = []

    def probe() -> None:
        try:
            # Half the time each, as a host may have an address of each family.
            socket.create_connection((host, port), timeout=seconds / 2).close()
        except OSError as error:
            answers.append(f"no network: {host} cannot be reached, {_cause(error)}")
        else:
            answers.append("")

    # In a thread, because looking up a name knows no time limit.
    thread = threading.Thread(target=probe, daemon=True)
    thread.start()
    thread.join(seconds)
    return answers[0] if answers else f"no network: no answer from {host} within {seconds:g} s"


# The embedded digits


def _digits(cache: Path, reason: str) -> DataSource:
    """The embedded digits, generated if the cache does not hold them yet, or not intact."""
    path = cache / _DIGITS_FILE
    data = _intact_digits(path)
    if not data:
        with _locked(cache, f"{_DIGITS_FILE}.lock"):
            data = _intact_digits(path)
            if not data:
                arrays: dict[str, Any] = {**digits.make_digits()}
                _write(path, lambda draft: _save(draft, arrays))
                data = Data("digits", **arrays)
    note = f"embedded digits, {reason}: NOT MNIST"
    return DataSource("digits", path, note, data.fingerprint)


def _save(draft: Path, arrays: Mapping[str, NDArray[np.uint8]]) -> None:
    with draft.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def _intact_digits(path: Path) -> Data | None:
    try:
        data = _load(path, "digits")
    except DataError:
        return None
    intact = (len(data.x_train), len(data.x_test)) == (digits.TRAIN_COUNT, digits.TEST_COUNT)
    return data if intact else None


# Files


def _expand(path: str) -> Path:
    """An absolute path, in which a `~` stays where there is no home folder."""
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError:
        return Path(path).absolute()


def _absent(path: Path) -> bool:
    """Whether nothing is there. What is there but out of reach is reported when it is read."""
    try:
        path.stat()
    except PermissionError:
        return False
    except (OSError, ValueError):
        return True
    return False


@contextmanager
def _locked(cache: Path, name: str) -> Iterator[None]:
    """Keep other processes from making the same file, and make the folder first."""
    lock = FileLock(cache / name)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=_DOWNLOAD_SECONDS + 60)
    except Timeout:
        raise DataError(
            f"{lock.lock_file}: another process holds this lock; expected it to finish within "
            f"{_DOWNLOAD_SECONDS + 60:g} s. Stop that process and try again."
        ) from None
    except OSError as error:
        raise DataError(
            f"{cache}: {_cause(error)}; expected a folder to write to. Choose another cache folder."
        ) from error
    try:
        yield
    finally:
        lock.release()


def _write(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file under another name and move it to `path`, which is never half written."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write(draft)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(
            f"{path}: {_cause(error)}; expected to write the data there. "
            "Make room, or make the folder writable."
        ) from error


def _load(path: Path, name: str) -> Data:
    """Read and check a set of images."""
    try:
        mode = path.stat().st_mode  # what is not there is no damaged file
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # a pipe or a device may have no end
            raise _bad(path, "a pipe or a device", "a file or a folder", "Copy it to a file.")
        arrays: dict[str, Any] = {**_images(path)}
    except OSError as error:
        raise _bad(path, _cause(error), "a readable file or folder", _PERMIT) from error
    return Data(name, **arrays)


def _images(path: Path) -> dict[str, NDArray[Any]]:
    arrays = _read_folder(path) if path.is_dir() else _read_npz(path)
    for part in ("train", "test"):
        inputs, labels = arrays[f"x_{part}"], arrays[f"y_{part}"]
        if inputs.dtype != np.uint8 or inputs.ndim != 3 or inputs.shape[1:] != (28, 28):
            raise _bad(path, f"x_{part} is {_kind(inputs)}", "uint8 of shape (n, 28, 28)")
        if labels.dtype.kind not in "iu" or labels.ndim != 1:
            raise _bad(path, f"y_{part} is {_kind(labels)}", "integer labels of shape (n,)")
        if len(inputs) != len(labels):
            found = f"x_{part} has {len(inputs)} images and y_{part} has {len(labels)} labels"
            raise _bad(path, found, "one label per image")
        if not len(inputs):
            raise _bad(path, f"x_{part} is empty", "at least one image")
        if labels.min() < 0 or labels.max() > 9:
            found = f"y_{part} holds labels from {labels.min()} to {labels.max()}"
            raise _bad(path, found, "labels 0 to 9")
    for array in arrays.values():
        # One claim that scaled its images in place would silently change the next one's.
        array.flags.writeable = False
    return arrays


def _read_npz(path: Path) -> dict[str, NDArray[Any]]:
    expected = f"an .npz file with the arrays {', '.join(_ARRAYS)}"
    try:
        with path.open("rb") as file:
            head = file.read(len(_ZIP_MAGIC))
            if not zipfile.is_zipfile(file):
                found = "a truncated zip file" if head == _ZIP_MAGIC else "not a zip file"
                raise _bad(path, found, expected)
            with zipfile.ZipFile(file) as packed:
                _check_size(path, sum(part.file_size for part in packed.infolist()))
            file.seek(0)
            with np.load(file, allow_pickle=False) as archive:
                missing = [key for key in _ARRAYS if key not in archive.files]
                if missing:
                    found = f"no {', '.join(missing)} among [{', '.join(archive.files)}]"
                    raise _bad(path, found, expected)
                arrays = {key: archive[key] for key in _ARRAYS}
    except DataError:
        raise
    except PermissionError as error:
        raise _bad(path, _cause(error), expected, _PERMIT) from error
    except Exception as error:
        # A damaged file fails in any of a dozen ways, deep in zipfile and NumPy.
        if "pickle" in str(error) or "Object arrays" in str(error):
            found = "an array of Python objects, refused because unpickling can run any code"
            raise _bad(path, found, expected) from error
        raise _bad(path, _cause(error), expected) from error
    for key, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise _bad(path, f"{key} is no array", expected)
    return arrays


def _idx_files(folder: Path) -> dict[str, Path]:
    """The four IDX files of a folder, under any of the names in use."""
    files = {}
    for key, stem in _IDX_FILES.items():
        rank = 3 if key.startswith("x") else 1
        names = [f"{stem}{mark}idx{rank}-ubyte" for mark in "-."]
        names += [f"{name}.gz" for name in names]
        found = [folder / name for name in names if (folder / name).is_file()]
        if not found:
            raise _bad(folder, f"no {names[0]}", "MNIST's four IDX files, gzipped (.gz) or not")
        files[key] = found[0]
    return files


def _read_folder(folder: Path) -> dict[str, NDArray[Any]]:
    return {
        key: _read_idx(path, 3 if key.startswith("x") else 1)
        for key, path in _idx_files(folder).items()
    }


def _read_idx(path: Path, rank: int) -> NDArray[np.uint8]:
    """Read an IDX file of bytes: 0, 0, type 8, rank, the big-endian sizes, then the values.

    The format is described at http://yann.lecun.com/exdb/mnist/.
    """
    expected = f"an IDX file of unsigned bytes with {rank} dimension{'s' * (rank > 1)}"
    try:
        raw = path.read_bytes()
        if raw.startswith(_GZIP_MAGIC):
            with gzip.open(path) as file:
                raw = file.read(_LARGEST + 1)
            _check_size(path, len(raw))
    except PermissionError as error:
        raise _bad(path, _cause(error), expected, _PERMIT) from error
    except (OSError, EOFError, zlib.error) as error:
        raise _bad(path, _cause(error), expected) from error
    start = 4 + 4 * rank
    magic = bytes((0, 0, 8, rank))
    if not raw.startswith(magic):
        raise _bad(path, f"begins with {raw[:4].hex() or 'nothing'}, not {magic.hex()}", expected)
    if len(raw) < start:
        raise _bad(path, f"only {len(raw)} bytes", expected)
    shape = tuple(int(size) for size in np.frombuffer(raw, ">u4", rank, offset=4))
    size = start + int(np.prod(shape, dtype=object))
    if len(raw) != size:
        raise _bad(path, f"{len(raw)} bytes, but {size} for its shape {shape}", expected)
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)


def _check_size(path: Path, size: int) -> None:
    if size > _LARGEST:
        raise _bad(path, f"more than {_LARGEST / 2**30:g} GiB", "images that fit into memory")


# Messages


def _bad(path: Path, found: str, expected: str, remedy: str = _REPLACE) -> DataError:
    return DataError(f"{path}: {found}; expected {expected}. {remedy}")


def _cause(error: BaseException) -> str:
    """An exception's message in one line, without the path that an OSError repeats."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split()) or type(error).__name__


def _hashed(fingerprint: str) -> str:
    return f"arrays with the SHA-256 {fingerprint[:12]}..."


def _kind(array: NDArray[Any]) -> str:
    return f"{array.dtype} of shape {array.shape}"


def _check_array(where: str, array: object) -> None:
    if not isinstance(array, np.ndarray) or isinstance(array, np.ma.MaskedArray):
        raise DataError(f"{where} is a {type(array).__name__}; expected a NumPy array.")
    if array.dtype.kind not in "biuf":
        raise DataError(f"{where} has type {array.dtype}; expected numbers.")
    if array.size == 0 or array.ndim == 0:
        raise DataError(f"{where} has shape {array.shape}; expected at least one entry.")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        bad = int(np.count_nonzero(~np.isfinite(array)))
        raise DataError(f"{where} holds {bad} NaN or infinite values; expected finite numbers.")
