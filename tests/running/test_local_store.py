"""The store: runs are kept whole or not at all, through crashes and damage."""

import contextlib
import errno
import hashlib
import io
import itertools
import json
import multiprocessing
import os
import platform
import random
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bnclaims.experiment.arm import Arm
from bnclaims.experiment.history import History
from bnclaims.running import local_store
from bnclaims.running.local_store import LocalStore
from bnclaims.running.store import StoreWarning
from tests.fakes import FakeArm, assert_same, history_of
from tests.strategies import histories

GUARD = 60  # seconds after which a test that hangs gives up
PROCESSES = multiprocessing.get_context("spawn")


ARM = FakeArm("a" * 64)


# Round trips


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(histories)
def test_what_was_saved_is_loaded_by_another_store(tmp_path: Path, history: History) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LocalStore(tmp_path).save(ARM, 3, history)
        assert_same(LocalStore(tmp_path).load(ARM, 3), history)


def test_a_run_is_kept_by_arm_and_seed(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "made" / "on demand")
    assert store.load(ARM, 0) is None
    other = FakeArm("b" * 64)
    store.save(ARM, 0, history_of(0))
    store.save(ARM, 10, history_of(10))
    store.save(other, 0, history_of(20))
    for reader in (store, LocalStore(store.folder)):
        assert_same(reader.load(ARM, 0), history_of(0))
        assert_same(reader.load(ARM, 10), history_of(10))
        assert_same(reader.load(other, 0), history_of(20))
        assert reader.load(ARM, 1) is None
        assert reader.load(other, 10) is None


def test_an_absent_run_is_looked_for_again(tmp_path: Path) -> None:
    reader, writer = LocalStore(tmp_path), LocalStore(tmp_path)
    assert reader.load(ARM, 0) is None
    writer.save(ARM, 0, history_of(0))
    assert_same(reader.load(ARM, 0), history_of(0))


def test_a_run_is_read_from_disk_once(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.save(ARM, 0, history_of(0))
    reader = LocalStore(tmp_path)
    loaded = reader.load(ARM, 0)
    store.path(ARM, 0).unlink()
    assert reader.load(ARM, 0) is loaded is not None


def test_a_second_save_replaces_the_first(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.save(ARM, 0, history_of(1))
    store.save(ARM, 0, history_of(2))
    assert_same(LocalStore(tmp_path).load(ARM, 0), history_of(2))
    assert [path.name for path in store.path(ARM, 0).parent.iterdir()] == ["0.run"]


@pytest.mark.parametrize(
    ("note", "data"), [("", "no data"), ("the claim's own", "the claim's own")]
)
def test_a_file_says_what_it_is_a_run_of(tmp_path: Path, note: str, data: str) -> None:
    arm = FakeArm("b" * 64, data_note=note)
    store = LocalStore(tmp_path)
    store.save(arm, 4, history_of(4))
    about = json.loads(store.path(arm, 4).read_bytes().split(b"\n")[1])
    assert (about["arm"], about["seed"], about["data"]) == (str(arm), 4, data)
    assert (about["digest"], about["description"]) == (arm.digest, arm.description)


# Damage


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """The file of a run."""
    store = LocalStore(tmp_path)
    store.save(ARM, 0, history_of(0))
    return store.path(ARM, 0)


def assert_not_usable(path: Path, why: str = "") -> None:
    """The run at a path counts as not trained, with a warning that says so, and can be replaced."""
    store = LocalStore(path.parents[2])
    with pytest.warns(StoreWarning) as caught:
        assert store.load(ARM, 0) is None
    (warning,) = caught
    assert str(warning.message).startswith(f"{path} cannot be used ({why}")
    assert str(warning.message).endswith("): the run is trained again")
    store.save(ARM, 0, history_of(0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_same(LocalStore(path.parents[2]).load(ARM, 0), history_of(0))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.data())
def test_a_file_with_a_changed_byte_is_not_used(stored: Path, data: st.DataObject) -> None:
    content = bytearray(stored.read_bytes())
    position = data.draw(st.integers(0, len(content) - 1), "position")
    content[position] ^= data.draw(st.integers(1, 255), "flip")
    stored.write_bytes(content)
    assert_not_usable(stored)


def test_every_byte_before_the_arrays_counts(stored: Path) -> None:
    content = stored.read_bytes()
    for position in range(content.index(b"\n", content.index(b"\n") + 1) + 2):
        damaged = bytearray(content)
        damaged[position] ^= 0x20  # what turns a hexadecimal digit into its upper case
        stored.write_bytes(damaged)
        with pytest.warns(StoreWarning):
            assert LocalStore(stored.parents[2]).load(ARM, 0) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.data())
def test_a_file_that_was_cut_or_grew_is_not_used(stored: Path, data: st.DataObject) -> None:
    content = stored.read_bytes()
    length = data.draw(st.integers(0, len(content) - 1), "length")
    grown = data.draw(st.booleans(), "grown")
    stored.write_bytes(content + content[:length] + b"\0" if grown else content[:length])
    assert_not_usable(stored)


def packed(**arrays: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)  # type: ignore[arg-type]  # a key could be allow_pickle
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not a run of bnclaims"),
        (b"\n\n", "not a run of bnclaims"),
        (packed(loss=np.ones(3)), "not a run of bnclaims"),
        (b"bnclaims-run-2 " + b"0" * 64 + b"\n{}\n", "not a run of bnclaims"),
        (b"bnclaims-run-1 \xff\xfe\n{}\n", "its checksum does not match"),
        (b"bnclaims-run-1 ", "its checksum does not match"),
    ],
    ids=["empty", "blank", "foreign", "later format", "no checksum", "nothing else"],
)
def test_a_foreign_file_is_not_used(stored: Path, content: bytes, why: str) -> None:
    stored.write_bytes(content)
    assert_not_usable(stored, why)


