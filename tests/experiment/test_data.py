"""Where data come from: fingerprints, readable errors, and the ways to MNIST and around it."""

from __future__ import annotations

import gzip
import io
import operator
import os
import re
import socket
import struct
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bnclaims.errors import DataError
from bnclaims.experiment import data
from bnclaims.experiment.data import Data, DataSource, resolve

if TYPE_CHECKING:
    from collections.abc import Callable

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


@pytest.fixture(autouse=True)
def keras_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees the user's own MNIST, and none reaches for the network by mistake."""
    home = tmp_path / "keras"
    monkeypatch.setenv("KERAS_HOME", str(home))

    def refuse(*args: object, **kwargs: object) -> None:
        pytest.fail("a test reached for the network")

    monkeypatch.setattr("bnclaims.experiment.data.subprocess.run", refuse)
    monkeypatch.setattr("bnclaims.experiment.data.socket.create_connection", refuse)
    return home


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def digits_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that holds the generated digits, made by two processes at once."""
    folder = tmp_path_factory.mktemp("shared") / "cache"
    code = (
        "import sys; from pathlib import Path; from bnclaims.experiment.data import resolve;"
        "print(resolve('digits', cache=Path(sys.argv[1])).fingerprint);"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    root = str(Path(data.__file__).parents[2])
    env = os.environ | {"PYTHONPATH": root}
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(folder)], env=env, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    prints = [racer.communicate()[0] for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0]
    assert prints[0] == prints[1]
    return folder


@pytest.fixture
def mnist(monkeypatch: pytest.MonkeyPatch) -> Arrays:
    """Small arrays that pass for MNIST."""
    arrays = small(99)
    monkeypatch.setattr(data, "_MNIST", Data("mnist", **arrays).fingerprint)
    return arrays


# Data


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
    places = [place for place, _ in data.leaves(own.x_train, "x_train")]
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
            batch = data.mapped(operator.itemgetter(rows), (x, y))
            yield (*batch, np.ones(rows.stop - rows.start)) if weights else batch

    own = Data.from_batches("own", train=batches(True), test=list(batches(False)))
    np.testing.assert_array_equal(own.x_train["b"][1], x["b"][1])
    np.testing.assert_array_equal(own.y_test[0], y[0])
    assert own.sample_weight_train is not None
    assert own.sample_weight_test is None


def endless() -> Any:
    while True:
        yield np.zeros((8, 1024)), np.zeros(8)


@pytest.mark.parametrize(
    ("batches", "words"),
    [
        (endless(), r"train is more than 1 MiB after 16 batches; .* raise limit=\."),
        ([np.zeros(3)], r"train yields ndarray; expected \(x, y\) or \(x, y, w\)\."),
        ([], "train yields nothing"),
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


# Files


@pytest.mark.parametrize("mark", ["-", "."])
@pytest.mark.parametrize("zipped", [False, True])
def test_idx_folder_and_npz_hold_the_same_data(
    tmp_path: Path, cache: Path, mark: str, zipped: bool
) -> None:
    folder = save_idx(tmp_path / "idx", small(), mark, zipped=zipped)
    file = save(tmp_path / "set.npz", small())
    from_folder = resolve(str(folder), cache=cache)
    from_file = resolve(str(file), cache=cache)
    assert from_folder.fingerprint == from_file.fingerprint == Data("any", **small()).fingerprint
    assert from_folder.name == from_file.name == "custom"
    assert "NOT MNIST" in from_file.note
    assert str(file) in from_file.note
    assert not cache.exists()


def test_a_gzipped_file_is_known_by_its_content(tmp_path: Path, cache: Path) -> None:
    folder = save_idx(tmp_path / "idx", small())
    path = folder / IDX_NAMES["x_test"]
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert resolve(str(folder), cache=cache).fingerprint == Data("any", **small()).fingerprint


def test_a_path_is_made_absolute_for_other_processes(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "set.npz", small())
    monkeypatch.chdir(tmp_path)
    assert resolve("set.npz", cache=cache).path == tmp_path / "set.npz"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolve("~/set.npz", cache=cache).path == tmp_path / "set.npz"


def test_arrays_cannot_be_changed_in_place(tmp_path: Path, cache: Path) -> None:
    source = resolve(str(save(tmp_path / "set.npz", small())), cache=cache)
    with pytest.raises(ValueError, match="read-only"):
        source.load().x_train[0] = 0


def test_a_file_that_changed_during_a_session_is_an_error(tmp_path: Path, cache: Path) -> None:
    path = save(tmp_path / "set.npz", small())
    source = resolve(str(path), cache=cache)
    save(path, small(1))
    message = (
        rf"{re.escape(str(path))}: changed since this session began, to arrays with the SHA-256 "
        r"\w{12}\.\.\.; expected arrays with the SHA-256 \w{12}\.\.\.\. Start again\."
    )
    with pytest.raises(DataError, match=message):
        source.load()


def test_a_source_survives_the_way_through_strings(tmp_path: Path, cache: Path) -> None:
    source = resolve(str(save(tmp_path / "set.npz", small())), cache=cache)
    strings = source.to_strings()
    assert all(type(value) is str for value in strings.values())
    assert DataSource.from_strings(strings) == source


def test_a_file_that_went_away_is_an_error(tmp_path: Path, cache: Path) -> None:
    source = resolve(str(save(tmp_path / "set.npz", small())), cache=cache)
    source.path.unlink()
    with pytest.raises(DataError, match=r"set\.npz: No such file.*; expected a readable file"):
        source.load()


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
def test_arrays_of_another_kind_are_refused(
    tmp_path: Path, cache: Path, arrays: Arrays, message: str
) -> None:
    path = save(tmp_path / "set.npz", arrays)
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}: .*{message}") as caught:
        resolve(str(path), cache=cache)
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
def test_a_damaged_npz_is_a_readable_error(
    tmp_path: Path, cache: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "set.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}: .*{message}") as caught:
        resolve(str(path), cache=cache)
    assert "\n" not in str(caught.value)


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data(), st.booleans(), st.booleans())
def test_no_damage_escapes_as_another_error(
    tmp_path: Path, cache: Path, draw: st.DataObject, packed: bool, cut: bool
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
        assert resolve(str(path), cache=cache).load().x_train.shape[1:] == (28, 28)
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
    tmp_path: Path, cache: Path, key: str, content: bytes | None, message: str
) -> None:
    folder = save_idx(tmp_path / "idx", small())
    path = folder / IDX_NAMES[key]
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=f"^{re.escape(str(folder))}.*: .*{message}") as caught:
        resolve(str(folder), cache=cache)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["npz", "idx", "folder"])
def test_a_file_without_permission_is_a_readable_error(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, kind: str
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
        resolve(str(path), cache=cache)


@pytest.mark.parametrize(
    "choice", ["fashion", "", "no/such/file.npz", "x" * 5_000, "a\0b", "~x~/y"]
)
def test_an_unknown_choice_lists_the_choices(cache: Path, choice: str) -> None:
    message = "unknown data .*: expected auto, mnist, digits, or the path of an .npz file"
    with pytest.raises(DataError, match=message):
        resolve(choice, cache=cache)


# MNIST


def fake_download(
    monkeypatch: pytest.MonkeyPatch, effect: Callable[[Path], int], stderr: str = ""
) -> list[list[str]]:
    """Replace the downloading subprocess by `effect`, given where Keras writes."""
    calls = []

    def run(
        command: list[str], *, env: dict[str, str], **kwargs: object
    ) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        code = effect(Path(env["KERAS_HOME"]) / "datasets" / "mnist.npz")
        return subprocess.CompletedProcess(command, code, "", stderr)

    monkeypatch.setattr("bnclaims.experiment.data.subprocess.run", run)
    return calls


def succeed(arrays: Arrays) -> Callable[[Path], int]:
    return lambda path: 0 if save(path, arrays) else 1


@pytest.mark.parametrize("choice", ["mnist", "auto"])
def test_mnist_is_taken_from_keras_cache(
    cache: Path, keras_home: Path, mnist: Arrays, choice: str
) -> None:
    path = save(keras_home / "datasets" / "mnist.npz", mnist)
    source = resolve(choice, cache=cache)
    fingerprint = Data("any", **mnist).fingerprint
    assert source == DataSource("mnist", path, f"MNIST from {path}", fingerprint)
    assert source.load().name == "mnist"


@pytest.mark.parametrize("empty", [False, True])
def test_without_keras_home_the_home_folder_is_used(
    tmp_path: Path, cache: Path, mnist: Arrays, monkeypatch: pytest.MonkeyPatch, empty: bool
) -> None:
    if empty:
        monkeypatch.setenv("KERAS_HOME", "")
    else:
        monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    path = save(tmp_path / ".keras" / "datasets" / "mnist.npz", mnist)
    assert resolve("mnist", cache=cache).path == path


def test_a_path_with_mnists_arrays_is_mnist(tmp_path: Path, cache: Path, mnist: Arrays) -> None:
    source = resolve(str(save_idx(tmp_path / "idx", mnist, zipped=True)), cache=cache)
    assert (source.name, source.load().name) == ("mnist", "mnist")
    assert source.note == f"MNIST from {tmp_path / 'idx'}"


@pytest.mark.parametrize("choice", ["mnist", "auto"])
def test_a_wrong_file_in_keras_cache_is_an_error(
    cache: Path, keras_home: Path, choice: str
) -> None:
    path = save(keras_home / "datasets" / "mnist.npz", small())
    message = rf"^{re.escape(str(path))}: arrays with the SHA-256 .* expected MNIST's .*Delete it"
    with pytest.raises(DataError, match=message):
        resolve(choice, cache=cache)
    path.write_bytes(path.read_bytes()[:999])
    with pytest.raises(
        DataError, match=r"truncated zip file; .*Delete it, and MNIST is downloaded"
    ):
        resolve(choice, cache=cache)
    assert path.exists()


def test_mnist_is_downloaded_verified_and_moved_into_keras_cache(
    cache: Path, keras_home: Path, mnist: Arrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = fake_download(monkeypatch, succeed(mnist))
    path = keras_home / "datasets" / "mnist.npz"
    source = resolve("mnist", cache=cache)
    fingerprint = Data("any", **mnist).fingerprint
    assert source == DataSource("mnist", path, f"MNIST, downloaded to {path}", fingerprint)
    assert calls[0][0] == sys.executable
    assert "mnist.load_data()" in calls[0][-1]
    assert [entry.name for entry in path.parent.iterdir()] == ["mnist.npz"]
    assert not [entry for entry in cache.iterdir() if not entry.name.endswith(".lock")]
    assert resolve("mnist", cache=cache).note == f"MNIST from {path}"
    assert len(calls) == 1


def test_mnist_that_another_process_downloaded_meanwhile_is_used(
    cache: Path, keras_home: Path, mnist: Arrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = keras_home / "datasets" / "mnist.npz"

    class Lock(FileLock):
        def acquire(self, *args: Any, **kwargs: Any) -> Any:
            save(path, mnist)
            return super().acquire(*args, **kwargs)

    monkeypatch.setattr(data, "FileLock", Lock)
    assert resolve("mnist", cache=cache).note == f"MNIST from {path}"


def explode(error: Exception) -> Callable[[Path], int]:
    def effect(path: Path) -> int:
        raise error

    return effect


FAILURES = [
    (lambda path: 1, "Traceback\nException: URL fetch failure\n", "Keras said: Exception: URL fet"),
    (lambda path: 3, "", "Keras said: exit status 3"),
    (lambda path: 0, "", "mnist.npz: No such file"),
    (succeed(small()), "", "arrays with the SHA-256 .* expected MNIST's"),
    (explode(subprocess.TimeoutExpired("keras", 180)), "", "took more than 180 s"),
    (explode(FileNotFoundError(2, "No such file")), "", "did not start: No such file"),
]


@pytest.mark.parametrize(("effect", "stderr", "message"), FAILURES)
def test_a_failed_download_says_why_and_what_to_do(
    cache: Path,
    keras_home: Path,
    monkeypatch: pytest.MonkeyPatch,
    effect: Callable[[Path], int],
    stderr: str,
    message: str,
) -> None:
    fake_download(monkeypatch, effect, stderr)
    pattern = f"mnist.npz: no MNIST there, and it could not be downloaded .*{message}.* Put a copy"
    with pytest.raises(DataError, match=pattern) as caught:
        resolve("mnist", cache=cache)
    assert "\n" not in str(caught.value)
    assert not keras_home.exists()


def test_a_disk_too_full_for_a_download_is_a_readable_error(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bnclaims.experiment.data.tempfile.TemporaryDirectory", fail)
    with pytest.raises(DataError, match=r"could not be downloaded \(No space left on device\)"):
        resolve("mnist", cache=cache)


def test_keras_home_that_cannot_be_written_is_a_readable_error(
    cache: Path, keras_home: Path, mnist: Arrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    keras_home.write_text("a file, not a folder")
    fake_download(monkeypatch, succeed(mnist))
    with pytest.raises(
        DataError, match=r"could not be downloaded .*expected to write the data ther"
    ):
        resolve("mnist", cache=cache)


def test_a_cache_that_cannot_be_made_is_a_readable_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"expected a folder to write to. Choose another cache"):
        resolve("digits", cache=tmp_path / "file")


def test_a_lock_that_is_never_released_is_a_readable_error(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "_DOWNLOAD_SECONDS", -59.9)
    cache.mkdir()
    with (
        FileLock(cache / "digits-v1.npz.lock"),
        pytest.raises(DataError, match=r"lock: another process holds this lock; .* try again"),
    ):
        resolve("digits", cache=cache)


# auto


@pytest.fixture
def no_generation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a fallback be seen by its note, without two seconds of drawing digits."""
    monkeypatch.setattr(data, "_intact_digits", lambda path: Data("digits", **small()))


