"""Where data come from: the user's files, and the ways to MNIST and around it."""

from __future__ import annotations

import gzip
import os
import re
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from filelock import FileLock

from bnclaims.errors import DataError
from bnclaims.experiment import sources
from bnclaims.experiment.data import Data
from bnclaims.experiment.sources import DataSource, resolve
from tests.image_sets import IDX_NAMES, Arrays, save, save_idx, small

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(autouse=True)
def keras_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees the user's own MNIST, and none reaches for the network by mistake."""
    home = tmp_path / "keras"
    monkeypatch.setenv("KERAS_HOME", str(home))

    def refuse(*args: object, **kwargs: object) -> None:
        pytest.fail("a test reached for the network")

    monkeypatch.setattr("bnclaims.experiment.sources.subprocess.run", refuse)
    monkeypatch.setattr("bnclaims.experiment.sources.socket.create_connection", refuse)
    return home


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def digits_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that holds the generated digits, made by two processes at once."""
    folder = tmp_path_factory.mktemp("shared") / "cache"
    code = (
        "import sys; from pathlib import Path; from bnclaims.experiment.sources import resolve;"
        "print(resolve('digits', cache=Path(sys.argv[1])).fingerprint);"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    root = str(Path(sources.__file__).parents[2])
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
    monkeypatch.setattr(sources, "_MNIST", Data("mnist", **arrays).fingerprint)
    return arrays


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

    monkeypatch.setattr("bnclaims.experiment.sources.subprocess.run", run)
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

    monkeypatch.setattr(sources, "FileLock", Lock)
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

    monkeypatch.setattr("bnclaims.experiment.sources.tempfile.TemporaryDirectory", fail)
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
    monkeypatch.setattr(sources, "_DOWNLOAD_SECONDS", -59.9)
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
    monkeypatch.setattr(sources, "_intact_digits", lambda path: Data("digits", **small()))


@pytest.mark.usefixtures("no_generation")
def test_auto_without_network_falls_back_loudly(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "_unreachable", lambda seconds: f"no network for {seconds:g} s")
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
    monkeypatch.setattr(sources, "_unreachable", lambda seconds: "")
    fake_download(monkeypatch, effect, stderr)
    note = resolve("auto", cache=cache).note
    assert re.search(f"because MNIST is unavailable .*{message}.*NOT MNIST$", note)


def test_auto_downloads_when_the_host_answers(
    cache: Path, mnist: Arrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "_unreachable", lambda seconds: "")
    fake_download(monkeypatch, succeed(mnist))
    assert resolve("auto", cache=cache).name == "mnist"


def connect_with(
    monkeypatch: pytest.MonkeyPatch, effect: Callable[[tuple[str, int]], None]
) -> None:
    def connect(address: tuple[str, int], timeout: float) -> socket.socket:
        effect(address)
        return socket.socket()

    monkeypatch.setattr("bnclaims.experiment.sources.socket.create_connection", connect)
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


def test_probe_reports_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []
    connect_with(monkeypatch, asked.append)
    assert sources._unreachable(1.0) == ""
    assert asked == [("storage.googleapis.com", 443)]


def test_probe_reports_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    def effect(address: tuple[str, int]) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    connect_with(monkeypatch, effect)
    expected = "no network: storage.googleapis.com cannot be reached, Connection refused"
    assert sources._unreachable(1.0) == expected


def test_probe_gives_up_even_where_a_name_is_looked_up_forever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connect_with(monkeypatch, lambda address: time.sleep(2))
    start = time.monotonic()
    assert "no answer from storage.googleapis.com within 0.05 s" in sources._unreachable(0.05)
    assert time.monotonic() - start < 1.5


@pytest.mark.parametrize("proxy", ["http://proxy.test:3128", "proxy.test:3128"])
def test_probe_asks_the_proxy_that_the_download_goes_through(
    monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    asked: list[tuple[str, int]] = []
    connect_with(monkeypatch, asked.append)
    monkeypatch.setenv("https_proxy", proxy)
    sources._unreachable(1.0)
    monkeypatch.setenv("no_proxy", "storage.googleapis.com")
    sources._unreachable(1.0)
    assert asked == [("proxy.test", 3128), ("storage.googleapis.com", 443)]


# The embedded digits


def test_processes_that_generate_digits_at_once_leave_one_file(digits_cache: Path) -> None:
    others = {"digits-v1.npz.lock"}
    assert {entry.name for entry in digits_cache.iterdir()} - others == {"digits-v1.npz"}


def test_digits_are_generated_once(digits_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "bnclaims.experiment.sources.digits.make_digits", lambda: pytest.fail("generated again")
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

    monkeypatch.setattr("bnclaims.experiment.sources.digits.make_digits", make)
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

    monkeypatch.setattr("bnclaims.experiment.sources.digits.make_digits", small)
    monkeypatch.setattr("bnclaims.experiment.sources.np.savez", fail)
    with pytest.raises(DataError, match=r"No space left on device; expected to write .*Make room"):
        resolve("digits", cache=cache)
    assert [entry.name for entry in cache.iterdir() if entry.suffix != ".lock"] == []


def test_real_mnist_has_the_known_fingerprint(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    if sources._absent(sources._keras_file()):
        pytest.skip("no MNIST in Keras's cache")
    source = resolve("mnist", cache=cache)
    assert source.load().x_train.mean() == pytest.approx(33.318421)
    assert replace(source.load(), name="another").fingerprint == sources._MNIST