@pytest.mark.parametrize(
    "arrays",
    [
        packed(loss=np.ones(3)),
        packed(**history_of(0).to_arrays())[:-40],
        packed(**history_of(0).to_arrays() | {"probes/x": np.array([object()])}),
        b"no arrays at all",
        b"",
    ],
    ids=["missing", "broken zip", "pickle", "text", "none"],
)
def test_wrong_arrays_under_the_right_checksum_are_not_used(stored: Path, arrays: bytes) -> None:
    content = json.dumps({"digest": ARM.digest, "seed": 0}).encode() + b"\n" + arrays
    checksum = hashlib.sha256(content).hexdigest().encode()
    stored.write_bytes(b"bnclaims-run-1 " + checksum + b"\n" + content)
    assert_not_usable(stored, "its arrays cannot be read: ")


@pytest.mark.parametrize("header", [b"", b"{", b"[]", b"3", b"[" * 100_000, b"\xff", b"null"])
def test_a_wrong_header_under_the_right_checksum_is_not_used(stored: Path, header: bytes) -> None:
    """It was a traceback in each claim."""
    content = header + b"\n" + packed(**history_of(0).to_arrays())
    checksum = hashlib.sha256(content).hexdigest().encode()
    stored.write_bytes(b"bnclaims-run-1 " + checksum + b"\n" + content)
    assert_not_usable(stored)


