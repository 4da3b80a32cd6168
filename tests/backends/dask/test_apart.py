"""A process that trains: a real one, whose trainer trains nothing."""

import os
import pickle
import signal
import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from bnclaims.backends.dask import apart
from bnclaims.backends.dask.apart import Apart, DeadError, Errand
from bnclaims.backends.dask.transport import packed, packed_arm
from bnclaims.errors import ArmError, ClusterError
from bnclaims.experiment.data import Data
from tests.fakes import FakeArm, FakeTrainer, assert_same, history_of


@pytest.fixture(scope="module")
def shared() -> Iterator[Apart]:
    process = Apart()
    yield process
    process.end()


@pytest.fixture
def own() -> Iterator[Apart]:
    process = Apart()
    yield process
    process.end()


def errand(
    trainer: Any, seed: int = 0, data: Data | None = None, versions: Mapping[str, str] | None = None
) -> Errand:
    stated = apart.versions() if versions is None else versions
    return Errand("here", packed_arm(FakeArm("arm")), data, packed(trainer), seed, stated)


def test_it_trains_one_run_after_another(shared: Apart) -> None:
    for seed in (3, 5):
        trained = shared.trained(errand(FakeTrainer(), seed), None)
        assert_same(trained.history, history_of(seed))
        assert trained.seconds >= 0
        assert trained.warnings == ()
    assert shared.is_alive()


def test_each_run_warns_of_what_an_earlier_one_has_warned_of(shared: Apart) -> None:
    trainer = FakeTrainer(lambda _: warnings.warn("slowly", stacklevel=1))
    for _ in range(2):
        assert shared.trained(errand(trainer), None).warnings == ("slowly",)


class Prepares(FakeTrainer):
    def prepare(self) -> None:
        os.environ["PREPARED"] = "yes"


class NeedsPreparation:
    """What imports Keras as it arrives, which the backend must have prepared for."""

    def __reduce__(self) -> Any:
        return prepared, ()


def prepared() -> str:
    return os.environ["PREPARED"]


def test_the_backend_is_prepared_before_the_arm_arrives(own: Apart) -> None:
    arm: Any = FakeArm("arm")
    arm.model = NeedsPreparation()
    sent = Errand("here", packed_arm(arm), None, packed(Prepares()), 0, apart.versions())
    assert_same(own.trained(sent, None).history, history_of(0))


def test_an_error_says_where_it_was_raised(shared: Apart) -> None:
    def work(seed: int) -> None:
        raise KeyError("nothing")

    with pytest.raises(KeyError, match="nothing") as caught:
        shared.trained(errand(FakeTrainer(work)), None)
    assert caught.value.__notes__ == ["(raised on here)"]
    assert caught.traceback[-1].name == "work"


def test_an_error_that_cannot_travel_travels_as_text(shared: Apart) -> None:
    def work(seed: int) -> None:
        class OwnError(Exception):
            def __init__(self, one: int, two: int) -> None:
                super().__init__("broken")

        raise OwnError(1, 2)

    with pytest.raises(RuntimeError, match=r"(?s)in work.*OwnError: broken.*raised on here"):
        shared.trained(errand(FakeTrainer(work)), None)
    shared.trained(errand(FakeTrainer()), None)


def test_a_backend_that_misses_its_library_is_named_with_its_machine(shared: Apart) -> None:
    class Bare(FakeTrainer):
        @property
        def versions(self) -> dict[str, str]:
            raise ArmError("tensorflow is not installed: run `pip install tensorflow`")

        @versions.setter
        def versions(self, value: dict[str, str]) -> None:
            pass

    with pytest.raises(ClusterError, match=r"^here: tensorflow is not installed"):
        shared.trained(errand(Bare()), None)


def test_what_was_packed_by_another_python_is_not_unpacked(shared: Apart) -> None:
    other = {**apart.versions(), "Python": "3.9"}
    with pytest.raises(ClusterError, match=r"^here has Python 3\.\d+ instead of 3\.9\. Install"):
        shared.trained(errand(FakeTrainer(), versions=other), None)


def test_it_keeps_the_memory_that_it_has_whatever_a_nanny_sets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A training that gets its memory anew at each step takes twice as long.
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "65536")
    process = Apart()
    try:
        process.trained(errand(FakeTrainer(lambda _: no_early_trimming())), None)
    finally:
        process.end()


def no_early_trimming() -> None:
    assert "MALLOC_TRIM_THRESHOLD_" not in os.environ


def test_data_travel_once(own: Apart, small_data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    dumps = pickle.dumps

    def counted(*arguments: Any, **named: Any) -> bytes:
        content = dumps(*arguments, **named)
        sizes.append(len(content))
        return content

    monkeypatch.setattr(pickle, "dumps", counted)
    for _ in range(2):
        own.trained(errand(FakeTrainer(), data=small_data), None)
    assert sizes[0] > small_data.x_train.nbytes > 50 * sizes[1]


def test_a_process_that_dies_says_how(own: Apart) -> None:
    with pytest.raises(DeadError, match=r"^SIGKILL$"):
        own.trained(errand(FakeTrainer(lambda _: os.kill(os.getpid(), signal.SIGKILL))), None)
    assert not own.is_alive()


def test_a_run_that_takes_too_long_is_ended(own: Apart) -> None:
    with pytest.raises(TimeoutError):
        own.trained(errand(FakeTrainer(lambda _: time.sleep(600))), 0.5)
    assert not own.is_alive()


def test_it_ends_with_whoever_started_it_also_in_the_middle_of_a_run(tmp_path: Path) -> None:
    def work(seed: int) -> None:
        (tmp_path / "begun").touch()
        time.sleep(600)

    process = Apart()
    process._line.send_bytes(pickle.dumps(errand(FakeTrainer(work))))
    while not (tmp_path / "begun").exists():
        time.sleep(0.05)
    process._line.close()
    assert process._process.wait(30) == 0
