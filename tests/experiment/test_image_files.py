"""Files of images: MNIST's layouts, and readable errors for everything else."""

from __future__ import annotations

import gzip
import io
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bnclaims.errors import DataError
from bnclaims.experiment.image_files import read_images
from tests.image_sets import IDX_NAMES, Arrays, idx, save, save_idx, small

if TYPE_CHECKING:
    pass


def without(key: str) -> Arrays:
    arrays = small()
    del arrays[key]
    return arrays


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (without("x_test"), r"no x_test among \[x_train, y_train, y_test\]; expected an .npz file"),
        ({}, r"no x_train, y_train, x_test, y_test among \[\]"),
        (small() | {"x_train": np.zeros((5, 28, 28))}, "x_train is float64 of .*expected uint8"),
        (small() | {"x_test": np.zeros((3, 784), np.uint8)}, r"x_test is uint8 of shape \(3, 784"),
        (small() | {"y_train": np.zeros(5)}, "y_train is float64 .*expected integer labels"),
        (small() | {"y_train": np.eye(5, dtype=int)}, r"y_train is int64 of shape \(5, 5\)"),
        (small() | {"y_test": np.array([0, 1, 10])}, "y_test holds labels from 0 to 10; expected"),
        (small() | {"y_test": np.array([-1, 1, 1])}, "y_test holds labels from -1 to 1; expected"),
        (small() | {"y_test": np.array([1, 1])}, "x_test has 3 images and y_test has 2 labels"),
        (small(test=0), "x_test is empty; expected at least one image"),
        (small() | {"y_test": np.array([1, "a", None])}, "Python objects, refused because unpick"),
    ],
)
def test_arrays_of_another_kind_are_refused(tmp_path: Path, arrays: Arrays, message: str) -> None:
    path = save(tmp_path / "set.npz", arrays)
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}: .*{message}") as caught:
        read_images(path, "custom")
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith("Replace it with an intact copy.")


def npz() -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **small())
    return file.getvalue()


def npy() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


def zip_of(name: str, content: bytes) -> bytes:
    import zipfile

    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for key in IDX_NAMES:
            archive.writestr(name.format(key), content)
    return file.getvalue()


def corrupted() -> bytes:
    raw = bytearray(npz())
    raw[2_000:2_010] = b"0123456789"
    return bytes(raw)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a zip file; expected an .npz file with the arrays x_train, y_train"),
        (b"hello", "not a zip file"),
        (npy(), "not a zip file"),
        (npz()[:3_000], "a truncated zip file"),
        (corrupted(), "(Bad CRC-32|Error -3|invalid)"),
        (zip_of("{}", b"raw"), "x_train is no array"),
        (zip_of("{}.npy", b"\x93NUMPY\x01\x00"), "expected an .npz file"),
        (zip_of("{}.npy", b"raw"), "(x_train is no array|magic)"),
    ],
)
def test_a_damaged_npz_is_a_readable_error(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "set.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}: .*{message}") as caught:
        read_images(path, "custom")
    assert "\n" not in str(caught.value)


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data(), st.booleans(), st.booleans())
def test_no_damage_escapes_as_another_error(
    tmp_path: Path, draw: st.DataObject, packed: bool, cut: bool
) -> None:
    if packed:
        raw = npz()
    else:
        file = io.BytesIO()
        np.savez(file, **small())
        raw = file.getvalue()
    at = draw.draw(st.integers(0, len(raw) - 1) | st.integers(len(raw) - 400, len(raw) - 1))
    byte = draw.draw(st.integers(0, 255))
    path = tmp_path / "set.npz"
    path.write_bytes(raw[:at] if cut else raw[:at] + bytes([byte]) + raw[at + 1 :])
    stamp = time.time_ns()
    os.utime(path, ns=(stamp, stamp))
    try:
        assert read_images(path, "custom").x_train.shape[1:] == (28, 28)
    except DataError as error:
        assert str(path) in str(error)  # noqa: PT017


@pytest.mark.parametrize(
    ("key", "content", "message"),
    [
        ("x_train", b"", r"begins with nothing, not 00000803; expected an IDX file .* 3 dim"),
        (
            "y_train",
            b"\0\0\x08\x03",
            r"begins with 00000803, not 00000801; expected .* 1 dimension",
        ),
        ("x_test", b"\0\0\x0d\x03" + bytes(12), "begins with 00000d03"),
        ("x_test", idx(small()["x_test"])[:9], "only 9 bytes"),
        ("x_test", idx(small()["x_test"])[:-1], r"2367 bytes, but 2368 for its shape \(3, 28, 28"),
        ("y_test", idx(small()["y_test"]) + b"x", r"12 bytes, but 11 for its shape \(3,\)"),
        ("x_test", b"\0\0\x08\x03" + b"\xff" * 12, r"16 bytes, but 79228162\d+ for"),
        # Without a time in it, which would make another test's name of it in each worker.
        (
            "y_test",
            gzip.compress(idx(small()["y_test"]), mtime=0)[:-9],
            "ended before the end-of-stream",
        ),
        ("y_test", b"\x1f\x8b" + b"x" * 30, "(Unknown compression|Error -3)"),
        ("y_train", idx(np.arange(5, 11, dtype=np.uint8)), "labels"),
        ("y_train", None, "no train-labels-idx1-ubyte; expected MNIST's four IDX files"),
    ],
)
def test_a_damaged_idx_folder_is_a_readable_error(
    tmp_path: Path, key: str, content: bytes | None, message: str
) -> None:
    folder = save_idx(tmp_path / "idx", small())
    path = folder / IDX_NAMES[key]
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=f"^{re.escape(str(folder))}.*: .*{message}") as caught:
        read_images(folder, "custom")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["npz", "idx", "folder"])
def test_a_file_without_permission_is_a_readable_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    # By patching, because root may read everything.
    def refuse(path: Path, *args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    if kind == "npz":
        path = save(tmp_path / "set.npz", small())
    else:
        path = save_idx(tmp_path / "idx", small())
    for way in ("open", "read_bytes", *(["is_file"] if kind == "folder" else [])):
        monkeypatch.setattr(Path, way, refuse)
    with pytest.raises(DataError, match=r": Permission denied; expected .* Make it readable"):
        read_images(path, "custom")


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_is_no_file_is_refused_before_it_is_read(tmp_path: Path, kind: str) -> None:
    """A pipe was waited for, and /dev/zero read, for ever."""
    path = Path("/dev/zero")
    if kind == "pipe":
        path = tmp_path / "pipe"
        os.mkfifo(path)
    with pytest.raises(DataError, match="a pipe or a device; expected a file or a folder"):
        read_images(path, "custom")


def test_data_that_unpack_to_too_much_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bnclaims.experiment.image_files._LARGEST", 2**20)
    bomb = np.zeros((2_000, 28, 28), np.uint8)
    labels = np.zeros(2_000, np.uint8)
    np.savez_compressed(
        tmp_path / "bomb.npz", x_train=bomb, y_train=labels, x_test=bomb, y_test=labels
    )
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (tmp_path / f"{name}-ubyte.gz").write_bytes(gzip.compress(bytes(2**21)))
    for choice in (tmp_path / "bomb.npz", tmp_path):
        with pytest.raises(DataError, match="GiB; expected images that fit into memory"):
            read_images(choice, "custom")
