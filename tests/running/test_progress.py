"""Progress: journals joined, and said in a line."""

from collections.abc import Iterator
from typing import Any

import pytest

from bnclaims.running.progress import SECONDS_PER_COST, Journal, Progress, between, duration
from tests.fakes import FakeArm

LARGE, SMALL = FakeArm("large", cost=30), FakeArm("small", cost=10)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def journals(clock: Clock, names: str = "a") -> tuple[Progress, list[Journal]]:
    progress = Progress(clock)
    return progress, [
        Journal(lambda event, who=who: progress.add(who, event))  # type: ignore[misc]
        for who in names
    ]


def test_journals_of_workers_add_up() -> None:
    clock = Clock()
    progress, (one, other) = journals(clock, "ab")
    for journal in (one, other):  # both know the whole plan
        journal.want(LARGE, range(5))
        journal.want(SMALL, range(5))
    one.begin(LARGE)
    for seed in range(5):
        one.done(LARGE, seed, seconds=6.0)
    other.begin(SMALL)
    other.done(SMALL, 4, seconds=2.0)
    clock.now += 32
    assert progress.text().startswith("6 of 10 runs in 32 s, about ")
    assert progress.text().endswith(f" left · a: {LARGE} · b: {SMALL}")
    assert one.seconds_per_cost == 30 / 150
    other.wait("a process")
    assert progress.text().endswith(f"a: {LARGE} · b: waits for a process")


def test_an_undecided_claim_shows_its_chance_until_it_is_settled() -> None:
    progress, (journal,) = journals(Clock())
    journal.stands("noise", (10, 0.431))
    assert progress.text() == "0 of 0 runs in 0 s · noise: 43% chance of a verdict, n 10"
    journal.stands("noise", None)
    assert progress.text() == "0 of 0 runs in 0 s"


def test_later_looks_are_added_and_idle_workers_left_out() -> None:
    progress, (journal,) = journals(Clock())
    assert progress.text() == "0 of 0 runs in 0 s"
    journal.begin(SMALL)
    assert progress.text() == f"0 of 0 runs in 0 s · {SMALL}"
    journal.want(SMALL, [0])
    journal.done(SMALL, 0, seconds=1.0)
    journal.want(SMALL, [1])
    journal.idle()
    assert progress.text() == "1 of 2 runs in 0 s, about 2 s left"


STARTUP, COMPILING, SECONDS = 5.0, 2.0, 3.0
ARMS = [FakeArm(f"arm{number}", cost=50_000) for number in range(6)]


def train(
    clock: Clock, journal: Journal, seeds: int, speed: float, start: float = 1.0
) -> Iterator[None]:
    """Trains all arms, a quarter of a second at a time; what starts takes `start` times as long."""

    def spend(seconds: float) -> Iterator[None]:
        end = clock.now + seconds
        while clock.now < end:
            clock.now += 0.25
            yield

    for arm in ARMS:
        journal.begin(arm)
        more = start * (COMPILING + STARTUP * (arm is ARMS[0]))
        for seed in range(seeds):
            began = clock.now
            yield from spend(more + SECONDS * speed)
            journal.done(arm, seed, clock.now - began)
            more = 0.0
        journal.idle()


@pytest.mark.parametrize(
    ("speed", "start"), [(0.3, 1.0), (1.0, 1.0), (3.0, 1.0), (10.0, 1.0), (3.0, 3.0), (6.0, 6.0)]
)
def test_after_ten_seconds_of_training_the_estimate_is_right_within_a_factor_of_two(
    speed: float, start: float
) -> None:
    """Or after most of a run, where that takes longer: before it, nothing is known.

    A busy machine is slow to start, too: its first run says how slow it is.
    """
    clock = Clock()
    progress, (journal,) = journals(clock)
    for arm in ARMS:
        journal.want(arm, range(5))
    estimates = {}
    for _ in train(clock, journal, 5, speed, start):
        left = progress.seconds_left()
        assert left is not None
        estimates[clock.now], _ = left
    end = clock.now
    first = 100 + start * (STARTUP + COMPILING) + max(10, SECONDS * speed * 0.75)
    late = {now: left for now, left in estimates.items() if first < now < end - 5}
    assert min(left / (end - now) for now, left in late.items()) > 0.5
    assert max(left / (end - now) for now, left in late.items()) < 2


def test_the_estimate_is_there_from_the_start_and_moves() -> None:
    clock = Clock()
    progress, (journal,) = journals(clock)
    journal.want(ARMS[0], range(5))
    journal.begin(ARMS[0])
    first = progress.text()
    clock.now += 1
    second = progress.text()
    assert "0 of 5 runs in 0 s, about 17 s left" in first
    assert "0 of 5 runs in 1 s, about 16 s left" in second


def test_claims_that_are_undecided_may_need_more() -> None:
    progress, (journal,) = journals(Clock())
    journal.want(ARMS[0], range(5))
    left = progress.seconds_left(1.0)
    assert left is not None
    known, more = left
    assert progress.seconds_left(0.0) == (known, known)
    assert more - known == pytest.approx(1.9 * (5 * 50_000 * SECONDS_PER_COST + 2.0))


@pytest.mark.parametrize(
    ("trained", "undecided", "words"),
    [(0, 1.0, "12 to 35 s"), (5, 1.0, "0 to 23 s"), (0, 0.2, "17 s"), (5, 0.0, "0 s")],
)
def test_what_later_looks_may_add_is_a_range(trained: int, undecided: float, words: str) -> None:
    """One number said minutes when the last run was over and the claim about to be decided."""
    progress, (journal,) = journals(Clock())
    journal.want(ARMS[0], range(5))
    for seed in range(trained):
        journal.done(ARMS[0], seed, 2.0)
    assert progress.text(undecided).endswith(f"about {words} left")


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (30, 40, "40 s"),
        (30, 80, "30 to 80 s"),
        (30, 200, "30 s to 3 min"),
        (130, 400, "2 to 7 min"),
        (0, 0.3, "0 s"),
    ],
)
def test_ranges_of_durations(low: float, high: float, words: str) -> None:
    assert between(low, high) == words


def test_a_journal_tells_each_thing_once() -> None:
    """It told all that it knew after each run, so that overhead grew with its square."""
    told: list[dict[str, Any]] = []
    journal = Journal(told.append)
    journal.want(LARGE, range(1_000))
    for seed in range(1_000):
        journal.begin(LARGE)
        journal.done(LARGE, seed, seconds=1.0)
    assert len(told) == 1 + 1 + 1_000
    assert max(len(str(event)) for event in told[1:]) < 100


@pytest.mark.parametrize(("seconds", "words"), [(0.4, "0 s"), (89, "89 s"), (600, "10 min")])
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words
