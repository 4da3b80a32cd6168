"""Whole sessions that really train: small networks on scikit-learn's digits."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from bnclaims.experiment.history import History
from bnclaims.running.local_store import decoded

CLAIMS = """
import numpy as np
import pytest
from sklearn.datasets import load_digits
from bnclaims import Data, MLP, claim, mean_loss

digits = load_digits()
x, y = (digits.images / 16).astype("float32"), digits.target
DATA = Data(name="8x8", x_train=x[:1000], y_train=y[:1000], x_test=x[1000:], y_test=y[1000:])

def loss(train, units):
    return mean_loss(train(MLP(hidden=(units,), inputs=64), data=DATA, epochs=EPOCHS))

@pytest.mark.parametrize("units", [4, 8, 16, 32])
@claim("Twice as many units are no worse", source="here")
def test_wider(train, units):
    assert loss(train, 2 * units) - loss(train, units) < 0.5
"""


@pytest.fixture
def session(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    monkeypatch.setenv("BNCLAIMS_DATA", "digits")
    pytester.makeconftest("pytest_plugins = ['bnclaims.plugin']")
    # Which decides all of these claims by their first five seeds.
    pytester.makeini("[pytest]\nclaims_boundary = normal\n")
    pytester.makepyfile(test_width=CLAIMS.replace("EPOCHS", "2"))
    return pytester.path


def runs(store: Path) -> dict[str, History]:
    files = sorted(store.glob("runs/*/*.run"))
    return {
        f"{file.parent.name}/{file.stem}": decoded(
            file.read_bytes(), (file.parent.name, int(file.stem))
        )
        for file in files
    }


def assert_same_bits(ours: dict[str, History], theirs: dict[str, History]) -> None:
    assert ours.keys() == theirs.keys()
    for key, history in ours.items():
        for name in ("loss", "accuracy", "val_loss", "val_accuracy", "fine_loss"):
            np.testing.assert_array_equal(getattr(history, name), getattr(theirs[key], name))


@pytest.fixture(scope="module")
def reference() -> dict[str, dict[str, History]]:
    """What the first of two tests trained, for the other to compare with."""
    kept: dict[str, dict[str, History]] = {}
    return kept


in_one_worker = pytest.mark.xdist_group("sessions")


def command(*options: str) -> list[str]:
    return [sys.executable, "-m", "pytest", *options]


@pytest.mark.slow
@in_one_worker
def test_numbers_are_the_same_to_the_bit_whatever_the_workers(
    pytester: pytest.Pytester, session: Path, reference: dict[str, dict[str, History]]
) -> None:
    alone = pytester.runpytest_subprocess("--claims-store=alone", "--claims-threads=1", "-n0")
    alone.assert_outcomes(passed=4)
    threads = pytester.runpytest_subprocess("--claims-store=threads", "--claims-threads=2", "-n0")
    threads.assert_outcomes(passed=4)
    shared = pytester.runpytest_subprocess("--claims-store=shared", "-n2")
    shared.assert_outcomes(passed=4)
    one = runs(session / "alone")
    assert len(one) == 5 * 5  # five arms, five seeds: what claims share is trained once
    assert_same_bits(one, runs(session / "threads"))
    assert_same_bits(one, runs(session / "shared"))
    reference["runs"] = one
    for result in (alone, threads, shared):
        text = result.stdout.str() + result.stderr.str()
        assert "oneDNN" not in text
        assert "cuda" not in text.lower()
    assert not list((session / "shared" / "locks").iterdir())


@pytest.mark.slow
@in_one_worker
def test_a_killed_session_is_taken_up_where_it_was(
    pytester: pytest.Pytester, session: Path, reference: dict[str, dict[str, History]]
) -> None:
    store = session / "store"
    killed = subprocess.Popen(
        command("--claims-store=store", "-n2"), cwd=session, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while len(list(store.glob("runs/*/*.run"))) < 7:
        assert time.monotonic() < deadline, "nothing was trained"
        time.sleep(0.02)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    before = {file: file.stat().st_mtime_ns for file in store.glob("runs/*/*.run")}
    assert before
    result = pytester.runpytest_subprocess("--claims-store=store", "-n2")
    result.assert_outcomes(passed=4)
    after = {file: file.stat().st_mtime_ns for file in store.glob("runs/*/*.run")}
    assert before.items() <= after.items()  # what was there is not trained again
    assert_same_bits(reference["runs"], runs(store))


def test_a_damaged_run_is_trained_again_and_said(pytester: pytest.Pytester, session: Path) -> None:
    args = ("--claims-store=store", "-k", "4")
    pytester.runpytest_subprocess(*args).assert_outcomes(passed=1, deselected=3)
    before = runs(session / "store")
    victim = next((session / "store").glob("runs/*/3.run"))
    content = victim.read_bytes()
    victim.write_bytes(content[:-100])
    result = pytester.runpytest_subprocess(*args)
    result.assert_outcomes(passed=1, deselected=3, warnings=1)
    result.stdout.fnmatch_lines(["*3.run cannot be used (its checksum does not match): the run*"])
    assert_same_bits(runs(session / "store"), before)


@pytest.mark.slow
def test_a_worker_without_claims_of_its_own_helps(pytester: pytest.Pytester, session: Path) -> None:
    """One claim, two workers: its runs are trained by both.

    There is enough to train for a worker whose import of TensorFlow takes longer.
    """
    pytester.makepyfile(test_width=CLAIMS.replace("EPOCHS", "150"))
    result = pytester.runpytest_subprocess("--claims-store=store", "-n2", "-k", "16")
    result.assert_outcomes(passed=1)
    headers = [
        json.loads(file.read_bytes().split(b"\n", 2)[1])
        for file in (session / "store").glob("runs/*/*.run")
    ]
    assert len(headers) == 2 * 5
    assert len({header["trained"]["process"] for header in headers}) == 2


CHANGING = """
from pathlib import Path
from bnclaims import MLP, claim, mean_loss

@claim("Images stay as they are", source="here")
def test_change(train):
    Path("images.npz").write_bytes(Path("others.npz").read_bytes())
    assert mean_loss(train(MLP(hidden=(4,)))) < 9
"""


def test_images_that_change_during_a_session_are_one_readable_error(
    pytester: pytest.Pytester, session: Path
) -> None:
    images, labels = np.zeros((10_000, 28, 28), np.uint8), np.zeros(10_000, np.uint8)
    for name, y in (("images", labels), ("others", labels + 1)):
        arrays = {"x_train": images, "y_train": y, "x_test": images, "y_test": y}
        np.savez_compressed(session / name, allow_pickle=False, **arrays)
    changing = pytester.makepyfile(CHANGING)
    result = pytester.runpytest_subprocess(changing, "--claims-data=images.npz", "-n0")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*images.npz: changed since this session began, to arrays*; expected*. Start again."]
    )
    result.stdout.no_fnmatch_line("*engine.py*")
