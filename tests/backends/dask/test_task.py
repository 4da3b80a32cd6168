"""What a worker does where the processes that train die, or are in use."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from bnclaims.backends.dask import task
from bnclaims.backends.dask.apart import DeadError, Errand
from bnclaims.errors import ArmError
from bnclaims.experiment.history import Trained
from tests.fakes import history_of


class FakeProcess:
    """Dies as often as the class says."""

    deaths = 0
    started = 0
    hangs = False

    def __init__(self) -> None:
        type(self).started += 1
        self._alive = True

    def trained(self, errand: Errand, timeout: float | None) -> Trained:
        if self.hangs:
            self._alive = False
            raise TimeoutError
        if type(self).deaths:
            type(self).deaths -= 1
            self._alive = False
            raise DeadError("SIGSEGV")
        return Trained(history_of(errand.seed), 1.0)

    def is_alive(self) -> bool:
        return self._alive

    def end(self) -> None:
        self._alive = False


@pytest.fixture(autouse=True)
def processes(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[FakeProcess]]:
    kind = type("Fake", (FakeProcess,), {})
    monkeypatch.setattr(task, "Apart", kind)
    monkeypatch.setattr(task, "get_worker", lambda: SimpleNamespace(address="tcp://w:1"))
    task._end_all()
    yield kind
    task._end_all()


def train(seed: int = 0, timeout: float | None = None) -> Trained:
    return task.train("arm", b"", None, b"", seed, versions={}, timeout=timeout)


def test_a_process_is_used_again(processes: type[FakeProcess]) -> None:
    for seed in range(3):
        assert train(seed).history.loss[0] == seed + 0.5
    assert processes.started == 1


@pytest.mark.parametrize("deaths", [1, 2])
def test_a_run_outlives_the_death_of_its_process(processes: type[FakeProcess], deaths: int) -> None:
    processes.deaths = deaths
    train()
    assert processes.started == deaths + 1


def test_a_run_that_kills_three_processes_is_an_error(processes: type[FakeProcess]) -> None:
    processes.deaths = 3
    with pytest.raises(ArmError) as caught:
        train(7)
    assert str(caught.value) == (
        "arm, seed 7: 3 processes died that trained it on the Dask worker tcp://w:1, the last with "
        "SIGSEGV. It may take more memory than there is"
    )
    train()  # the next run gets a new one


def test_a_run_that_takes_too_long_is_tried_once(processes: type[FakeProcess]) -> None:
    processes.hangs = True
    with pytest.raises(ArmError, match=r"^arm, seed 0: not done after 2.5 seconds \(--claims-run-"):
        train(timeout=2.5)
    assert processes.started == 1
