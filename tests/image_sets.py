"""Small sets of images, and the files that hold them, which tests of the data share."""

from __future__ import annotations

import gzip
import struct
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

Arrays = dict[str, Any]
IDX_NAMES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}


def small(seed: int = 0, train: int = 5, test: int = 3) -> Arrays:
    rng = np.random.default_rng(seed)
    return {
        "x_train": rng.integers(0, 256, (train, 28, 28)).astype(np.uint8),
        "y_train": rng.integers(0, 10, train).astype(np.uint8),
        "x_test": rng.integers(0, 256, (test, 28, 28)).astype(np.uint8),
        "y_test": rng.integers(0, 10, test).astype(np.uint8),
    }


def save(path: Path, arrays: Arrays) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        np.savez(file, **arrays)  # a key could be allow_pickle
    return path


def idx(array: NDArray[Any]) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def save_idx(folder: Path, arrays: Arrays, mark: str = "-", *, zipped: bool = False) -> Path:
    folder.mkdir(exist_ok=True)
    for key, name in IDX_NAMES.items():
        raw = idx(arrays[key])
        path = folder / (name.replace("-idx", f"{mark}idx") + ".gz" * zipped)
        path.write_bytes(gzip.compress(raw) if zipped else raw)
    return folder
