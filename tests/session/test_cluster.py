"""Whole sessions whose runs a cluster of real processes trains."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from distributed import LocalCluster

from bnclaims.errors import ClusterError
from bnclaims.session import cluster as clusters
from bnclaims.session.options import cores
from tests import fake_project, sessions
from tests.clusters import scheduler, started, worker

GUARD = 300


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with started() as cluster:
        yield cluster


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    return fake_project.prepare(pytester, monkeypatch)


def run(project: pytest.Pytester, scheduler: str, *options: str) -> pytest.RunResult:
    asked = [f"--claims-scheduler={scheduler}", "--claims-store=store", *options]
    return project.runpytest_subprocess("-p", "no:cacheprovider", *asked, timeout=GUARD)


def files(project: pytest.Pytester) -> list[Path]:
    return list((project.path / "store").glob("runs/*/*.run"))


def stored(project: pytest.Pytester) -> int:
    return len(files(project))


def wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + GUARD
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_workers_of_pytest_judge_and_workers_of_dask_train(
    project: pytest.Pytester, cluster: LocalCluster
) -> None:
    project.makepyfile(test_claims=fake_project.claims("", "", ""))
    address = cluster.scheduler_address
    result = run(project, address, "-n", "2")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(
        [f"bnclaims: trained by 2 Dask workers with 2 threads at {address}*"]
    )
    assert stored(project) == 4 * 5
    assert (project.path / "claims-report/index.html").exists()
    again = run(project, address, "-n", "0")
    again.assert_outcomes(passed=3)
    assert stored(project) == 4 * 5


def test_what_a_run_raised_is_its_claims_error_and_shows_where(
    project: pytest.Pytester, cluster: LocalCluster
) -> None:
    backend = fake_project.BACKEND.replace(
        "def trained(arm, seed):\n    pass",
        "def trained(arm, seed):\n    if arm.model.hidden == (3,) and seed == 2:\n"
        "        raise ValueError('three units are too many')",
    )
    project.makeconftest(backend)
    project.makepyfile(test_claims=fake_project.claims("", "", "", ""))
    result = run(project, cluster.scheduler_address, "-n", "0")
    result.assert_outcomes(passed=2, failed=2)  # two claims compare with three units
    result.stdout.fnmatch_lines(
        [
            ">*raise ValueError('three units are too many')",
            "E   ValueError: three units are too many",
            "E   (raised on the Dask worker tcp://127.0.0.1:*)",
        ]
    )


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ("sys.exit(3)", "SystemExit: 3"),
        ("pytest.skip('no')", "Skipped: no"),
        ("raise asyncio.CancelledError", "CancelledError"),
    ],
)
def test_a_run_that_ends_its_process_or_test_is_its_claims_error(
    project: pytest.Pytester, cluster: LocalCluster, ends: str, said: str
) -> None:
    """It killed the worker, and each claim had an AttributeError from within."""
    backend = fake_project.BACKEND.replace(
        "def trained(arm, seed):\n    pass",
        f"import asyncio\nimport sys\nimport pytest\n\ndef trained(arm, seed):\n"
        f"    if arm.model.hidden == (3,):\n        {ends}",
    )
    project.makeconftest(backend)
    project.makepyfile(test_claims=fake_project.claims("", "", "", ""))
    result = run(project, cluster.scheduler_address, "-n", "0")
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines([f"*, seed ?: it ended with {said}, on the Dask worker tcp://*"])


def test_an_interrupted_session_keeps_what_was_done_and_lets_go_of_the_rest(
    project: pytest.Pytester, cluster: LocalCluster
) -> None:
    project.makeconftest(
        fake_project.BACKEND.replace(
            "def trained(arm, seed):\n    pass", "def trained(arm, seed):\n    time.sleep(0.5)"
        )
    )
    project.makepyfile(test_claims=fake_project.claims(*[""] * 20))
    command = [
        sys.executable, "-c", sessions.HEARING,
        "-p", "no:cacheprovider", "-n", "0",
        f"--claims-scheduler={cluster.scheduler_address}", "--claims-store=store",
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=project.path, stdout=subprocess.DEVNULL)
    wait_until(lambda: stored(project) > 0)
    process.send_signal(signal.SIGINT)
    assert process.wait(GUARD) == 2
    wait_until(lambda: not any(str(k).startswith("bnclaims-run") for k in cluster.scheduler.tasks))
    assert 0 < stored(project) < 21 * 5


def test_a_scheduler_that_does_not_answer_ends_the_session_at_once(
    project: pytest.Pytester,
) -> None:
    project.makepyfile(test_claims=fake_project.claims(""))
    result = run(project, "tcp://127.0.0.1:9", "-n", "2")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [
            "ERROR: no Dask scheduler answers at tcp://127.0.0.1:9 (*): start one with `dask *",
        ]
    )


@pytest.mark.parametrize("workers", ["0", "2"])
def test_after_a_restart_of_the_scheduler_the_same_command_goes_on(
    project: pytest.Pytester, workers: str
) -> None:
    project.makeconftest(
        fake_project.BACKEND.replace(
            "def trained(arm, seed):\n    pass", "def trained(arm, seed):\n    time.sleep(0.2)"
        )
    )
    project.makepyfile(test_claims=fake_project.claims(*[""] * 8))
    file = project.path / "scheduler.json"
    command = [
        sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-n", workers,
        f"--claims-scheduler={file}", "--claims-store=store",
    ]  # fmt: skip
    with scheduler(file) as process, worker(file):
        session = subprocess.Popen(command, cwd=project.path, stdout=subprocess.PIPE, text=True)
        wait_until(lambda: stored(project) >= 5)
        process.kill()
        said, _ = session.communicate(timeout=GUARD)
    assert session.returncode == pytest.ExitCode.TESTS_FAILED
    assert "was lost (" in said
    assert "the same command goes on from there" in said
    before = {path: path.read_bytes() for path in files(project)}
    assert 5 <= len(before) < 9 * 5

    with scheduler(file), worker(file):
        again = run(project, str(file), "-n", workers)
    again.assert_outcomes(passed=8)
    assert stored(project) == 9 * 5
    assert all(path.read_bytes() == content for path, content in before.items())


def test_a_plan_needs_no_cluster(project: pytest.Pytester) -> None:
    project.makepyfile(test_claims=fake_project.claims(""))
    result = run(project, "tcp://127.0.0.1:9", "--claims-plan")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*10 runs*"])


def test_without_dask_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from contextlib import ExitStack

    import bnclaims.backends.dask.pool

    monkeypatch.delattr(bnclaims.backends.dask, "pool")
    monkeypatch.delitem(sys.modules, "bnclaims.backends.dask.pool")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ClusterError, match=r"run `pip install 'bnclaims\[dask\]'`"):
        clusters.reached("tcp://127.0.0.1:9", ExitStack())


@pytest.mark.slow
def test_a_cluster_for_this_session_only(project: pytest.Pytester) -> None:
    project.makepyfile(test_claims=fake_project.claims("", ""))
    result = run(project, "local", "-n", "2")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines([f"bnclaims: trained by {cores()} Dask workers with *"])


KERAS = """
from bnclaims import MLP, Optimizer, claim, mean_loss
from helpers import build

