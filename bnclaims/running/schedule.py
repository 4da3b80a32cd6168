"""Who trains what when: beside other workers, longest first, nothing twice, nobody idle."""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from bnclaims.experiment.arm import Arm
from bnclaims.experiment.history import History
from bnclaims.running.mailbox import Mailbox
from bnclaims.running.progress import Journal
from bnclaims.running.store import Store

_PAUSE = 0.05
"""Seconds between looks at what others have finished."""

RunSeeds = Callable[[Arm, Iterable[int]], Iterator[tuple[int, History]]]
"""What trains, see `bnclaims.running.backend.Backend.run`."""


@dataclass(frozen=True)
class Request:
    """Runs of one arm that a look needs together."""

    arm: Arm
    seeds: tuple[int, ...]

    @property
    def cost(self) -> float:
        """How long it takes, in the unit of `Arm.cost`."""
        return self.arm.cost * len(self.seeds)

    @property
    def name(self) -> str:
        """Name of its lock."""
        return f"{self.seeds[0]}-{len(self.seeds)}"


class Schedule:
    """Sees to it that runs are in the store, with whoever else works on the same store.

    Args:
        store: Where runs come from and go to.
        run: Trains what is missing.
        mailbox: Where workers tell each other what they need; None for a session of one process.
        planned: What the session is known to need, for the time that this worker has to wait.
        journal: Where this worker notes what is to be trained, and what was.
    """

    def __init__(
        self,
        store: Store,
        run: RunSeeds,
        mailbox: Mailbox | None,
        planned: Iterable[Request] = (),
        journal: Journal | None = None,
    ) -> None:
        self._store = store
        self._run = run
        self._mailbox = mailbox
        planned = tuple(planned)
        # What is made anew for one claim is of no use to others.
        self._planned = tuple(request for request in planned if not request.arm.fresh)
        self._arms = {request.arm.digest: request.arm for request in self._planned}
        self._journal = journal or Journal(lambda _: None)
        for request in planned:
            self._journal.want(request.arm, self.missing(request))
        self._failed: set[Arm] = set()
        """Arms of others that could not be trained here; the claims that need them will say why."""

    def require(self, requests: Sequence[Request]) -> None:
        """Returns when the store holds all runs of the requests.

        What is free is trained here. While others train the rest, this trains what else the
        session needs, and only then waits.
        """
        for request in requests:
            if missing := self.missing(request):
                self._journal.want(request.arm, missing)
                if self._mailbox is not None:
                    self._mailbox.post(request.arm.digest, request.seeds)
        while any(self.missing(request) for request in requests):
            if not self._work_on(requests):
                time.sleep(_PAUSE)
        self._journal.idle()

    def help(self) -> None:
        """Trains what the other workers need, until none of them may need more."""
        while self._mailbox is not None and self._mailbox.others_work():
            if not self._work_on(()):
                self._journal.idle()
                time.sleep(_PAUSE)
        self._journal.idle()

    def missing(self, request: Request) -> list[int]:
        """Returns the seeds of a request that the store does not hold."""
        return [seed for seed in request.seeds if self._store.load(request.arm, seed) is None]

    def _work_on(self, needed: Sequence[Request]) -> bool:
        """Trains one request, or part of one; says whether there was anything to train."""
        ours, others = _longest_first(needed), _longest_first(self._wanted())
        return (
            any(self._begin(request) for request in ours)
            or any(self._try(self._begin, request) for request in others)
            or any(self._join(request) for request in ours)
            or any(self._try(self._join, request) for request in others)
        )

    def _try(self, work: Callable[[Request], bool], request: Request) -> bool:
        """Works for another claim, whose errors are not this one's."""
        if request.arm in self._failed:
            return False
        try:
            return work(request)
        except Exception:  # noqa: BLE001  (the claim that needs this arm meets the same error)
            self._failed.add(request.arm)
            return False

    def _wanted(self) -> list[Request]:
        if self._mailbox is None:
            return []  # alone, this process will come to all that is planned by itself
        posted = [
            Request(self._arms[digest], seeds)
            for digest, seeds in self._mailbox.posted()
            if digest in self._arms
        ]
        return [*self._planned, *posted]

    def _begin(self, request: Request) -> bool:
        """Trains a request that nobody else is at."""
        if not self.missing(request):
            return False
        with self._store.lock(request.arm, request.name) as held:
            return held and self._train(request.arm, request.seeds)

    def _join(self, request: Request) -> bool:
        """Takes over runs of a request that somebody else is at, from its far end."""
        missing = self.missing(request)
        return len(missing) > 1 and self._train(request.arm, missing[::-1])

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
            for seed, history in self._run(arm, free()):
                self._store.save(arm, seed, history)
                self._journal.done(arm, seed, time.monotonic() - started)
                started = time.monotonic()
                locks[seed].close()
                trained = True
        return trained


def _longest_first(requests: Iterable[Request]) -> list[Request]:
    return sorted(requests, key=lambda request: -request.cost)
