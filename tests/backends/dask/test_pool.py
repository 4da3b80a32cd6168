"""A cluster of real processes on loopback, whose trainer trains nothing."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dask
import pytest
from distributed import Client, LocalCluster

from bnclaims.backends.dask import pool as pools
from bnclaims.backends.dask.pool import DaskPool
from bnclaims.errors import ArmError, BnclaimsError, ClusterError
from bnclaims.experiment.arm import Arm
from bnclaims.experiment.history import History, Trained
from tests import clusters
from tests.fakes import FakeArm, FakeTrainer, assert_same, history_of

ROOT = Path(__file__).parents[3]
GUARD = 300  # seconds after which a test that hangs gives up


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with clusters.started() as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def all_workers(cluster: LocalCluster) -> None:
    """Those that a test before has killed are back."""
    with Client(cluster.scheduler_address, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=GUARD)


MakePool = Callable[..., DaskPool]


@pytest.fixture
def make(cluster: LocalCluster) -> Iterator[MakePool]:
    made: list[DaskPool] = []

    def make(trainer: FakeTrainer, **options: Any) -> DaskPool:
        made.append(DaskPool(cluster.scheduler_address, lambda _: trainer, **options))
        return made[-1]

    yield make
    for pool in made:
        pool.close()


Answers = dict[tuple[str, int], Trained | Exception]


def answers(pool: DaskPool, count: int) -> Answers:
    """What has become of as many runs, in the order in which they were done."""
    found: Answers = {}
    end = time.monotonic() + GUARD
    while len(found) < count:
        assert time.monotonic() < end, f"only {found}"
        found |= {(arm.digest, seed): answer for arm, seed, answer in pool.answers()}
        time.sleep(0.02)
    return found


def submit(pool: DaskPool, arm: Arm, *seeds: int, priority: float = 1, needed: bool = True) -> None:
    for seed in seeds:
        pool.submit(arm, seed, priority=priority, needed=needed)


def history(answer: Trained | Exception) -> History:
    assert isinstance(answer, Trained), answer
    return answer.history


def assert_trained(found: Answers) -> None:
    """Each run is what its seed makes it."""
    for (_, seed), answer in found.items():
        assert_same(history(answer), history_of(seed))


def test_runs_come_back_as_they_would_be_here(make: MakePool) -> None:
    pool = make(FakeTrainer())
    assert pool.threads == 2
    submit(pool, FakeArm("plain"), *range(6))
    found = answers(pool, 6)
    assert found.keys() == {("plain", seed) for seed in range(6)}
    assert_trained(found)
    assert list(pool.answers()) == []


def test_a_run_that_two_clients_ask_for_is_trained_once(make: MakePool, tmp_path: Path) -> None:
    def work(seed: int) -> None:
        (tmp_path / f"{seed}-{time.monotonic_ns()}").touch()
        time.sleep(1)

    one, two = make(FakeTrainer(work)), make(FakeTrainer(work))
    submit(one, FakeArm("shared"), 0, 1)
    submit(two, FakeArm("shared"), 1, 0)
    submit(two, FakeArm("shared"), 1)
    assert answers(one, 2).keys() == answers(two, 2).keys()
    assert len(list(tmp_path.iterdir())) == 2


def test_what_is_made_anew_in_each_session_is_shared_with_none(
    make: MakePool, tmp_path: Path
) -> None:
    def work(seed: int) -> None:
        (tmp_path / f"{seed}-{time.monotonic_ns()}").touch()
        time.sleep(0.5)

    for pool in (pools := [make(FakeTrainer(work)), make(FakeTrainer(work))]):
        submit(pool, FakeArm("fresh", fresh=True), 0)
    for pool in pools:
        answers(pool, 1)
    assert len(list(tmp_path.iterdir())) == 2


def test_those_with_a_higher_priority_come_first(
    make: MakePool, cluster: LocalCluster, tmp_path: Path
) -> None:
    def work(seed: int) -> None:
        (tmp_path / f"{time.monotonic_ns()}-{seed}").touch()
        while seed >= 100 and not (tmp_path / "go").exists():
            time.sleep(0.02)
        time.sleep(0.2)

    pool = make(FakeTrainer(work))
    submit(pool, FakeArm("busy"), 100, 101)
    for seed in range(12):
        submit(pool, FakeArm("ranked"), seed, priority=seed)
    tasks = cluster.scheduler.tasks
    while len([key for key in tasks if "run-ranked" in key or "run-busy" in key]) < 14:
        time.sleep(0.02)
    time.sleep(0.5)  # for those that are given out to have arrived
    waiting = [
        int(task.key.rpartition("-")[2])
        for task in cluster.scheduler.queued.sorted()
        if "run-ranked" in task.key
    ]
    (tmp_path / "go").touch()
    answers(pool, 14)
    began = [int(path.name.partition("-")[2]) for path in sorted(tmp_path.glob("*-*"))]
    # Dask had given the others to workers before: whichever were there when the arm was.
    ranked = [seed for seed in began if seed in waiting]
    assert len(waiting) >= 8
    assert waiting == sorted(waiting, reverse=True)
    # Two workers that begin what Dask hands them may overtake each other, so by thirds.
    third = len(ranked) // 3
    assert min(ranked[:third]) > max(ranked[-third:])


def test_an_error_comes_back_with_the_place_where_it_was_raised(make: MakePool) -> None:
    def work(seed: int) -> None:
        raise ValueError(f"seed {seed} is unlucky")

    pool = make(FakeTrainer(work))
    submit(pool, FakeArm("raises"), 13)
    error = answers(pool, 1)["raises", 13]
    assert isinstance(error, ValueError)
    assert str(error) == "seed 13 is unlucky"
    assert error.__notes__[0].startswith("(raised on the Dask worker tcp://")
    names = [frame.name for frame in _frames(error)]
    assert names[-1] == "work"


def _frames(error: Exception) -> Any:
    import traceback

    return traceback.extract_tb(error.__traceback__)


def test_our_own_errors_are_as_they_are_here(make: MakePool) -> None:
    def work(seed: int) -> None:
        raise ArmError("no such model")

    pool = make(FakeTrainer(work))
    submit(pool, FakeArm("refused"), 0)
    error = answers(pool, 1)["refused", 0]
    assert isinstance(error, ArmError)
    assert str(error) == "no such model"


def test_a_run_that_kills_its_process_is_an_error_and_its_neighbours_are_not(
    make: MakePool,
) -> None:
    def work(seed: int) -> None:
        if seed == 3:
            os._exit(7)
        time.sleep(0.1)

    pool = make(FakeTrainer(work))
    submit(pool, FakeArm("deadly"), *range(8))
    found = answers(pool, 8)
    error = found.pop(("deadly", 3))
    assert isinstance(error, ArmError)
    assert str(error).startswith(
        "fake deadly, seed 3: 3 processes died that trained it on the Dask"
    )
    assert "exit status 7" in str(error)
    assert_trained(found)


@pytest.mark.slow
def test_a_run_that_kills_workers_is_an_error_and_its_neighbours_are_not(make: MakePool) -> None:
    def work(seed: int) -> None:
        if seed == 2:
            os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(0.2)

    pool = make(FakeTrainer(work))
    submit(pool, FakeArm("murder"), *range(6))
    found = answers(pool, 6)
    error = found.pop(("murder", 2))
    assert isinstance(error, ArmError)
    assert "Dask workers died each time that they trained it" in str(error)
    assert_trained(found)


def test_a_worker_that_is_killed_in_the_middle_costs_nothing(
    make: MakePool, cluster: LocalCluster, tmp_path: Path
) -> None:
    def work(seed: int) -> None:
        (tmp_path / str(os.getppid())).touch()
        time.sleep(1)

    pool = make(FakeTrainer(work))
    submit(pool, FakeArm("bystander"), *range(4))
    while not (workers := list(tmp_path.iterdir())):
        time.sleep(0.02)
    os.kill(int(workers[0].name), signal.SIGKILL)
    assert_trained(answers(pool, 4))


def test_a_run_that_takes_too_long_is_ended(make: MakePool, tmp_path: Path) -> None:
    def work(seed: int) -> None:
        (tmp_path / str(os.getpid())).touch()
        time.sleep(600)

    before = make(FakeTrainer(lambda _: time.sleep(0.2)))
    submit(before, FakeArm("starts"), *range(6))
    answers(before, 6)  # the processes that train have started, which counts, too
    pool = make(FakeTrainer(work), run_timeout=3)
    submit(pool, FakeArm("endless"), 4)
    error = answers(pool, 1)["endless", 4]
    assert isinstance(error, ArmError)
    said = "fake endless, seed 4: not done after 3 seconds (--claims-run-timeout)"
    assert str(error) == said
    [process] = tmp_path.iterdir()
    with pytest.raises(ProcessLookupError):
        os.kill(int(process.name), 0)


def test_what_is_warned_of_there_is_told_here(make: MakePool) -> None:
    def work(seed: int) -> None:
        import warnings

        warnings.warn("this is slow", stacklevel=1)

    pool = make(FakeTrainer(work))
    submit(pool, FakeArm("warns"), 0, 1)
    for answer in answers(pool, 2).values():
        assert isinstance(answer, Trained)
        assert answer.warnings == ("this is slow",)


class VersionedArm(FakeArm):
    """Says which versions its runs depend on."""

    def __init__(self, name: str, **versions: str) -> None:
        super().__init__(name)
        self.versions = versions
        self.libraries_used = {"scipy": "scipy 0.1"} if not versions else {}


@pytest.mark.parametrize(
    ("arm", "other"),
    [
        (VersionedArm("old", keras="2.0"), "keras 3.0 instead of 2.0"),
        (VersionedArm("odd", torch="2.0"), "torch not installed instead of 2.0"),
        (VersionedArm("library"), "instead of scipy 0.1"),
    ],
)
def test_a_worker_with_other_versions_is_refused(
    make: MakePool, arm: VersionedArm, other: str
) -> None:
    pool = make(FakeTrainer(keras="3.0"))
    submit(pool, arm, 0)
    error = answers(pool, 1)[arm.digest, 0]
    assert isinstance(error, ClusterError)
    assert str(error).startswith("the Dask worker tcp://")
    assert other in str(error)
    assert str(error).endswith(
        "Install the same versions on all machines: a run's numbers depend on them"
    )


def test_runs_take_resources(make: MakePool) -> None:
    pool = make(FakeTrainer(), resources={"GPU": 1})
    assert pool.threads == 0  # no worker has one
    submit(pool, FakeArm("needs a GPU"), 0)
    time.sleep(0.5)
    assert list(pool.answers()) == []


def test_a_client_that_goes_takes_its_runs_and_leaves_others(
    make: MakePool, cluster: LocalCluster, tmp_path: Path
) -> None:
    def work(seed: int) -> None:
        (tmp_path / f"{seed}").touch()
        time.sleep(0.3)

    goes, stays = make(FakeTrainer(work)), make(FakeTrainer(work))
    submit(goes, FakeArm("common"), *range(40))
    submit(stays, FakeArm("common"), 38, 39)
    goes.close()
    assert len(answers(stays, 2)) == 2
    time.sleep(1)  # for the runs that had begun
    begun = len(list(tmp_path.iterdir()))
    time.sleep(1)
    assert len(list(tmp_path.iterdir())) == begun < 40


# A cluster of its own, which may be damaged


def test_without_workers_it_waits_and_goes_on_when_one_comes(tmp_path: Path) -> None:
    file = tmp_path / "scheduler.json"
    with clusters.scheduler(file):
        pool = DaskPool(str(file), lambda _: FakeTrainer())
        submit(pool, FakeArm("patient"), 0)
        assert pool.threads == 0
        assert list(pool.answers()) == []
        with clusters.worker(file):
            assert len(answers(pool, 1)) == 1
            time.sleep(1.1)  # it is counted once a second
            assert pool.threads >= 1
        submit(pool, FakeArm("patient"), 1)
        time.sleep(0.5)
        with clusters.worker(file):
            assert len(answers(pool, 1)) == 1
        pool.close()


def test_a_scheduler_that_is_gone_is_said_so(tmp_path: Path) -> None:
    file = tmp_path / "scheduler.json"
    with clusters.scheduler(file) as process:
        pool = DaskPool(str(file), lambda _: FakeTrainer())
        submit(pool, FakeArm("lost"), 0)
        process.kill()
        process.wait()
        with pytest.raises(ClusterError, match=r"Dask at .* was lost \(.*\). The runs that had"):
            answers(pool, 1)
        with pytest.raises(ClusterError, match="was lost"):
            submit(pool, FakeArm("later"), 0)
        pool.close()


def test_an_encrypted_cluster_is_reached_by_dasks_own_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj",
         "/CN=here", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    tls = {"ca-file": str(certificate)}
    for role in ("scheduler", "worker", "client"):
        tls |= {f"{role}.cert": str(certificate), f"{role}.key": str(key)}
        for what, file in (("CERT", certificate), ("KEY", key)):
            monkeypatch.setenv(f"DASK_DISTRIBUTED__COMM__TLS__{role.upper()}__{what}", str(file))
    monkeypatch.setenv("DASK_DISTRIBUTED__COMM__TLS__CA_FILE", str(certificate))
    file = tmp_path / "scheduler.json"
    with clusters.scheduler(file, "--protocol", "tls"), clusters.worker(file):
        with dask.config.set(
            {f"distributed.comm.tls.{name}": value for name, value in tls.items()}
        ):
            assert "at tls://" in pools.note(str(file))
            pool = DaskPool(str(file), lambda _: FakeTrainer())
            submit(pool, FakeArm("secret"), 0)
            assert_same(history(answers(pool, 1)["secret", 0]), history_of(0))
            pool.close()
        with pytest.raises(ClusterError, match="no Dask scheduler answers"):
            pools.connected(str(file))  # without a certificate


def test_a_scheduler_without_this_package_is_said_so() -> None:
    cause = ModuleNotFoundError("No module named 'bnclaims'", name="bnclaims")
    error = RuntimeError("Error during deserialization of the task graph")
    error.__cause__ = cause
    for met in (cause, error):
        said = pools._told(met, None)
        assert isinstance(said, ClusterError)
        assert str(said).startswith("a machine of the cluster has no bnclaims")


def test_where_no_scheduler_answers_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "_TIMEOUT", 0.5)
    with pytest.raises(ClusterError, match=r"^no Dask scheduler answers at tcp://127.0.0.1:9 \("):
        pools.connected("tcp://127.0.0.1:9")
    with pytest.raises(ClusterError, match=r"^no Dask scheduler answers at nonsense://x \("):
        pools.connected("nonsense://x")


def test_a_file_that_is_no_scheduler_file_is_refused(tmp_path: Path) -> None:
    for content in ("", "{}", "[1]", '{"address": 3}'):
        (tmp_path / "file.json").write_text(content)
        with pytest.raises(BnclaimsError, match=r"^no Dask scheduler answers at .*file\.json \("):
            pools.connected(str(tmp_path / "file.json"))


def test_the_note_says_what_there_is(cluster: LocalCluster) -> None:
    said = pools.note(cluster.scheduler_address)
    assert said.startswith(f"2 Dask workers with 2 threads at {cluster.scheduler_address}")
    with Client(cluster.scheduler_address, set_as_default=False) as client:
        assert client.dashboard_link in said
