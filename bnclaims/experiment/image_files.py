"""Files of images in MNIST's layouts: Keras's `.npz`, or a folder of the four IDX files."""

from __future__ import annotations

import gzip
import stat
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from bnclaims.errors import DataError
from bnclaims.experiment.data import ARRAYS, Data

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_IDX_FILES = {
    "x_train": "train-images",
    "y_train": "train-labels",
    "x_test": "t10k-images",
    "y_test": "t10k-labels",
}
_GZIP_MAGIC = b"\x1f\x8b"
_ZIP_MAGIC = b"PK\x03\x04"
_LARGEST = 2**31
"""The most bytes that a file of images may hold when it is unpacked."""

REPLACE = "Replace it with an intact copy."
"""What to do about a damaged file where nothing better is known."""

_PERMIT = "Make it readable, or choose other data."


def read_images(path: Path, name: str) -> Data:
    """Reads and checks a set of images.

    Args:
        path: An `.npz` file with the arrays of Keras's MNIST, or a folder of the four IDX files.
        name: What the data are called in a report.

    Returns:
        Images, uint8 of shape (n, 28, 28), and their labels, 0 to 9; read-only.

    Raises:
        DataError: The files are missing, unreadable, damaged, of another kind or too large.
    """
    try:
        mode = path.stat().st_mode  # what is not there is no damaged file
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # a pipe or a device may have no end
            raise unfit(path, "a pipe or a device", "a file or a folder", "Copy it to a file.")
        arrays: dict[str, Any] = {**_images(path)}
    except OSError as error:
        raise unfit(path, cause(error), "a readable file or folder", _PERMIT) from error
    return Data(name, **arrays)


def _images(path: Path) -> dict[str, NDArray[Any]]:
    arrays = _read_folder(path) if path.is_dir() else _read_npz(path)
    for part in ("train", "test"):
        inputs, labels = arrays[f"x_{part}"], arrays[f"y_{part}"]
        if inputs.dtype != np.uint8 or inputs.ndim != 3 or inputs.shape[1:] != (28, 28):
            raise unfit(path, f"x_{part} is {_kind(inputs)}", "uint8 of shape (n, 28, 28)")
        if labels.dtype.kind not in "iu" or labels.ndim != 1:
            raise unfit(path, f"y_{part} is {_kind(labels)}", "integer labels of shape (n,)")
        if len(inputs) != len(labels):
            found = f"x_{part} has {len(inputs)} images and y_{part} has {len(labels)} labels"
            raise unfit(path, found, "one label per image")
        if not len(inputs):
            raise unfit(path, f"x_{part} is empty", "at least one image")
        if labels.min() < 0 or labels.max() > 9:
            found = f"y_{part} holds labels from {labels.min()} to {labels.max()}"
            raise unfit(path, found, "labels 0 to 9")
    for array in arrays.values():
        # One claim that scaled its images in place would silently change the next one's.
        array.flags.writeable = False
    return arrays


def _read_npz(path: Path) -> dict[str, NDArray[Any]]:
    expected = f"an .npz file with the arrays {', '.join(ARRAYS)}"
    try:
        with path.open("rb") as file:
            head = file.read(len(_ZIP_MAGIC))
            if not zipfile.is_zipfile(file):
                found = "a truncated zip file" if head == _ZIP_MAGIC else "not a zip file"
                raise unfit(path, found, expected)
            with zipfile.ZipFile(file) as packed:
                _check_size(path, sum(part.file_size for part in packed.infolist()))
            file.seek(0)
            with np.load(file, allow_pickle=False) as archive:
                missing = [key for key in ARRAYS if key not in archive.files]
                if missing:
                    found = f"no {', '.join(missing)} among [{', '.join(archive.files)}]"
                    raise unfit(path, found, expected)
                arrays = {key: archive[key] for key in ARRAYS}
    except DataError:
        raise
    except PermissionError as error:
        raise unfit(path, cause(error), expected, _PERMIT) from error
    except Exception as error:
        # A damaged file fails in any of a dozen ways, deep in zipfile and NumPy.
        if "pickle" in str(error) or "Object arrays" in str(error):
            found = "an array of Python objects, refused because unpickling can run any code"
            raise unfit(path, found, expected) from error
        raise unfit(path, cause(error), expected) from error
    for key, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise unfit(path, f"{key} is no array", expected)
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
            raise unfit(folder, f"no {names[0]}", "MNIST's four IDX files, gzipped (.gz) or not")
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
        raise unfit(path, cause(error), expected, _PERMIT) from error
    except (OSError, EOFError, zlib.error) as error:
        raise unfit(path, cause(error), expected) from error
    start = 4 + 4 * rank
    magic = bytes((0, 0, 8, rank))
    if not raw.startswith(magic):
        raise unfit(path, f"begins with {raw[:4].hex() or 'nothing'}, not {magic.hex()}", expected)
    if len(raw) < start:
        raise unfit(path, f"only {len(raw)} bytes", expected)
    shape = tuple(int(size) for size in np.frombuffer(raw, ">u4", rank, offset=4))
    size = start + int(np.prod(shape, dtype=object))
    if len(raw) != size:
        raise unfit(path, f"{len(raw)} bytes, but {size} for its shape {shape}", expected)
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)


def _check_size(path: Path, size: int) -> None:
    if size > _LARGEST:
        raise unfit(path, f"more than {_LARGEST / 2**30:g} GiB", "images that fit into memory")


# Messages


def unfit(path: Path, found: str, expected: str, remedy: str = REPLACE) -> DataError:
    """Returns the error that says what was found in a file, what was expected, and what to do."""
    return DataError(f"{path}: {found}; expected {expected}. {remedy}")


def cause(error: BaseException) -> str:
    """Returns an exception's message in one line, without the path that an OSError repeats."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split()) or type(error).__name__


def _kind(array: NDArray[Any]) -> str:
    return f"{array.dtype} of shape {array.shape}"