@pytest.mark.usefixtures("no_generation")
def test_auto_without_network_falls_back_loudly(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "_unreachable", lambda seconds: f"no network for {seconds:g} s")
    source = resolve("auto", cache=cache, timeout=0.5)
    assert source.name == "digits"
    assert source.path == cache / "digits-v1.npz"
    assert source.note == (
        "embedded digits, because MNIST is unavailable (no network for 0.5 s): NOT MNIST"
    )


@pytest.mark.usefixtures("no_generation")
@pytest.mark.parametrize(("effect", "stderr", "message"), FAILURES)
def test_auto_falls_back_when_the_download_fails(
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    effect: Callable[[Path], int],
    stderr: str,
    message: str,
) -> None:
    monkeypatch.setattr(data, "_unreachable", lambda seconds: "")
    fake_download(monkeypatch, effect, stderr)
    note = resolve("auto", cache=cache).note
    assert re.search(f"because MNIST is unavailable .*{message}.*NOT MNIST$", note)


def test_auto_downloads_when_the_host_answers(
    cache: Path, mnist: Arrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "_unreachable", lambda seconds: "")
    fake_download(monkeypatch, succeed(mnist))
    assert resolve("auto", cache=cache).name == "mnist"


def connect_with(
    monkeypatch: pytest.MonkeyPatch, effect: Callable[[tuple[str, int]], None]
) -> None:
    def connect(address: tuple[str, int], timeout: float) -> socket.socket:
        effect(address)
        return socket.socket()

    monkeypatch.setattr("bnclaims.experiment.data.socket.create_connection", connect)
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