SGD = {"optimizer": Optimizer("SGD", momentum=0.9), "batch_size": 64, "epochs": 2}

@claim("A deeper one is slower", source="own", id="a")
def test_a(train):
    assert mean_loss(train(MLP("relu", hidden=(16,)), **SGD)) < 10

@claim("So is one of my own", source="own", id="b")
def test_b(train):
    assert mean_loss(train(build, loss="sparse_categorical_crossentropy", **SGD)) < 10
"""

HELPERS = """
def build():
    import keras
    return keras.Sequential([
        keras.Input((28, 28)), keras.layers.Flatten(), keras.layers.Dense(8, activation="tanh"),
        keras.layers.Dropout(0.2), keras.layers.Dense(10, activation="softmax"),
    ])
"""

PROTOCOL = """
from bnclaims import TrainingProtocol
pytest_plugins = ["bnclaims.plugin"]
def pytest_claims_protocols():
    return [TrainingProtocol("tiny", images=1000, epochs=2, loss="sparse_categorical_crossentropy")]
"""


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_runs_have_the_bits_that_they_have_here(project: pytest.Pytester, workers: int) -> None:
    project.makeconftest(PROTOCOL)
    project.makepyfile(test_claims=KERAS, helpers=HELPERS)
    with started(workers) as cluster:
        run(project, cluster.scheduler_address, "-n", "2").assert_outcomes(passed=2)
    here = project.runpytest_subprocess("-n", "0", "--claims-store=here", timeout=GUARD)
    here.assert_outcomes(passed=2)
    names = sorted(
        path.relative_to(project.path / "here")
        for path in (project.path / "here").glob("runs/*/*.run")
    )
    assert len(names) == 10
    for name in names:
        one, two = ((project.path / store / name).read_bytes() for store in ("here", "store"))
        assert _curves(one) == _curves(two), name


def _curves(file: bytes) -> dict[str, bytes]:
    from bnclaims.running.arrays import unpacked

    arrays = unpacked(file.split(b"\n", 2)[2])
    return {name: array.tobytes() for name, array in arrays.items() if name != "seconds"}
