"""Training on a thread: in order, watched, and left when it does not end."""

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
import pytest

from bnclaims.running import beside as module
from bnclaims.running.beside import Trained, beside
from tests.fakes import history_of

GUARD = 60  # seconds after which a test that hangs gives up


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TICK", 0.01)


def train(seeds: Iterable[int]) -> Iterator[Trained]:
    for seed in seeds:
        yield seed, history_of(seed)


def unwatched(_: Mapping[int, float]) -> None:
    """Checks nothing."""


def waiting(ended: threading.Event) -> Callable[[Iterable[int]], Iterator[Trained]]:
    """Returns a training that waits for an event in its second run."""

    def run(seeds: Iterable[int]) -> Iterator[Trained]:
        for number, trained in enumerate(train(seeds)):
            if number == 1:
                ended.wait(GUARD)
            yield trained

    return run


def test_runs_come_in_the_order_in_which_they_are_trained() -> None:
    found = list(beside(train, iter([4, 3, 5]), unwatched))
    assert [seed for seed, _ in found] == [4, 3, 5]
    for seed, history in found:
        np.testing.assert_array_equal(history.loss, history_of(seed).loss)


def test_they_are_trained_on_another_thread() -> None:
    threads = []

    def run(seeds: Iterable[int]) -> Iterator[Trained]:
        threads.append(threading.current_thread())
        return train(seeds)

    list(beside(run, iter([0]), unwatched))
    assert threads[0] is not threading.current_thread()
    assert threads[0].daemon  # so that one that never ends keeps no process alive


def test_an_error_is_raised_where_the_runs_are_wanted() -> None:
    def run(seeds: Iterable[int]) -> Iterator[Trained]:
        for seed, history in train(seeds):
            if seed == 8:
                raise ArithmeticError("diverged")
            yield seed, history

    runs = beside(run, iter([7, 8]), unwatched)
    assert next(runs)[0] == 7
    with pytest.raises(ArithmeticError, match="diverged"):
        next(runs)


def test_seeds_in_training_are_checked_with_how_long_they_have_been() -> None:
    ended, seen = threading.Event(), list[dict[int, float]]()

    def check(training: Mapping[int, float]) -> None:
        seen.append(dict(training))
        if len([each for each in seen if 1 in each]) == 3:
            ended.set()

    assert [seed for seed, _ in beside(waiting(ended), iter([0, 1]), check)] == [0, 1]
    of_the_second = [each[1] for each in seen if 1 in each]
    assert of_the_second == sorted(of_the_second)
    assert 0 < of_the_second[-1] < GUARD


def test_until_a_seed_is_taken_the_preparation_is_checked() -> None:
    ended, seen = threading.Event(), list[dict[int, float]]()

    def run(seeds: Iterable[int]) -> Iterator[Trained]:
        ended.wait(GUARD)
        return train(seeds)

    def check(training: Mapping[int, float]) -> None:
        seen.append(dict(training))
        ended.set()

    list(beside(run, iter([3]), check))
    assert seen[0].keys() == {-1}


def test_what_is_left_takes_no_further_seed() -> None:
    ended, taken = threading.Event(), list[int]()

    def seeds() -> Iterator[int]:
        for seed in range(5):
            taken.append(seed)
            yield seed

    def check(training: Mapping[int, float]) -> None:
        if 1 in training:
            raise TimeoutError("too long")

    before = set(threading.enumerate())
    runs = beside(waiting(ended), seeds(), check)
    assert next(runs)[0] == 0
    with pytest.raises(TimeoutError, match="too long"):
        list(runs)
    ended.set()
    for thread in set(threading.enumerate()) - before:
        thread.join(GUARD)
        assert not thread.is_alive()
    assert taken == [0, 1]


def test_who_wants_no_more_runs_leaves_it_too() -> None:
    seeds = itertools.count()
    runs = beside(train, seeds, unwatched)
    next(runs)
    runs.close()  # type: ignore[attr-defined]
    at = next(seeds)
    assert next(seeds) == at + 1  # nobody else takes any