def test_probe_reports_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []
    connect_with(monkeypatch, asked.append)
    assert data._unreachable(1.0) == ""
    assert asked == [("storage.googleapis.com", 443)]


def test_probe_reports_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    def effect(address: tuple[str, int]) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    connect_with(monkeypatch, effect)
    expected = "no network: storage.googleapis.com cannot be reached, Connection refused"
    assert data._unreachable(1.0) == expected


def test_probe_gives_up_even_where_a_name_is_looked_up_forever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connect_with(monkeypatch, lambda address: time.sleep(2))
    start = time.monotonic()
    assert "no answer from storage.googleapis.com within 0.05 s" in data._unreachable(0.05)
    assert time.monotonic() - start < 1.5


@pytest.mark.parametrize("proxy", ["http://proxy.test:3128", "proxy.test:3128"])
def test_probe_asks_the_proxy_that_the_download_goes_through(
    monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    asked: list[tuple[str, int]] = []
    connect_with(monkeypatch, asked.append)
    monkeypatch.setenv("https_proxy", proxy)
    data._unreachable(1.0)
    monkeypatch.setenv("no_proxy", "storage.googleapis.com")
    data._unreachable(1.0)
    assert asked == [("proxy.test", 3128), ("storage.googleapis.com", 443)]


# The embedded digits


def test_processes_that_generate_digits_at_once_leave_one_file(digits_cache: Path) -> None:
    others = {"digits-v1.npz.lock"}
    assert {entry.name for entry in digits_cache.iterdir()} - others == {"digits-v1.npz"}


def test_digits_are_generated_once(digits_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "bnclaims.experiment.data.digits.make_digits", lambda: pytest.fail("generated again")
    )
    source = resolve("digits", cache=digits_cache)
    assert source.note == "embedded digits, as chosen: NOT MNIST"
    loaded = source.load()
    assert loaded.name == "digits"
    assert loaded.x_train.shape == (60_000, 28, 28)
    assert loaded.x_test.shape == (10_000, 28, 28)


@pytest.mark.parametrize("damage", ["truncated", "another set"])
def test_damaged_digits_are_generated_again(
    cache: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    calls = []

    def make() -> Arrays:
        calls.append(1)
        return small(1)

    monkeypatch.setattr("bnclaims.experiment.data.digits.make_digits", make)
    path = save(cache / "digits-v1.npz", small())
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-30])
    source = resolve("digits", cache=cache)
    assert calls == [1]
    assert source.fingerprint == Data("any", **small(1)).fingerprint
    assert not list(cache.glob("*.tmp"))


