"""Progress: journals joined, and said in a line."""

from typing import Any

import pytest

from bnclaims.running.progress import Journal, Progress, duration
from tests.fakes import FakeArm

LARGE, SMALL = FakeArm("large", cost=30), FakeArm("small", cost=10)


def test_journals_of_workers_add_up() -> None:
    told: dict[str, dict[str, Any]] = {}
    one, other = Journal(lambda j: told.update(a=j)), Journal(lambda j: told.update(b=j))
    for journal in (one, other):  # both know the whole plan
        journal.want(LARGE, range(5))
        journal.want(SMALL, range(5))
    one.begin(LARGE)
    for seed in range(5):
        one.done(LARGE, seed, seconds=6.0)
    other.begin(SMALL)
    other.done(SMALL, 4, seconds=2.0)
    progress = Progress.joined(told)
    assert (progress.runs_done, progress.runs) == (6, 10)
    assert (progress.arms_done, progress.arms) == (1, 2)
    # 32 seconds for 160 units of work; 40 units are left, for two workers.
    assert progress.seconds_left == pytest.approx(32 / 160 * 40 / 2)
    assert (
        progress.text() == f"6 of 10 runs, 1 of 2 arms · about 4 s left · a: {LARGE} · b: {SMALL}"
    )


def test_later_looks_are_added_and_idle_workers_left_out() -> None:
    told: dict[str, dict[str, Any]] = {}
    journal = Journal(lambda j: told.update({"": j}))
    journal.begin(SMALL)
    assert Progress.joined(told).text() == f"0 of 0 runs, 0 of 0 arms · {SMALL}"
    journal.done(SMALL, 0, seconds=1.0)
    journal.want(SMALL, [1])
    journal.idle()
    assert Progress.joined(told).text() == "1 of 2 runs, 0 of 1 arms · about 1 s left"
    assert Progress.joined({}).text() == "0 of 0 runs, 0 of 0 arms"


@pytest.mark.parametrize(("seconds", "words"), [(0.4, "0 s"), (89, "89 s"), (600, "10 min")])
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words
