"""Runs by a pool that is not there: when they are submitted, saved and given up."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bnclaims.errors import ArmError, ClusterError, DescriptionError
from bnclaims.experiment.arm import Arm
from bnclaims.experiment.history import Trained
from bnclaims.running import remote
from bnclaims.running.local_store import LocalStore
from bnclaims.running.mailbox import Mailbox
from bnclaims.running.progress import Journal, Progress
from bnclaims.running.remote import RemoteSchedule
from bnclaims.running.schedule import Request
from tests.fakes import FakeArm, assert_same, history_of

Asked = tuple[str, int]


class FakePool:
    """Answers what `answer` says, when asked."""

    threads = 3

    def __init__(self, answer: Callable[[Arm, int], Trained | Exception | None]) -> None:
        self._answer = answer
        self.asked: dict[Asked, tuple[Arm, float, bool]] = {}
        self._left: set[Asked] = set()

    def __str__(self) -> str:
        return "a pool"

    def submit(self, arm: Arm, seed: int, *, priority: float, needed: bool) -> None:
        key = arm.digest, seed
        if key not in self.asked:
            self._left.add(key)
            self.asked[key] = arm, priority, False
        arm, priority, before = self.asked[key]
        self.asked[key] = arm, priority, needed or before

    def answers(self) -> Iterator[tuple[Arm, int, Trained | Exception]]:
        for key in sorted(self._left):
            if (answer := self._answer(self.asked[key][0], key[1])) is not None:
                self._left.remove(key)
                yield self.asked[key][0], key[1], answer

    def close(self) -> None:
        pass


def trained(arm: Arm, seed: int) -> Trained:
    return Trained(history_of(seed), seconds=2.5)


LONG, SHORT = FakeArm("long", cost=9), FakeArm("short", cost=2)
PLANNED = [Request(SHORT, (0, 1)), Request(LONG, (0, 1))]


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def test_what_is_planned_is_submitted_at_once_and_saved_as_it_is_done(store: LocalStore) -> None:
    pool = FakePool(trained)
    schedule = RemoteSchedule(store, pool, None, PLANNED)
    schedule.require([PLANNED[0]])
    assert set(pool.asked) == {("short", 0), ("short", 1), ("long", 0), ("long", 1)}
    for request in PLANNED:
        assert request.missing(store) == []
        for seed in request.seeds:
            assert_same(store.load(request.arm, seed), history_of(seed))


def test_first_looks_come_before_later_ones_and_of_either_the_longest_first(
    store: LocalStore,
) -> None:
    pool = FakePool(trained)
    schedule = RemoteSchedule(store, pool, None, PLANNED)
    schedule.require([Request(arm, (0, 1, 2)) for arm in (LONG, SHORT)])
    priorities = {asked: priority for asked, (_, priority, _) in pool.asked.items()}
    order = sorted(priorities, key=lambda asked: -priorities[asked])
    assert [name for name, _ in order] == ["long", "long", "short", "short", "long", "short"]
    assert {seed for _, seed in order[4:]} == {2}


def test_what_a_claim_waits_for_is_marked_as_needed(store: LocalStore) -> None:
    pool = FakePool(trained)
    RemoteSchedule(store, pool, None, PLANNED).require([PLANNED[0]])
    assert {asked for asked, (*_, needed) in pool.asked.items() if needed} == {
        ("short", 0),
        ("short", 1),
    }


def test_with_everything_stored_no_pool_is_asked(store: LocalStore) -> None:
    for seed in (0, 1):
        store.save(SHORT, seed, history_of(seed))
    pool = FakePool(trained)
    schedule = RemoteSchedule(store, pool, None, PLANNED)
    schedule.require([PLANNED[0]])
    schedule.help()
    assert not pool.asked


def test_what_is_made_anew_for_one_claim_is_submitted_for_that_claim_only(
    store: LocalStore,
) -> None:
    fresh = Request(FakeArm("fresh", fresh=True), (0,))
    pool = FakePool(trained)
    schedule = RemoteSchedule(store, pool, None, [*PLANNED, fresh])
    schedule.require([PLANNED[0]])
    assert ("fresh", 0) not in pool.asked
    schedule.require([fresh])
    assert ("fresh", 0) in pool.asked


def test_an_error_is_that_of_the_claim_that_needs_the_run(store: LocalStore) -> None:
    def answer(arm: Arm, seed: int) -> Trained | Exception:
        return ArmError("too deep") if arm is LONG else trained(arm, seed)

    schedule = RemoteSchedule(store, FakePool(answer), None, PLANNED)
    schedule.require([PLANNED[0]])
    for _ in range(2):  # and of each other claim that needs it
        with pytest.raises(ArmError, match="too deep"):
            schedule.require([PLANNED[1]])


def test_an_arm_that_cannot_be_sent_is_an_error_of_the_claim_that_needs_it(
    store: LocalStore,
) -> None:
    class Picky(FakePool):
        def submit(self, arm: Arm, seed: int, *, priority: float, needed: bool) -> None:
            if arm is SHORT:
                raise DescriptionError("it holds a lock")
            super().submit(arm, seed, priority=priority, needed=needed)

    schedule = RemoteSchedule(store, Picky(trained), None, PLANNED)
    schedule.require([PLANNED[1]])
    with pytest.raises(DescriptionError, match="it holds a lock"):
        schedule.require([PLANNED[0]])


def test_a_lost_pool_is_an_error_and_what_came_back_is_stored(store: LocalStore) -> None:
    class Lost(FakePool):
        def answers(self) -> Iterator[tuple[Arm, int, Trained | Exception]]:
            yield SHORT, 0, trained(SHORT, 0)
            raise ClusterError("gone")

    schedule = RemoteSchedule(store, Lost(trained), None, PLANNED)
    with pytest.raises(ClusterError, match="gone"):
        schedule.require([PLANNED[0]])
    assert PLANNED[0].missing(store) == [1]


def test_what_was_warned_of_elsewhere_is_warned_of_here(store: LocalStore) -> None:
    pool = FakePool(lambda _, seed: Trained(history_of(seed), 1.0, ("by fit, slowly",)))
    with pytest.warns(UserWarning, match="by fit, slowly"):
        RemoteSchedule(store, pool, None, PLANNED).require([PLANNED[0]])


def test_of_several_workers_one_submits_what_all_plan(tmp_path: Path, store: LocalStore) -> None:
    pools = [FakePool(trained), FakePool(trained)]
    schedules = [
        RemoteSchedule(store, pool, Mailbox(tmp_path, name), PLANNED)
        for pool, name in zip(pools, ("gw0", "gw1"), strict=True)
    ]
    more = Request(FakeArm("more"), (0,))
    schedules[0].require([PLANNED[0]])
    schedules[1].require([more])
    assert len(pools[0].asked) == 4
    assert set(pools[1].asked) == {("more", 0)}


def test_it_looks_the_less_often_the_longer_nothing_comes(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    looks: Counter[int] = Counter()

    def answer(arm: Arm, seed: int) -> Trained | None:
        looks[seed] += arm is SHORT
        return trained(arm, seed) if arm is SHORT and looks[seed] == (6, 8)[seed] else None

    RemoteSchedule(store, FakePool(answer), None, PLANNED).require([PLANNED[0]])
    assert pauses == [0.04, 0.08, 0.16, 0.25, 0.25, 0.02, 0.04, 0.02]


def test_a_worker_that_is_done_saves_what_others_need(tmp_path: Path, store: LocalStore) -> None:
    others_turn = threading.Event()

    def answer(arm: Arm, seed: int) -> Trained | None:
        return trained(arm, seed) if arm is SHORT or others_turn.is_set() else None

    mine = RemoteSchedule(store, FakePool(answer), Mailbox(tmp_path, "gw0"), PLANNED)
    with Mailbox(tmp_path, "gw1").working():
        mine.require([PLANNED[0]])
        helper = threading.Thread(target=mine.help)
        helper.start()
        others_turn.set()
        end = time.monotonic() + 30
        while PLANNED[1].missing(store):
            assert time.monotonic() < end
            time.sleep(0.02)
    helper.join(30)
    assert not helper.is_alive()


def test_a_worker_that_is_done_leaves_a_lost_pool_to_those_who_need_it(
    tmp_path: Path, store: LocalStore
) -> None:
    lost = False

    def answer(arm: Arm, seed: int) -> Trained:
        if lost:
            raise ClusterError("gone")
        return trained(arm, seed)

    pool = FakePool(answer)
    schedule = RemoteSchedule(store, pool, Mailbox(tmp_path, "gw0"), PLANNED[:1])
    with Mailbox(tmp_path, "gw1").working():
        schedule.require([PLANNED[0]])
        lost = True
        pool.submit(LONG, 0, priority=1, needed=False)
        schedule.help()  # ends, though the other is at work


def test_progress_counts_the_threads_of_the_pool_and_says_that_it_waits_for_one(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "_SAID", 0.1)
    told: list[dict[str, Any]] = []
    progress = Progress()
    waited = threading.Event()

    def publish(event: dict[str, Any]) -> None:
        told.append(event)
        progress.add("gw0", event)
        if str(event.get("doing", "")).startswith("waits"):
            waited.set()

    pool = FakePool(lambda arm, seed: trained(arm, seed) if waited.is_set() else None)
    pool.threads = 0
    schedule = RemoteSchedule(store, pool, None, PLANNED, Journal(publish))
    schedule.require([PLANNED[0]])
    assert {"doing": "waits for a worker of a pool, 0 s", "arm": ""} in told
    assert len(progress.trained) == 4
    assert progress.trained["short", 0] == 2.5
    pool.threads = 3
    schedule.require([Request(SHORT, (5,))])
    assert progress.threads == 3