def test_a_write_that_fails_leaves_nothing_behind(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(file: Any, **arrays: object) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bnclaims.experiment.data.digits.make_digits", small)
    monkeypatch.setattr("bnclaims.experiment.data.np.savez", fail)
    with pytest.raises(DataError, match=r"No space left on device; expected to write .*Make room"):
        resolve("digits", cache=cache)
    assert [entry.name for entry in cache.iterdir() if entry.suffix != ".lock"] == []


def test_real_mnist_has_the_known_fingerprint(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    if data._absent(data._keras_file()):
        pytest.skip("no MNIST in Keras's cache")
    source = resolve("mnist", cache=cache)
    assert source.load().x_train.mean() == pytest.approx(33.318421)
    assert replace(source.load(), name="another").fingerprint == data._MNIST


# What has no end


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_is_no_file_is_refused_before_it_is_read(tmp_path: Path, kind: str) -> None:
    """A pipe was waited for, and /dev/zero read, for ever."""
    path = Path("/dev/zero")
    if kind == "pipe":
        path = tmp_path / "pipe"
        os.mkfifo(path)
    with pytest.raises(DataError, match="a pipe or a device; expected a file or a folder"):
        resolve(str(path), cache=tmp_path)


def test_data_that_unpack_to_too_much_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bnclaims.experiment.data._LARGEST", 2**20)
    bomb = np.zeros((2_000, 28, 28), np.uint8)
    labels = np.zeros(2_000, np.uint8)
    np.savez_compressed(
        tmp_path / "bomb.npz", x_train=bomb, y_train=labels, x_test=bomb, y_test=labels
    )
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (tmp_path / f"{name}-ubyte.gz").write_bytes(gzip.compress(bytes(2**21)))
    for choice in (tmp_path / "bomb.npz", tmp_path):
        with pytest.raises(DataError, match="GiB; expected images that fit into memory"):
            resolve(str(choice), cache=tmp_path)
