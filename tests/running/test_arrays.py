"""Arrays as bytes: what is packed is unpacked, and NumPy reads it; what is damaged is refused."""

import io
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from numpy.typing import NDArray

from bnclaims.running.arrays import packed, unpacked

array_dicts = st.dictionaries(
    st.text(st.characters(categories=["L", "N"]), min_size=1).map("probes/{}".format),
    arrays_of.arrays(
        st.sampled_from(["f8", "f4", ">i2", "u1", "U3", "?"]),
        arrays_of.array_shapes(min_dims=0, min_side=0),
    ),
)


@given(array_dicts)
def test_arrays_survive_being_packed(arrays: dict[str, NDArray[np.generic]]) -> None:
    back = unpacked(packed(arrays))
    assert list(back) == list(arrays)
    for name, array in arrays.items():
        assert (back[name].dtype, back[name].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(back[name], array)


@given(array_dicts)
def test_the_format_is_numpys(arrays: dict[str, NDArray[np.generic]]) -> None:
    """What NumPy writes is read, and NumPy reads what is written."""
    theirs = io.BytesIO()
    np.savez(theirs, **arrays)  # type: ignore[arg-type]  # a key could be allow_pickle
    for name, array in unpacked(theirs.getvalue()).items():
        np.testing.assert_array_equal(array, arrays[name])
    for name, array in np.load(io.BytesIO(packed(arrays))).items():
        np.testing.assert_array_equal(array, arrays[name])


def test_an_array_in_the_other_order_is_read_and_written() -> None:
    array = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    theirs = io.BytesIO()
    np.savez(theirs, x=array)
    for content in (theirs.getvalue(), packed({"x": array})):
        np.testing.assert_array_equal(unpacked(content)["x"], array)


def test_what_was_read_may_be_changed() -> None:
    back = unpacked(packed({"x": np.zeros(2)}))["x"]
    back[0] = 1.0
    assert back.tolist() == [1.0, 0.0]


def test_objects_are_not_packed() -> None:
    with pytest.raises(ValueError, match=r"^x holds Python objects$"):
        packed({"x": np.array([None])})


def archive(content: bytes, compression: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as parts:
        parts.writestr("x.npy", content)
    return file.getvalue()


def array(header: str, data: bytes = bytes(16)) -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"abc", "not in NumPy's format"),
        (array("{'descr': '|O', 'fortran_order': False, 'shape': (2,)}"), "hold Python objects"),
        (array("{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}"), "16 bytes are no"),
        (array("{'descr': '<f8', 'fortran_order': False, 'shape': (3,)}"), "too small"),
        (array("{'descr': '<f8', 'fortran_order': False, 'shape': (-2,)}"), "negative"),
        (array("{'descr': '<f8', 'fortran_order': False, 'shape': (2**62,)}"), "malformed"),
        (array("{'descr': '<f8', 'fortran_order': False, 'shape': (9999999999,)}"), "too small"),
        (array("{'descr': 'x', 'fortran_order': False, 'shape': (2,)}"), "descr"),
        (array("__import__('os').abort()"), "malformed"),
        (array(" " * 20_000), "header"),
        (b"\x93NUMPY\x01\x00\xff\xff{}", "header"),
    ],
)
def test_no_hostile_array_is_read(content: bytes, why: str) -> None:
    with pytest.raises((ValueError, TypeError), match=why):
        unpacked(archive(content))


def test_nothing_is_decompressed() -> None:
    with pytest.raises(ValueError, match=r"^they are compressed$"):
        unpacked(archive(bytes(2**20), zipfile.ZIP_DEFLATED))
