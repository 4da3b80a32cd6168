"""What others bring is held to what the seams say: no hang, no wrong number, one readable line."""

import contextlib
import pickle
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from bnclaims.errors import ArmError, BnclaimsError, CommandError, StoreError
from bnclaims.experiment.arm import Arm
from bnclaims.experiment.history import History
from bnclaims.running.contract import CheckedBackend, CheckedStore
from tests.fakes import FakeArm, FakeTrainer, assert_same, history_of

ARM = FakeArm("arm")


class Trainer(FakeTrainer):
    """One that yields what it is made with, whatever it is asked for."""

    def __init__(self, *answers: Any, takes: int = 2, **versions: Any) -> None:
        super().__init__(**versions)
        self.answers, self.takes = answers, takes

    def run(self, arm: Arm, seeds: Iterable[int]) -> Iterator[Any]:
        for _, _ in zip(range(self.takes), seeds, strict=False):
            pass
        yield from self.answers


def runs(backend: Any, *seeds: int) -> dict[int, History]:
    return dict(CheckedBackend(backend).run(ARM, iter(seeds)))


def test_runs_come_as_the_backend_yields_them() -> None:
    found = runs(FakeTrainer(), 4, 2, 7)
    assert list(found) == [4, 2, 7]
    for seed, history in found.items():
        assert_same(history, history_of(seed))
    assert runs(Trainer((np.int64(2), history_of(2)), (1, history_of(1))), 1, 2).keys() == {2, 1}


def test_seeds_are_taken_one_by_one() -> None:
    taken: list[int] = []

    def free() -> Iterator[int]:
        for seed in range(3):
            taken.append(seed)
            yield seed

    for seed, _ in CheckedBackend(FakeTrainer()).run(ARM, free()):
        assert taken == list(range(seed + 1))


ONE, TWO = (1, history_of(1)), (2, history_of(2))


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ((), "fake arm: the backend 'fake' yielded no run with seed 1: yield one for each seed"),
        ((TWO,), "yielded no run with seed 1: yield one for each seed, or raise an ArmError"),
        (
            (ONE, (3, history_of(3))),
            "yielded a run with seed 3, which it has not taken",
        ),
        ((ONE, ONE), "yielded a run with seed 1, which it has not taken, or yielded before"),
        ((history_of(1),), r"yielded History\(.*: yield pairs of a seed and its History"),
        (((1, 0.5),), r"yielded \(1, 0.5\): yield pairs of a seed and its History"),
        (((1, history_of(1), 2),), "yield pairs of a seed and its History"),
        ((([1], history_of(1)),), "yield pairs of a seed and its History"),
        (
            ((1, History(loss=np.array([1j]))),),
            r"fake arm, seed 1: the backend 'fake' yielded a History whose loss is array\(\[0",
        ),
        (((1, History(loss=np.ones((1, 2)))),), "give a list or an array of one number an epoch"),
        (((1, History(val_accuracy=np.array([97.0]))),), "give shares, from 0 to 1"),
    ],
)
def test_a_backend_that_breaks_its_promise_is_told_so(answers: Any, words: str) -> None:
    """One that left a run out hung the session; complex losses were a verdict."""
    with pytest.raises(ArmError, match=words):
        runs(Trainer(*answers), 1, 2)


SEEDS = st.integers(0, 3)
CURVES: Any = arrays.arrays(
    arrays.scalar_dtypes() | arrays.unicode_string_dtypes(), arrays.array_shapes(max_side=2)
)
HISTORIES = st.builds(
    History,
    loss=CURVES | st.lists(st.floats()) | st.none(),
    val_accuracy=CURVES,
    metrics=st.dictionaries(st.text(max_size=2), CURVES, max_size=1) | st.none(),
    probes=st.dictionaries(st.text(max_size=2), CURVES, max_size=1),
)
GOOD = st.builds(lambda seed: (seed, history_of(seed)), SEEDS)
ANSWERS = GOOD | st.tuples(SEEDS, HISTORIES) | st.tuples(SEEDS, st.none()) | HISTORIES | st.text()


@given(
    answers=st.lists(GOOD | ANSWERS, max_size=4),
    seeds=st.lists(SEEDS, unique=True),
    takes=st.integers(0, 4),
)
def test_whatever_is_yielded_each_seed_has_a_run_or_the_arm_an_error(
    answers: list[Any], seeds: list[int], takes: int
) -> None:
    try:
        found = list(CheckedBackend(Trainer(*answers, takes=takes)).run(ARM, iter(seeds)))
    except ArmError:
        return
    assert sorted(seed for seed, _ in found) == sorted(seeds)
    for _, history in found:
        assert history.loss.dtype == history.val_accuracy.dtype == np.float64
        assert history.loss.ndim == history.val_accuracy.ndim == 1
        assert not any(array.dtype.hasobject for array in history.to_arrays().values())


def test_a_backend_that_takes_no_seed_is_told_so() -> None:
    with pytest.raises(ArmError, match="yielded no run with seed 5"):
        runs(Trainer(takes=0), 5)
    assert runs(Trainer(takes=0)) == {}