def compressed(**arrays: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


@pytest.mark.parametrize(
    ("arrays", "why"),
    [
        ({"loss": np.ones((2, 2))}, "loss is no curve but float64 of shape (2, 2)"),
        ({"seconds": np.array(3.0)}, "seconds is no curve but float64 of shape ()"),
        ({"val_loss": np.array(["a"])}, "val_loss is no curve but <U1 of shape (1,)"),
        ({"probes/big": np.zeros(2**20)}, "they are compressed"),
    ],
    ids=["matrix", "number", "text", "8 KB that inflates to 8 MB"],
)
def test_arrays_that_are_no_history_are_not_used(
    stored: Path, arrays: dict[str, NDArray[Any]], why: str
) -> None:
    pack = compressed if "probes/big" in arrays else packed
    content = json.dumps({"digest": ARM.digest, "seed": 0}).encode() + b"\n"
    content += pack(**history_of(0).to_arrays() | arrays)
    checksum = hashlib.sha256(content).hexdigest().encode()
    stored.write_bytes(b"bnclaims-run-1 " + checksum + b"\n" + content)
    (run,) = LocalStore(stored.parents[2]).stored()  # which `bnclaims store verify` shows
    assert run.problem == f"its arrays cannot be read: {why}"
    assert_not_usable(stored, f"its arrays cannot be read: {why}")


def test_a_file_that_memory_does_not_hold_is_not_used(
    stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a sparse file of a terabyte: that was an error of each claim."""
    read = Path.read_bytes

    def limited(path: Path) -> bytes:
        if path.stat().st_size >= 2**20:
            raise MemoryError
        return read(path)

    os.truncate(stored, 2**20)
    monkeypatch.setattr(Path, "read_bytes", limited)
    assert_not_usable(stored, "it is larger than the memory")


def test_a_run_in_the_place_of_another_is_not_used(stored: Path) -> None:
    stored.with_name("1.run").write_bytes(stored.read_bytes())
    with pytest.warns(StoreWarning, match=r"1\.run cannot be used \(it is the run of another"):
        assert LocalStore(stored.parents[2]).load(ARM, 1) is None


def test_a_folder_in_place_of_a_run_is_not_used(stored: Path) -> None:
    stored.unlink()
    stored.mkdir()
    with pytest.warns(StoreWarning, match=r"0\.run cannot be used \("):
        assert LocalStore(stored.parents[2]).load(ARM, 0) is None


def test_a_pipe_in_place_of_a_run_is_not_used(stored: Path) -> None:
    """It was waited for."""
    stored.unlink()
    os.mkfifo(stored)
    (run,) = LocalStore(stored.parents[2]).stored()
    assert (run.path, run.problem) == (stored, "it is no file")
    assert_not_usable(stored, "it is no file")


def test_a_pipe_in_place_of_a_lock_has_no_holder(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    with store.lock(ARM, "0"):
        (path,) = (tmp_path / "locks").iterdir()
    os.mkfifo(path)
    assert store.holder(ARM, "0") == ""


def test_a_damaged_run_is_reported_once_a_session(stored: Path) -> None:
    stored.write_bytes(b"")
    store = LocalStore(stored.parents[2])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert [store.load(ARM, 0) for _ in range(3)] == [None] * 3
    assert len(caught) == 1


# Crashes


def save_for_ever(folder: Path, first: int) -> None:
    store = LocalStore(folder)
    for number in itertools.count():
        seed = (first + number) % 20
        store.save(ARM, seed, history_of(seed, size=20_000))


def test_a_store_survives_being_killed_while_it_writes(tmp_path: Path) -> None:
    found = 0
    for first in range(0, 18, 3):
        process = PROCESSES.Process(target=save_for_ever, args=(tmp_path, first), daemon=True)
        process.start()
        begun = LocalStore(tmp_path).path(ARM, first + 2)
        deadline = time.monotonic() + GUARD
        while not begun.exists() and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(random.uniform(0, 0.05))
        process.kill()
        process.join()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            store = LocalStore(tmp_path)
            loaded = {seed: store.load(ARM, seed) for seed in range(20)}
        for seed, history in loaded.items():
            if history is not None:
                found += 1
                assert_same(history, history_of(seed, size=20_000))
    assert found >= 4


# Disks


def no_space(*args: object, **kwargs: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture(params=["write", "rename", "folder"])
def full_disk(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder that takes no runs."""
    if request.param == "write":
        monkeypatch.setattr(Path, "write_bytes", no_space)
    elif request.param == "rename":
        monkeypatch.setattr(Path, "replace", no_space)
    else:
        (tmp_path / "store").write_text("a file where the folder is to be")
    return tmp_path / "store"


def test_a_disk_that_takes_no_more_leaves_the_runs_in_memory(full_disk: Path) -> None:
    store = LocalStore(full_disk)
    with pytest.warns(StoreWarning, match=r"cannot write runs to .*") as caught:
        store.save(ARM, 0, history_of(0))
    (warning,) = caught
    assert str(warning.message).startswith(f"cannot write runs to {full_disk} (")
    assert str(warning.message).endswith(
        "): this session keeps them in memory, the next one will train them again. Make room or "
        "choose another folder with --claims-store=DIR"
    )
    assert warning.filename == __file__
    assert_same(store.load(ARM, 0), history_of(0))
    assert LocalStore(full_disk).load(ARM, 0) is None
    assert full_disk.is_file() or not [p for p in full_disk.rglob("*") if p.is_file()]


def test_a_disk_that_takes_no_more_is_said_once(full_disk: Path) -> None:
    """Each of fifty runs warned."""
    store = LocalStore(full_disk)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for seed in range(5):
            store.save(ARM, seed, history_of(seed))
    assert len(caught) == 1


@pytest.fixture(params=["file", "file for its runs", "loop", "loop for its runs", "broken link"])
def no_folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A store whose folder became something else while a session was using it."""
    folder = tmp_path / "store"
    place = folder / "runs" if "runs" in request.param else folder
    place.parent.mkdir(exist_ok=True)
    if "file" in request.param:
        place.touch()
    else:
        place.symlink_to("nowhere" if "broken" in request.param else place.name)
    return folder


def test_a_folder_that_is_none_any_more_is_said_once(no_folder: Path) -> None:
    """Each run was said to be damaged that had never been trained."""
    store = LocalStore(no_folder)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for seed in range(5):
            assert store.load(ARM, seed) is None
            with store.lock(ARM, str(seed)) as held:
                assert held
            store.save(ARM, seed, history_of(seed))
    (warning,) = caught
    assert str(warning.message).startswith(f"cannot write runs to {no_folder} (")


def test_runs_that_cannot_be_read_are_said_once(
    stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_permission(path: Path) -> bytes:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    for seed in range(1, 5):
        stored.with_name(f"{seed}.run").touch()
    monkeypatch.setattr(Path, "read_bytes", no_permission)
    store = LocalStore(stored.parents[2])
    with pytest.warns(StoreWarning) as caught:
        assert [store.load(ARM, seed) for seed in range(5)] == [None] * 5
    (warning,) = caught
    assert str(warning.message) == (
        f"cannot read runs from {store.folder} ([Errno 13] Permission denied: '{stored}'): they "
        "are trained again"
    )


def test_runs_are_for_whom_the_umask_says(tmp_path: Path) -> None:
    """They were for their owner only, so that a shared store served nobody."""
    umask = os.umask(0o002)
    try:
        store = LocalStore(tmp_path)
        store.save(ARM, 0, history_of(0))
    finally:
        os.umask(umask)
    assert store.path(ARM, 0).stat().st_mode & 0o777 == 0o664


def test_files_of_killed_sessions_are_swept_after_a_day(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    folder = store.path(ARM, 0).parent
    folder.mkdir(parents=True)
    old, young, foreign = folder / ".0.run-old", folder / ".0.run-young", folder / ".hidden"
    for file in (old, young, foreign):
        file.touch()
    for file in (old, foreign):
        os.utime(file, (0, 0))
    store.save(ARM, 0, history_of(0))
    assert not old.exists()
    assert young.exists()  # another session may be writing it
    assert foreign.exists()


# Other files


def everything(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_only_what_is_the_stores_own_is_pruned(stored: Path) -> None:
    """Whatever ended in `.run` or began with a dot was removed, and all that was in `locks`."""
    folder = stored.parents[2]
    (folder / "locks").mkdir()
    left = [stored.with_name(".1.run-left"), folder / "locks" / f"{ARM.digest}-0-5.lock"]
    damaged = [stored.with_name("7.run")]
    foreign = [stored.with_name(".cfg"), stored.with_name("b.run"), stored.with_name("07.run")]
    foreign += [folder / "locks" / "poetry.lock", folder / "runs" / "exp1" / "0.run"]
    foreign += [folder / "runs" / ".cfg"]
    for path in (*left, *damaged, *foreign):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    os.utime(left[0], (0, 0))
    store = LocalStore(folder)
    assert {run.path for run in store.stored()} == {stored, *damaged}
    assert set(store.prune()) == {*left, *damaged}
    assert all(path.exists() for path in (stored, *foreign))


def test_what_a_session_is_at_is_not_pruned(tmp_path: Path) -> None:
    """The lock that it held went, and the file that it wrote: its run was lost."""
    store = LocalStore(tmp_path)
    store.save(ARM, 0, history_of(0))
    writing = store.path(ARM, 1).with_name(".1.run-now")
    writing.touch()
    with store.lock(ARM, "1"):
        assert list(LocalStore(tmp_path).prune()) == []
        assert list((tmp_path / "locks").iterdir())
    assert writing.exists()


def test_a_folder_that_is_pruned_takes_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path)
    write = local_store._write_atomically

    def prune_first(path: Path, content: bytes) -> None:
        monkeypatch.setattr(local_store, "_write_atomically", write)
        assert list(LocalStore(tmp_path).prune()) == []
        assert not path.parent.exists()
        write(path, content)

    monkeypatch.setattr(local_store, "_write_atomically", prune_first)
    store.save(ARM, 0, history_of(0))
    assert [run.problem for run in LocalStore(tmp_path).stored()] == [""]


def test_a_run_that_is_pruned_meanwhile_is_not_listed(stored: Path) -> None:
    runs = LocalStore(stored.parents[2]).stored()
    for seed in (98, 99):
        stored.with_name(f"{seed}.run").write_bytes(b"damaged")
    assert next(runs).path == stored
    stored.with_name("98.run").unlink()
    assert [run.path.name for run in runs] == ["99.run"]


def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    """A home's hidden files were removed."""
    home, store = tmp_path / "home", LocalStore(tmp_path / "store")
    store.save(ARM, 0, history_of(0))
    home.mkdir()
    for name in (".profile", "0.run", ".0.run-left"):
        (home / name).touch()
    for name in ("evil", "b" * 64):
        (store.folder / "runs" / name).symlink_to(home, target_is_directory=True)
    before = everything(tmp_path)
    assert [run.problem for run in store.stored()] == [""]
    assert list(store.prune()) == []
    assert everything(tmp_path) == before


@pytest.mark.parametrize(
    ("files", "is_one"),
    [
        ([], True),
        (["runs/", "locks/"], True),
        ([f"runs/{ARM.digest}/0.run", "README", "runs/exp1/events"], True),
        ([f"locks/{ARM.digest}-0.lock"], True),
        (["README"], False),
        (["runs/exp1/events"], False),
        (["locks/poetry.lock"], False),
    ],
)
def test_a_folder_of_other_files_is_no_store(
    tmp_path: Path, files: list[str], is_one: bool
) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).mkdir() if name.endswith("/") else (tmp_path / name).touch()
    assert LocalStore(tmp_path).is_one() == is_one


def test_a_disk_that_fills_up_leaves_the_older_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    LocalStore(tmp_path).save(ARM, 0, history_of(1))
    monkeypatch.setattr(Path, "write_bytes", no_space)
    with pytest.warns(StoreWarning, match="No space left on device"):
        LocalStore(tmp_path).save(ARM, 0, history_of(2))
    assert_same(LocalStore(tmp_path).load(ARM, 0), history_of(1))


def test_an_interrupt_while_writing_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(path: Path, content: bytes) -> None:
        path.write_text("half")
        raise KeyboardInterrupt

    store = LocalStore(tmp_path)
    monkeypatch.setattr(Path, "write_bytes", interrupt)
    with pytest.raises(KeyboardInterrupt):
        store.save(ARM, 0, history_of(0))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_folder_that_takes_no_locks_does_not_stop_the_session(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file where the folder is to be")
    with LocalStore(tmp_path / "store").lock(ARM, "0") as held:
        assert held


# Locks


def is_free(folder: Path, name: str = "0", arm: Arm = ARM) -> bool:
    with LocalStore(folder).lock(arm, name) as held:
        return held


def hold(folder: Path, held: Event) -> None:
    with LocalStore(folder).lock(ARM, "0") as had:
        if had:
            held.set()
            threading.Event().wait()


@contextlib.contextmanager
def another_process_holds(folder: Path) -> Iterator[Callable[[], None]]:
    """Yields what kills that process."""
    held = PROCESSES.Event()
    process = PROCESSES.Process(target=hold, args=(folder, held), daemon=True)

    def kill() -> None:
        process.kill()
        process.join()

    process.start()
    try:
        assert held.wait(GUARD)
        yield kill
    finally:
        kill()


def test_a_lock_keeps_out_other_processes_until_its_own_is_killed(tmp_path: Path) -> None:
    with another_process_holds(tmp_path) as kill:
        assert not is_free(tmp_path)
        assert not is_free(tmp_path)  # having asked does not break it
        assert is_free(tmp_path, "1")
        kill()
        assert is_free(tmp_path)


def test_a_lock_keeps_out_another_store_of_the_same_process(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    with store.lock(ARM, "0") as held:
        assert held
        assert not is_free(tmp_path)
        with store.lock(ARM, "0") as again:
            assert not again
    assert is_free(tmp_path)


def test_two_arms_and_two_names_do_not_share_a_lock(tmp_path: Path) -> None:
    with LocalStore(tmp_path).lock(ARM, "0"):
        assert is_free(tmp_path, "1")
        assert is_free(tmp_path, "0-5")
        assert is_free(tmp_path, "0", FakeArm("b" * 64))
        assert is_free(tmp_path / "elsewhere")


def test_a_lock_is_let_go_by_an_exception(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="within"), LocalStore(tmp_path).lock(ARM, "0"):
        raise ValueError("within")
    assert is_free(tmp_path)


def test_a_lock_keeps_out_threads_and_may_be_let_go_by_one(tmp_path: Path) -> None:
    lock = contextlib.ExitStack()
    assert lock.enter_context(LocalStore(tmp_path).lock(ARM, "0"))
    seen: list[bool] = []

    def other() -> None:
        seen.append(is_free(tmp_path))
        lock.close()
        seen.append(is_free(tmp_path))

    thread = threading.Thread(target=other, daemon=True)
    thread.start()
    thread.join(GUARD)
    assert seen == [False, True]
    assert is_free(tmp_path)


def test_a_lock_is_held_by_one_of_many_threads_at_a_time(tmp_path: Path) -> None:
    holding = 0
    most = 0
    entries = 0
    counting = threading.Lock()

    def count(change: int) -> None:
        nonlocal holding, most, entries
        with counting:
            holding += change
            most = max(most, holding)
            entries += change > 0

    def work() -> None:
        store = LocalStore(tmp_path)
        for _ in range(150):
            with store.lock(ARM, "0") as held:
                if held:
                    count(1)
                    count(-1)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(GUARD)
    assert most == 1
    assert entries >= 4


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_has_files_for_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Every worker then trained every run, without a word."""

    def no_locks(_lock: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(FileLock, "_acquire", no_locks)
    store = LocalStore(tmp_path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with store.lock(ARM, "0") as held:
            assert held
            assert store.holder(ARM, "0").startswith(f"process {os.getpid()} ")
            assert not is_free(tmp_path)
            assert is_free(tmp_path, "1")
            assert list(LocalStore(tmp_path).prune()) == []  # it was removed
            (soft,) = (tmp_path / "locks").glob("*.soft")
            os.utime(soft, (0, 0))
            assert list(LocalStore(tmp_path).prune()) == [soft]
        with store.lock(ARM, "0") as held:
            assert held
    assert [str(w.message).split(" (")[0] for w in caught] == [  # one for each store
        f"the file system of {tmp_path} has no locks"
    ] * 3
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_lock_says_who_holds_it(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    assert store.holder(ARM, "0") == ""
    with store.lock(ARM, "0"):
        assert store.holder(ARM, "0") == f"process {os.getpid()} on {platform.node()}"


def test_a_lock_that_a_killed_session_left_says_who_holds_it_now(tmp_path: Path) -> None:
    """What was left of a longer line was taken for a part of the machine's name."""
    store = LocalStore(tmp_path)
    with store.lock(ARM, "0"):
        (path,) = (tmp_path / "locks").iterdir()
    path.write_text(f"1 {'x' * 100}\n")
    with store.lock(ARM, "0"):
        assert store.holder(ARM, "0") == f"process {os.getpid()} on {platform.node()}"


def test_locks_leave_no_files(tmp_path: Path) -> None:
    for seed in range(5):
        assert is_free(tmp_path, str(seed))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_what_is_made_anew_in_each_session_is_not_written(tmp_path: Path) -> None:
    arm = FakeArm("f" * 64, fresh=True)
    store = LocalStore(tmp_path)
    store.save(arm, 0, history_of(0))
    assert_same(store.load(arm, 0), history_of(0))
    assert not list(tmp_path.rglob("*.run"))
    assert LocalStore(tmp_path).load(arm, 0) is None
