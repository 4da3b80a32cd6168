"""Who trains what when, with engines that train nothing and stores that are real."""

import asyncio
import errno
import multiprocessing
import os
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import pytest

from bnclaims.errors import ArmError
from bnclaims.experiment.arm import Arm
from bnclaims.experiment.history import History
from bnclaims.running.local_store import LocalStore
from bnclaims.running.mailbox import Mailbox
from bnclaims.running.progress import Journal, Progress
from bnclaims.running.schedule import Request, Schedule
from bnclaims.running.store import StoreWarning
from tests.fakes import FakeArm, FakeEngine, history_of

GUARD = 60  # seconds after which a test that hangs gives up
PROCESSES = multiprocessing.get_context("spawn")


class Background(threading.Thread):
    """Runs a function beside the test; `finish` waits for it and raises what it raised."""

    def __init__(self, target: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._work = target
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001  (it is raised again in the test)
            self._error = error

    def finish(self) -> None:
        self.join(GUARD)
        assert not self.is_alive(), "it still waits"
        if self._error is not None:
            raise self._error


class WatchedStore(LocalStore):
    """Says when it was asked for a run that it does not hold."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.asked = threading.Event()

    def load(self, arm: Arm, seed: int) -> History | None:
        history = super().load(arm, seed)
        if history is None:
            self.asked.set()
        return history


class Elsewhere:
    """Another worker, played by the test: holds locks and stores runs when told to."""

    def __init__(self, folder: Path) -> None:
        self._store = LocalStore(folder)
        self._locks: dict[tuple[str, str], ExitStack] = {}

    def lock(self, arm: Arm, *names: str) -> None:
        for name in names:
            stack = self._locks[arm.digest, name] = ExitStack()
            assert stack.enter_context(self._store.lock(arm, name))

    def let_go(self, arm: Arm, name: str) -> None:
        self._locks.pop((arm.digest, name)).close()

    def finish(self, arm: Arm, seed: int) -> None:
        self._store.save(arm, seed, history_of(seed))
        self.let_go(arm, str(seed))

    def is_free(self, arm: Arm, name: str) -> bool:
        with self._store.lock(arm, name) as held:
            return held


def alone(folder: Path, engine: FakeEngine) -> Schedule:
    return Schedule(LocalStore(folder), engine, None)


def sharing(
    folder: Path, engine: Any, planned: Sequence[Request] = (), worker: str = "gw0"
) -> Schedule:
    (folder / "mailbox").mkdir(exist_ok=True, parents=True)
    mailbox = Mailbox(folder / "mailbox", worker)
    return Schedule(LocalStore(folder), engine, mailbox, planned)


def runs_of(*requests: Request) -> list[tuple[str, int]]:
    return [(request.arm.digest, seed) for request in requests for seed in request.seeds]


ARM = FakeArm("arm")
FIVE = Request(ARM, (0, 1, 2, 3, 4))


# Alone


def test_cost_and_name_of_a_request() -> None:
    request = Request(FakeArm("arm", cost=3.0), (5, 6, 7, 8))
    assert request.cost == 12.0
    assert request.name == "5-4"


def test_trains_what_is_required_longest_first(tmp_path: Path) -> None:
    short, long, middle = (
        Request(FakeArm(name, cost), (0, 1))
        for name, cost in (("short", 1), ("long", 9), ("middle", 5))
    )
    many = Request(FakeArm("many", 2), tuple(range(6)))
    engine = FakeEngine()
    schedule = alone(tmp_path, engine)
    schedule.require([short, long, middle, many])
    assert engine.trained == runs_of(long, many, middle, short)
    assert not any(request.missing(LocalStore(tmp_path)) for request in (short, long, middle, many))
    assert LocalStore(tmp_path).load(long.arm, 1) is not None


def test_trains_nothing_that_is_stored(tmp_path: Path) -> None:
    alone(tmp_path, FakeEngine()).require([FIVE])
    engine = FakeEngine()
    schedule = alone(tmp_path, engine)
    schedule.require([FIVE])
    schedule.require([])
    schedule.require([FIVE, Request(ARM, (4, 5))])
    assert engine.trained == [("arm", 5)]


def test_resumes_a_request_that_is_partly_stored(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    for seed in (1, 3):
        store.save(ARM, seed, history_of(seed))
    engine = FakeEngine()
    schedule = alone(tmp_path, engine)
    assert FIVE.missing(LocalStore(tmp_path)) == [0, 2, 4]
    schedule.require([FIVE])
    assert engine.trained == [("arm", 0), ("arm", 2), ("arm", 4)]


def test_a_run_is_stored_as_soon_as_it_is_there(tmp_path: Path) -> None:
    def check(arm: Arm, seed: int) -> None:
        fresh = LocalStore(tmp_path)
        assert [s for s in range(5) if fresh.load(arm, s) is not None] == list(range(seed))

    alone(tmp_path, FakeEngine(check)).require([FIVE])


def test_trains_only_for_its_own_claims_when_alone(tmp_path: Path) -> None:
    engine = FakeEngine()
    schedule = Schedule(LocalStore(tmp_path), engine, None, [FIVE])
    schedule.require([Request(FakeArm("other"), (0,))])
    assert engine.trained == [("other", 0)]
    schedule.help()
    assert engine.trained == [("other", 0)]


def test_a_damaged_run_is_trained_again(tmp_path: Path) -> None:
    alone(tmp_path, FakeEngine()).require([FIVE])
    LocalStore(tmp_path).path(ARM, 2).write_bytes(b"damaged")
    engine = FakeEngine()
    with pytest.warns(StoreWarning, match=r"2\.run cannot be used"):
        alone(tmp_path, engine).require([FIVE])
    assert engine.trained == [("arm", 2)]
    assert FIVE.missing(LocalStore(tmp_path)) == []


@pytest.mark.filterwarnings("ignore::bnclaims.running.store.StoreWarning")
def test_a_full_disk_does_not_keep_it_from_ending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", no_space)
    engine = FakeEngine()
    schedule = alone(tmp_path, engine)
    schedule.require([FIVE])
    schedule.require([FIVE])
    assert engine.trained == runs_of(FIVE)


# Locks


def test_holds_the_locks_of_a_run_while_it_trains_and_no_longer(tmp_path: Path) -> None:
    elsewhere = Elsewhere(tmp_path)

    def check(arm: Arm, seed: int) -> None:
        assert not elsewhere.is_free(arm, FIVE.name)
        assert not elsewhere.is_free(arm, str(seed))
        assert all(elsewhere.is_free(arm, str(other)) for other in range(5) if other != seed)

    engine = FakeEngine(check)
    alone(tmp_path, engine).require([FIVE])
    assert engine.trained == runs_of(FIVE)
    assert all(elsewhere.is_free(ARM, name) for name in (FIVE.name, *"01234"))


def test_an_engine_may_take_several_seeds_and_give_them_back_in_any_order(tmp_path: Path) -> None:
    elsewhere = Elsewhere(tmp_path)

    def engine(arm: Arm, seeds: Iterable[int]) -> Iterator[tuple[int, History]]:
        taken = list(seeds)
        for seed in taken:
            assert not elsewhere.is_free(arm, str(seed))
        for seed in reversed(taken):
            yield seed, history_of(seed)
            assert elsewhere.is_free(arm, str(seed))

    schedule = Schedule(LocalStore(tmp_path), engine, None)
    schedule.require([FIVE])
    assert FIVE.missing(LocalStore(tmp_path)) == []


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_of_the_engine_passes_and_all_locks_are_let_go(
    tmp_path: Path, error: type[BaseException]
) -> None:
    def engine(arm: Arm, seeds: Iterable[int]) -> Iterator[tuple[int, History]]:
        first, second, third = (next(iter(seeds)) for _ in range(3))
        yield second, history_of(second)
        raise error(f"between {first} and {third}")

    schedule = Schedule(LocalStore(tmp_path), engine, None)
    with pytest.raises(error, match="between 0 and 2"):
        schedule.require([FIVE])
    assert FIVE.missing(LocalStore(tmp_path)) == [0, 2, 3, 4]
    elsewhere = Elsewhere(tmp_path)
    assert all(elsewhere.is_free(ARM, name) for name in (FIVE.name, *"01234"))
    again = FakeEngine()
    alone(tmp_path, again).require([FIVE])
    assert [seed for _, seed in again.trained] == [0, 2, 3, 4]


# Beside another worker


def test_waits_for_a_run_that_is_trained_elsewhere(tmp_path: Path) -> None:
    one = Request(ARM, (7,))
    elsewhere = Elsewhere(tmp_path)
    elsewhere.lock(ARM, one.name, "7")
    engine, store = FakeEngine(), WatchedStore(tmp_path)
    waiting = Background(lambda: Schedule(store, engine, None).require([one]))
    assert store.asked.wait(GUARD)
    assert waiting.is_alive()
    elsewhere.finish(ARM, 7)
    elsewhere.let_go(ARM, one.name)
    waiting.finish()
    assert engine.trained == []


def test_takes_over_a_run_that_was_given_up_elsewhere(tmp_path: Path) -> None:
    one = Request(ARM, (7,))
    elsewhere = Elsewhere(tmp_path)
    elsewhere.lock(ARM, one.name, "7")
    engine, store = FakeEngine(), WatchedStore(tmp_path)
    waiting = Background(lambda: Schedule(store, engine, None).require([one]))
    assert store.asked.wait(GUARD)
    elsewhere.let_go(ARM, "7")
    elsewhere.let_go(ARM, one.name)
    waiting.finish()
    assert engine.trained == [("arm", 7)]


def test_joins_a_request_in_progress_from_its_far_end(tmp_path: Path) -> None:
    elsewhere = Elsewhere(tmp_path)
    elsewhere.lock(ARM, FIVE.name, "0")
    last = threading.Event()
    engine = FakeEngine(lambda _, seed: last.set() if seed == 1 else None)
    joining = Background(lambda: alone(tmp_path, engine).require([FIVE]))
    assert last.wait(GUARD)
    assert joining.is_alive()
    elsewhere.finish(ARM, 0)
    elsewhere.let_go(ARM, FIVE.name)
    joining.finish()
    assert [seed for _, seed in engine.trained] == [4, 3, 2, 1]


def test_two_workers_meet_within_a_request(tmp_path: Path) -> None:
    """The first waits in its run 1 until the second, from the far end, is through with 2."""
    reached, met = threading.Event(), threading.Event()

    def slow(_arm: Arm, seed: int) -> None:
        if seed == 1:
            reached.set()
            assert met.wait(GUARD)

    first, second = FakeEngine(slow), FakeEngine()
    one = Background(lambda: alone(tmp_path, first).require([FIVE]))
    assert reached.wait(GUARD)
    rest = Background(lambda: alone(tmp_path, second).require([FIVE]))
    while FIVE.missing(LocalStore(tmp_path)) != [1]:
        assert rest.is_alive()
        threading.Event().wait(0.01)
    met.set()
    one.finish()
    rest.finish()
    assert [seed for _, seed in first.trained] == [0, 1]
    assert [seed for _, seed in second.trained] == [4, 3, 2]


def test_begins_what_is_free_before_it_joins_what_is_not(tmp_path: Path) -> None:
    long, short = Request(FakeArm("long", 9), (0, 1, 2)), Request(FakeArm("short"), (0, 1))
    elsewhere = Elsewhere(tmp_path)
    elsewhere.lock(long.arm, long.name, "0")
    joined = threading.Event()
    engine = FakeEngine(lambda arm, seed: joined.set() if (arm, seed) == (long.arm, 1) else None)
    working = Background(lambda: alone(tmp_path, engine).require([long, short]))
    assert joined.wait(GUARD)
    elsewhere.finish(long.arm, 0)
    working.finish()
    assert engine.trained == [("short", 0), ("short", 1), ("long", 2), ("long", 1)]


def test_helps_with_planned_work_while_its_own_is_trained_elsewhere(tmp_path: Path) -> None:
    own = Request(ARM, (0,))
    planned = [Request(FakeArm("small", 1), (0, 1)), Request(FakeArm("big", 5), (0, 1)), own]
    elsewhere = Elsewhere(tmp_path)
    elsewhere.lock(ARM, own.name, "0")
    helped = threading.Event()
    engine = FakeEngine(lambda arm, seed: helped.set() if (arm.digest, seed) == SMALL_1 else None)
    working = Background(lambda: sharing(tmp_path, engine, planned).require([own]))
    assert helped.wait(GUARD)
    elsewhere.finish(ARM, 0)
    elsewhere.let_go(ARM, own.name)
    working.finish()
    assert engine.trained == [("big", 0), ("big", 1), ("small", 0), ("small", 1)]


SMALL_1 = ("small", 1)


def test_returns_to_its_own_work_before_it_helps(tmp_path: Path) -> None:
    planned = [Request(FakeArm("big", 99), (0, 1)), FIVE]
    engine = FakeEngine()
    sharing(tmp_path, engine, planned).require([FIVE])
    assert engine.trained == runs_of(FIVE)


# help


def test_helping_ends_at_once_when_no_one_works(tmp_path: Path) -> None:
    engine = FakeEngine()
    sharing(tmp_path, engine, [FIVE]).help()
    assert engine.trained == []


def test_helps_with_what_is_planned_and_posted_until_the_others_are_through(
    tmp_path: Path,
) -> None:
    trained = {seed: threading.Event() for seed in range(40)}
    engine = FakeEngine(lambda _, seed: trained[seed].set())
    helper = sharing(tmp_path, engine, [FIVE])
    other = Mailbox(tmp_path / "mailbox", "gw1")
    with other.working():
        helping = Background(helper.help)
        assert trained[4].wait(GUARD)  # planned
        other.post(ARM.digest, (20, 21))
        assert trained[21].wait(GUARD)
        other.post("of an arm that this worker has never seen", (0, 1))
        other.post(ARM.digest, (30,))
        assert trained[30].wait(GUARD)
        assert helping.is_alive()
    helping.finish()
    assert [seed for _, seed in engine.trained] == [0, 1, 2, 3, 4, 20, 21, 30]


def test_a_claim_posts_what_it_is_missing(tmp_path: Path) -> None:
    stored = Request(ARM, (20, 21))
    alone(tmp_path, FakeEngine()).require([stored])
    sharing(tmp_path, FakeEngine()).require([stored, Request(ARM, (22, 23))])
    assert list(Mailbox(tmp_path / "mailbox", "gw1").posted()) == [(ARM.digest, (22, 23))]


def fail(arm: Arm, seed: int) -> None:
    if arm.digest == "broken":
        raise ValueError("this arm cannot be trained")


def test_a_helper_leaves_what_cannot_be_trained_to_the_claim_that_needs_it(
    tmp_path: Path,
) -> None:
    done = threading.Event()

    def before(arm: Arm, seed: int) -> None:
        fail(arm, seed)
        if seed == 4:
            done.set()

    helper = sharing(tmp_path, FakeEngine(before), [Request(FakeArm("broken", 99), (0, 1)), FIVE])
    with Mailbox(tmp_path / "mailbox", "gw1").working():
        helping = Background(helper.help)
        while not done.wait(0.05) and helping.is_alive():
            pass
    helping.finish()
    assert FIVE.missing(LocalStore(tmp_path)) == []


@pytest.mark.parametrize("error", [ValueError, SystemExit, asyncio.CancelledError])
def test_a_claim_does_not_fail_for_an_arm_that_only_others_need(
    tmp_path: Path, error: type[BaseException]
) -> None:
    """What is no Exception, as what `pytest.skip` raises, ended the claim that helped."""
    own = Request(ARM, (0,))
    elsewhere = Elsewhere(tmp_path)
    elsewhere.lock(ARM, own.name, "0")
    tried = threading.Event()

    def before(arm: Arm, seed: int) -> None:
        tried.set()
        if arm.digest == "broken":
            raise error("this arm cannot be trained")

    schedule = sharing(tmp_path, FakeEngine(before), [Request(FakeArm("broken", 99), (0, 1))])
    working = Background(lambda: schedule.require([own]))
    assert tried.wait(GUARD)
    elsewhere.finish(ARM, 0)
    working.finish()


class Broken(LocalStore):
    """Cannot be asked for the runs of an arm called broken."""

    def load(self, arm: Arm, seed: int) -> History | None:
        if arm.digest == "broken":
            raise ValueError("this run cannot be loaded")
        return super().load(arm, seed)


def test_a_store_that_fails_for_others_fails_no_claim_but_theirs(tmp_path: Path) -> None:
    """It failed each claim, and ended a worker that helped."""
    broken, mailbox = Request(FakeArm("broken", 99), (0, 1)), tmp_path / "mailbox"
    mailbox.mkdir()
    schedule = Schedule(Broken(tmp_path), FakeEngine(), Mailbox(mailbox, "gw0"), [broken, FIVE])
    schedule.require([Request(ARM, (9,))])
    with Mailbox(mailbox, "gw1").working():
        helping = Background(schedule.help)
        late = time.monotonic() + GUARD
        while FIVE.missing(LocalStore(tmp_path)) and time.monotonic() < late:
            time.sleep(0.05)
    helping.finish()
    assert FIVE.missing(LocalStore(tmp_path)) == []
    with pytest.raises(ValueError, match="cannot be loaded"):
        schedule.require([broken])


# Races


def test_threads_that_race_train_nothing_twice(tmp_path: Path) -> None:
    requests = [Request(FakeArm(f"arm{n}", n % 3 + 1), (0, 1, 2)) for n in range(12)]
    engine = FakeEngine()
    start = threading.Barrier(4)

    def work(number: int) -> None:
        schedule = sharing(tmp_path, engine, requests, f"gw{number}")
        start.wait(GUARD)
        for request in requests[number * 3 :] + requests[: number * 3]:
            schedule.require([request])
        assert not any(request.missing(LocalStore(tmp_path)) for request in requests)

    workers = [Background(lambda n=n: work(n)) for n in range(4)]  # type: ignore[misc]
    for worker in workers:
        worker.finish()
    assert sorted(engine.trained) == sorted(runs_of(*requests))


def test_threads_that_race_for_one_request_train_nothing_twice(tmp_path: Path) -> None:
    for round_ in range(10):
        arm = FakeArm(f"round{round_}")
        request = Request(arm, tuple(range(8)))
        engine = FakeEngine()
        workers = [
            Background(lambda: alone(tmp_path, engine).require([request]))  # noqa: B023
            for _ in range(3)
        ]
        for worker in workers:
            worker.finish()
        assert sorted(engine.trained) == runs_of(request)


def recorded(folder: Path) -> Counter[tuple[str, int]]:
    return Counter(
        (digest, int(seed)) for digest, seed, *_ in (p.name.split("-") for p in folder.iterdir())
    )


def race(folder: Path, number: int, start: Event) -> None:
    def record(arm: Arm, seed: int) -> None:
        (folder / "trained" / f"{arm.digest}-{seed}-{number}-{uuid.uuid4().hex}").touch()

    requests = racing_requests()
    schedule = sharing(folder, FakeEngine(record), requests, f"gw{number}")
    assert schedule._mailbox is not None
    start.wait(GUARD)
    with schedule._mailbox.working():
        for request in requests[number * 4 :] + requests[: number * 4]:
            schedule.require([request])
    schedule.help()


def racing_requests() -> list[Request]:
    return [Request(FakeArm(f"arm{n}", n % 3 + 1), tuple(range(5))) for n in range(12)]


def test_processes_that_race_train_nothing_twice(tmp_path: Path) -> None:
    (tmp_path / "trained").mkdir()
    start = PROCESSES.Event()
    processes = [
        PROCESSES.Process(target=race, args=(tmp_path, number, start), daemon=True)
        for number in range(3)
    ]
    for process in processes:
        process.start()
    start.set()
    for process in processes:
        process.join(GUARD)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert recorded(tmp_path / "trained") == Counter(runs_of(*racing_requests()))
    store = LocalStore(tmp_path)
    assert not any(request.missing(store) for request in racing_requests())


def hang_in_run_1(folder: Path, reached: Event) -> None:
    def before(_arm: Arm, seed: int) -> None:
        if seed == 1:
            reached.set()
            threading.Event().wait()

    schedule = sharing(folder, FakeEngine(before), worker="gw1")
    assert schedule._mailbox is not None
    with schedule._mailbox.working():
        schedule.require([FIVE])


@pytest.mark.parametrize("way", ["require", "help"])
def test_takes_over_from_a_worker_that_is_killed(tmp_path: Path, way: str) -> None:
    reached = PROCESSES.Event()
    process = PROCESSES.Process(target=hang_in_run_1, args=(tmp_path, reached), daemon=True)
    process.start()
    try:
        assert reached.wait(GUARD)
        joined = threading.Event()
        engine = FakeEngine(lambda _, seed: joined.set() if seed == 2 else None)
        schedule = sharing(tmp_path, engine, [FIVE])
        work = schedule.help if way == "help" else lambda: schedule.require([FIVE])
        working = Background(work)
        assert joined.wait(GUARD)
        assert working.is_alive()
    finally:
        process.kill()
        process.join()
    working.finish()
    assert [seed for _, seed in engine.trained][:3] == [4, 3, 2]
    if way == "require":  # a helper may leave what nobody waits for any more
        assert [seed for _, seed in engine.trained] == [4, 3, 2, 1]


def test_what_is_made_anew_for_a_claim_is_left_to_its_own_worker(tmp_path: Path) -> None:
    request, engine = Request(FakeArm("fresh", fresh=True), (0, 1)), FakeEngine()
    with sharing(tmp_path, engine, [request], worker="gw1")._mailbox.working():  # type: ignore[union-attr]
        other = sharing(tmp_path, engine, [request], worker="gw0")
        assert not other._work_on(())
        other.require([request])
    assert engine.trained == [("fresh", 0), ("fresh", 1)]


def test_its_journal_tells_what_is_to_do_and_what_was_done(tmp_path: Path) -> None:
    told: list[dict[str, Any]] = []
    store = LocalStore(tmp_path)
    schedule = Schedule(store, FakeEngine(), None, [FIVE], Journal(told.append))
    schedule.require([FIVE])
    later = Request(ARM, (5, 6))
    schedule.require([FIVE, later])
    progress = Progress()
    for event in told:
        progress.add("", event)
    assert progress.text().startswith("7 of 7 runs in 0 s")
    doing = [event["doing"] for event in told if "doing" in event]
    assert doing == [str(ARM), "", str(ARM), ""]
    # What is stored is no work, and what was not trained takes no time.
    again: list[dict[str, Any]] = []
    Schedule(store, FakeEngine(), None, [FIVE], Journal(again.append)).require([FIVE])
    assert again == []


# What does not end


def hanging(arm: Arm, seed: int) -> None:
    if arm.digest == "broken":
        threading.Event().wait()


BROKEN = Request(FakeArm("broken", 99), (0, 1))


def test_a_run_that_takes_too_long_is_an_error_of_the_claims_that_need_it(tmp_path: Path) -> None:
    """A builder that never returned hung the session."""
    engine = FakeEngine(hanging)
    schedule = Schedule(LocalStore(tmp_path), engine, None, run_timeout=2)
    words = r"^fake broken, seed 0: not done after 2 seconds \(--claims-run-timeout\)"
    for _ in range(2):
        with pytest.raises(ArmError, match=words):
            schedule.require([BROKEN])
    schedule.require([FIVE])
    assert engine.trained == runs_of(FIVE)


def test_a_run_that_takes_too_long_is_known_to_all_workers(tmp_path: Path) -> None:
    """Each tried for itself, and a helper with nothing else to do never ended."""
    tried: list[int] = []

    def before(arm: Arm, seed: int) -> None:
        if arm.digest == "broken":
            tried.append(seed)
        hanging(arm, seed)

    folder, engine = tmp_path / "mailbox", FakeEngine(before)
    folder.mkdir()
    one, other = (
        Schedule(LocalStore(tmp_path), engine, Mailbox(folder, name), [BROKEN, FIVE], run_timeout=2)
        for name in ("gw0", "gw1")
    )
    with Mailbox(folder, "gw0").working():
        helping = Background(other.help)
        with pytest.raises(ArmError, match="not done after"):
            one.require([BROKEN])
        one.require([FIVE])
    helping.finish()
    already = len(tried)
    with pytest.raises(ArmError, match="not done after"):
        other.require([BROKEN])
    assert len(tried) == already


def test_a_helper_leaves_a_run_that_its_claim_gives_up(tmp_path: Path) -> None:
    """Under pytest-timeout a test ended and the helper went on with its hanging run for ever."""
    reached = threading.Event()

    def before(arm: Arm, seed: int) -> None:
        reached.set()
        hanging(arm, seed)

    helper = sharing(tmp_path, FakeEngine(before), [BROKEN], "gw1")
    claims = Mailbox(tmp_path / "mailbox", "gw0")
    with claims.working():
        helping = Background(helper.help)
        assert reached.wait(GUARD)
        claims.fail(BROKEN.arm.digest, "Timeout", final=False)
        assert helper._mailbox is not None
        while BROKEN.arm.digest not in helper._failed and helping.is_alive():
            time.sleep(0.05)
            if not LocalStore(tmp_path).holder(BROKEN.arm, "0"):
                break
    helping.finish()


def test_what_failed_is_told_to_helpers(tmp_path: Path) -> None:
    schedule = sharing(tmp_path, FakeEngine(fail))
    with pytest.raises(ValueError, match="cannot be trained"):
        schedule.require([BROKEN])
    engine = FakeEngine()
    helper = sharing(tmp_path, engine, [BROKEN], "gw1")
    assert not helper._work_on(())
    helper.require([BROKEN])  # a claim that needs it tries for itself
    assert engine.trained == runs_of(BROKEN)


def test_a_stopped_process_is_named_and_in_the_end_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process with SIGSTOP and a lock in its hand kept the others waiting for ever."""
    monkeypatch.setattr("bnclaims.running.schedule.PATIENCE", 0.5)
    monkeypatch.setattr("bnclaims.running.schedule._SAID", 0.1)
    told: list[dict[str, Any]] = []
    elsewhere, engine = Elsewhere(tmp_path), FakeEngine()
    elsewhere.lock(ARM, FIVE.name, "1")
    Schedule(LocalStore(tmp_path), engine, None, journal=Journal(told.append)).require([FIVE])
    assert engine.trained == [("arm", seed) for seed in (4, 3, 2, 0, 1)]
    waited = [event["doing"] for event in told if event.get("doing") and not event["arm"]]
    assert waited
    assert waited[0].startswith(f"waits for fake arm, seed 1: process {os.getpid()} on ")


def test_a_process_at_work_is_waited_for(tmp_path: Path) -> None:
    long = Request(FakeArm("long", cost=1e8), (0,))
    schedule = alone(tmp_path, FakeEngine())
    assert schedule._patience(FIVE) == 60
    assert schedule._patience(long) == pytest.approx(3 * 1e8 * 40e-6)


@pytest.mark.parametrize("requests", [200, 400])
def test_looking_for_work_looks_at_each_request_a_few_times(tmp_path: Path, requests: int) -> None:
    """A helper looked at all that was planned before each run: overhead grew with its square."""
    asked = Counter[str]()

    class Counting(LocalStore):
        def load(self, arm: Arm, seed: int) -> History | None:
            asked[arm.digest] += 1
            return super().load(arm, seed)

    needs = [Request(FakeArm(f"arm{n}"), (0, 1)) for n in range(requests)]
    (tmp_path / "mailbox").mkdir()
    mailbox = Mailbox(tmp_path / "mailbox", "gw0")
    schedule = Schedule(Counting(tmp_path), FakeEngine(), mailbox, needs)
    while schedule._work_on(()):
        pass
    assert max(asked.values()) <= 12