def test_a_backend_that_returns_nothing_is_told_so() -> None:
    class Forgetful(FakeTrainer):
        def run(self, arm: Arm, seeds: Iterable[int]) -> Any:
            return None

    with pytest.raises(ArmError, match="the backend 'fake' returned None: yield pairs of a seed"):
        runs(Forgetful(), 1)


def test_what_a_backend_raises_is_its_own() -> None:
    def work(seed: int) -> None:
        raise OSError(f"no device for {seed}")

    with pytest.raises(OSError, match="no device for 1"):
        runs(FakeTrainer(work), 1)


@pytest.mark.parametrize("given", [3, None, FakeTrainer, object()])
def test_what_is_no_backend_is_refused(given: Any) -> None:
    words = "pytest_claims_backend returned .*: give an object with name, versions, prepare and run"
    with pytest.raises(CommandError, match=words):
        CheckedBackend(given)


@pytest.mark.parametrize("versions", [{"fake": 1}, {1: "fake"}])
def test_versions_are_names_and_texts(versions: Any) -> None:
    backend = FakeTrainer()
    backend.versions = versions
    with pytest.raises(CommandError, match="the backend 'fake' has versions"):
        CheckedBackend(backend)


def test_a_name_is_a_text() -> None:
    backend: Any = FakeTrainer()
    backend.name = 3
    with pytest.raises(CommandError, match="a backend whose name is 3: give a text"):
        CheckedBackend(backend)


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (KeyError("gpu"), CommandError, "^the backend 'fake' cannot say its versions: KeyError: "),
        (ArmError("no GPU"), ArmError, "^no GPU$"),
    ],
)
def test_versions_that_fail_are_told(
    error: Exception, kind: type[BnclaimsError], words: str
) -> None:
    class Broken(FakeTrainer):
        @property
        def versions(self) -> Any:
            raise error

        @versions.setter
        def versions(self, value: Any) -> None:
            pass

    with pytest.raises(kind, match=words):
        CheckedBackend(Broken())


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RuntimeError("no GPU"), "^the backend 'fake' cannot prepare: RuntimeError: no GPU$"),
        (ArmError("no GPU"), "^no GPU$"),
    ],
)
def test_a_backend_that_cannot_prepare_is_told(error: Exception, words: str) -> None:
    class Broken(FakeTrainer):
        def prepare(self) -> None:
            raise error

    with pytest.raises(ArmError, match=words):
        CheckedBackend(Broken()).prepare()


def test_a_checked_backend_travels_and_asks_for_versions_where_it_is() -> None:
    backend = FakeTrainer(keras="3")
    there = pickle.loads(pickle.dumps(CheckedBackend(backend)))
    assert there.versions == {"keras": "3"}
    there._backend.versions = {"keras": "4"}
    assert there.versions == {"keras": "4"}


class Memory:
    """A store of somebody else's."""

    def __init__(self) -> None:
        self.runs: dict[tuple[str, int], Any] = {}
        self.free: Any = True

    def __str__(self) -> str:
        return "the memory"

    def load(self, arm: Arm, seed: int) -> Any:
        return self.runs.get((arm.digest, seed))

    def save(self, arm: Arm, seed: int, history: History) -> None:
        self.runs[arm.digest, seed] = history

    def lock(self, arm: Arm, name: str) -> Any:
        return contextlib.nullcontext(self.free)

    def holder(self, arm: Arm, name: str) -> str:
        return "nobody"


def test_a_store_is_asked_as_it_is() -> None:
    store = CheckedStore(Memory())
    assert store.load(ARM, 1) is None
    store.save(ARM, 1, history_of(1))
    found = store.load(ARM, 1)
    assert found is not None
    assert_same(found, history_of(1))
    with store.lock(ARM, "1") as free:
        assert free
    assert (str(store), store.holder(ARM, "1")) == ("the memory", "nobody")


def test_a_store_that_forgets_is_told_so() -> None:
    """The session trained the run again, and again."""

    class Forgetful(Memory):
        def save(self, arm: Arm, seed: int, history: History) -> None:
            pass

    words = "^the memory has not kept the run of fake arm with seed 1: load what was saved"
    with pytest.raises(StoreError, match=words):
        CheckedStore(Forgetful()).save(ARM, 1, history_of(1))


def test_a_store_that_loads_something_else_is_told_so() -> None:
    store = Memory()
    store.runs["arm", 1] = [0.5]
    words = r"^the memory loaded \[0.5\] for fake arm, seed 1: return the run's History, or None$"
    with pytest.raises(StoreError, match=words):
        CheckedStore(store).load(ARM, 1)


def test_a_lock_says_whether_it_was_free() -> None:
    store = Memory()
    store.free = None
    words = "the memory locked fake arm and said None: yield whether it was free"
    with pytest.raises(StoreError, match=words), CheckedStore(store).lock(ARM, "1"):
        pass


@pytest.mark.parametrize("given", [None, Memory, {}])
def test_what_is_no_store_is_refused(given: Any) -> None:
    words = "pytest_claims_store returned .*: give an object with load, save, lock and holder"
    with pytest.raises(CommandError, match=words):
        CheckedStore(given)
