"""Progress: journals joined, and said in a line."""

from typing import Any

import pytest

from bnclaims.running.progress import Journal, Progress, duration
from tests.fakes import FakeArm

LARGE, SMALL = FakeArm("large", cost=30), FakeArm("small", cost=10)


def test_journals_of_workers_add_up() -> None:
    progress = Progress()
    one, other = (Journal(lambda event, who=who: progress.add(who, event)) for who in "ab")  # type: ignore[misc]
    for journal in (one, other):  # both know the whole plan
        journal.want(LARGE, range(5))
        journal.want(SMALL, range(5))
    one.begin(LARGE)
    for seed in range(5):
        one.done(LARGE, seed, seconds=6.0)
    other.begin(SMALL)
    other.done(SMALL, 4, seconds=2.0)
    # 32 seconds for 160 units of work; 40 units are left, for two workers.
    assert progress.seconds_left == pytest.approx(32 / 160 * 40 / 2)
    assert (
        progress.text() == f"6 of 10 runs, 1 of 2 arms · about 4 s left · a: {LARGE} · b: {SMALL}"
    )
    assert one.seconds_per_cost == 30 / 150
    other.wait("a process")  # and now one trains
    assert progress.seconds_left == pytest.approx(32 / 160 * 40)
    assert progress.text().endswith(f"a: {LARGE} · b: waits for a process")


def test_an_undecided_claim_shows_its_chance_until_it_is_settled() -> None:
    progress = Progress()
    journal = Journal(lambda event: progress.add("", event))
    journal.undecided("noise", (10, 0.431))
    assert progress.text() == "0 of 0 runs, 0 of 0 arms · noise: 43% chance of a verdict, n 10"
    journal.undecided("noise", None)
    assert progress.text() == "0 of 0 runs, 0 of 0 arms"


def test_later_looks_are_added_and_idle_workers_left_out() -> None:
    progress = Progress()
    journal = Journal(lambda event: progress.add("", event))
    assert progress.text() == "0 of 0 runs, 0 of 0 arms"
    journal.begin(SMALL)
    assert progress.text() == f"0 of 0 runs, 0 of 0 arms · {SMALL}"
    journal.done(SMALL, 0, seconds=1.0)
    journal.want(SMALL, [1])
    journal.idle()
    assert progress.text() == "1 of 2 runs, 0 of 1 arms · about 1 s left"


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
