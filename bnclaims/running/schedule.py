"""Who trains what when: beside other workers, longest first, nothing twice, nobody idle."""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from bnclaims.experiment.arm import Arm
from bnclaims.experiment.history import History
from bnclaims.running.mailbox import Board
from bnclaims.running.progress import Journal
from bnclaims.running.store import Store

_PAUSE = 0.05
"""Seconds between looks at what others have finished."""

Engine = Callable[[Arm, Iterable[int]], Iterator[tuple[int, History]]]
"""Trains an arm for seeds that it takes one by one; yields each history when it is there."""


@dataclass(frozen=True)
class Cohort:
    """Runs of one arm that a look needs together."""

    arm: Arm
    seeds: tuple[int, ...]

    @property
    def work(self) -> float:
        """How long it takes, in the unit of `Arm.work`."""
        return self.arm.work * len(self.seeds)

    @property
    def name(self) -> str:
        """Name of its lock."""
        return f"{self.seeds[0]}-{len(self.seeds)}"


class Schedule:
    """Sees to it that runs are in the store, with whoever else works on the same store.

    Args:
        store: Where runs come from and go to.
        engine: Trains what is missing.
        board: Where workers tell each other what they need; None for a session of one process.
        planned: What the session is known to need, for the time that this worker has to wait.
        journal: Where this worker notes what is to be trained, and what was.
    """

    def __init__(
        self,
        store: Store,
        engine: Engine,
        board: Board | None,
        planned: Iterable[Cohort] = (),
        journal: Journal | None = None,
    ) -> None:
        self._store = store
        self._engine = engine
        self._board = board
        planned = tuple(planned)
        # What is made anew for one claim is of no use to others.
        self._planned = tuple(cohort for cohort in planned if not cohort.arm.fresh)
        self._arms = {cohort.arm.digest: cohort.arm for cohort in self._planned}
        self._journal = journal or Journal(lambda _: None)
        for cohort in planned:
            self._journal.want(cohort.arm, self.missing(cohort))
        self._failed: set[Arm] = set()
        """Arms of others that could not be trained here; the claims that need them will say why."""

    def require(self, cohorts: Sequence[Cohort]) -> None:
        """Returns when the store holds all runs of the cohorts.

        What is free is trained here. While others train the rest, this trains what else the
        session needs, and only then waits.
        """
        for cohort in cohorts:
            if missing := self.missing(cohort):
                self._journal.want(cohort.arm, missing)
                if self._board is not None:
                    self._board.post(cohort.arm.digest, cohort.seeds)
        while any(self.missing(cohort) for cohort in cohorts):
            if not self._work_on(cohorts):
                time.sleep(_PAUSE)
        self._journal.idle()

    def help(self) -> None:
        """Trains what the other workers need, until none of them may need more."""
        while self._board is not None and self._board.others_work():
            if not self._work_on(()):
                self._journal.idle()
                time.sleep(_PAUSE)
        self._journal.idle()

    def missing(self, cohort: Cohort) -> list[int]:
        """Returns the seeds of a cohort that the store does not hold."""
        return [seed for seed in cohort.seeds if self._store.load(cohort.arm, seed) is None]

    def _work_on(self, needed: Sequence[Cohort]) -> bool:
        """Trains one cohort, or part of one; says whether there was anything to train."""
        ours, others = _longest_first(needed), _longest_first(self._wanted())
        return (
            any(self._begin(cohort) for cohort in ours)
            or any(self._try(self._begin, cohort) for cohort in others)
            or any(self._join(cohort) for cohort in ours)
            or any(self._try(self._join, cohort) for cohort in others)
        )

    def _try(self, work: Callable[[Cohort], bool], cohort: Cohort) -> bool:
        """Works for another claim, whose errors are not this one's."""
        if cohort.arm in self._failed:
            return False
        try:
            return work(cohort)
        except Exception:  # noqa: BLE001  (the claim that needs this arm meets the same error)
            self._failed.add(cohort.arm)
            return False

    def _wanted(self) -> list[Cohort]:
        if self._board is None:
            return []  # alone, this process will come to all that is planned by itself
        posted = [
            Cohort(self._arms[digest], seeds)
            for digest, seeds in self._board.posted()
            if digest in self._arms
        ]
        return [*self._planned, *posted]

    def _begin(self, cohort: Cohort) -> bool:
        """Trains a cohort that nobody else is at."""
        if not self.missing(cohort):
            return False
        with self._store.lock(cohort.arm, cohort.name) as held:
            return held and self._train(cohort.arm, cohort.seeds)

    def _join(self, cohort: Cohort) -> bool:
        """Takes over runs of a cohort that somebody else is at, from its far end."""
        missing = self.missing(cohort)
        return len(missing) > 1 and self._train(cohort.arm, missing[::-1])

    def _train(self, arm: Arm, seeds: Sequence[int]) -> bool:
        """Trains those runs that are neither stored nor being trained; says whether any was."""
        trained = False
        with contextlib.ExitStack() as held:
            locks: dict[int, contextlib.ExitStack] = {}

            def free() -> Iterator[int]:
                for seed in seeds:
                    lock = held.enter_context(contextlib.ExitStack())
                    if lock.enter_context(self._store.lock(arm, str(seed))) and (
                        self._store.load(arm, seed) is None
                    ):
                        locks[seed] = lock
                        yield seed
                    else:
                        lock.close()

            self._journal.begin(arm)
            started = time.monotonic()
            for seed, history in self._engine(arm, free()):
                self._store.save(arm, seed, history)
                self._journal.done(arm, seed, time.monotonic() - started)
                started = time.monotonic()
                locks[seed].close()
                trained = True
        return trained


def _longest_first(cohorts: Iterable[Cohort]) -> list[Cohort]:
    return sorted(cohorts, key=lambda cohort: -cohort.work)
