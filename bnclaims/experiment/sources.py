"""Where data come from: MNIST, the embedded digits, or a file of the user's.

A `DataSource` says in strings which data were chosen, so that it can be sent to another process.
Nothing here imports TensorFlow or Keras: MNIST is downloaded by a subprocess, so that a run whose
results are all cached stays fast.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import numpy as np
from filelock import FileLock, Timeout

from bnclaims.errors import DataError
from bnclaims.experiment import digits
from bnclaims.experiment.data import Data
from bnclaims.experiment.image_files import REPLACE, cause, read_images, unfit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

_HOST = "storage.googleapis.com"
_URL = f"https://{_HOST}/tensorflow/tf-keras-datasets/mnist.npz"
# The fingerprint of the arrays in that file. Keras checks the hash of the file as it downloads it;
# this one also knows a copy that was packed otherwise.
_MNIST = "e5ea4841dd6fde90b155843179ce5756a4864227194eec7fb09d7cfc4cf702a5"
_DOWNLOAD_SECONDS = 180.0  # 11 MB over a slow line, and TensorFlow's import
_DIGITS_FILE = "digits-v1.npz"  # another algorithm in digits.py, another number


class _DownloadError(DataError):
    """MNIST could not be fetched, which `auto` survives, unlike a corrupt file."""


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
        data = read_images(self.path, self.name)
        if data.fingerprint != self.fingerprint:
            found = f"changed since this session began, to {_hashed(data.fingerprint)}"
            raise unfit(self.path, found, _hashed(self.fingerprint), "Start again.")
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
    data = read_images(path, "custom")
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
        found = read_images(path, "mnist").fingerprint
    except DataError as error:
        raise DataError(str(error).replace(REPLACE, remedy)) from error
    if found != _MNIST:
        raise unfit(path, _hashed(found), f"MNIST's with {_MNIST[:12]}...", remedy)


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
        raise _DownloadError(cause(error)) from error
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
        raise _DownloadError(f"{sys.executable} did not start: {cause(error)}") from error
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
            answers.append(f"no network: {host} cannot be reached, {cause(error)}")
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
        data = read_images(path, "digits")
    except DataError:
        return None
    intact = (len(data.x_train), len(data.x_test)) == (digits.TRAIN_COUNT, digits.TEST_COUNT)
    return data if intact else None


def _hashed(fingerprint: str) -> str:
    return f"arrays with the SHA-256 {fingerprint[:12]}..."


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
            f"{cache}: {cause(error)}; expected a folder to write to. Choose another cache folder."
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
            f"{path}: {cause(error)}; expected to write the data there. "
            "Make room, or make the folder writable."
        ) from error
