"""Runs that a pool trains: all that is planned is submitted at once, longest first."""

import contextlib
import time
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bnclaims.errors import BnclaimsError, ClusterError
from bnclaims.running.mailbox import Mailbox
from bnclaims.running.pool import Pool
from bnclaims.running.progress import Journal, duration
from bnclaims.running.schedule import Request
from bnclaims.running.store import Store

SHORTEST_PAUSE, LONGEST_PAUSE = 0.02, 0.25
"""Seconds between looks at what the pool and other workers have finished."""

_SAID = 5.0
"""Seconds without a thread in the pool from which on it is said."""

_LEADER = "leader"
"""What the mailbox calls the worker that has submitted what all of them plan."""


@dataclass
class _Pause:
    """Pauses between looks, longer and longer while there is nothing to see."""

    seconds: float = SHORTEST_PAUSE

    def take(self, *, seen: bool) -> None:
        self.seconds = SHORTEST_PAUSE if seen else min(2 * self.seconds, LONGEST_PAUSE)
        time.sleep(self.seconds)


class RemoteSchedule:
    """Sees to it that runs are in the store, by a pool that trains them; see `Schedule`.

    One worker of a session submits what all of them plan, and saves it as it is done. Each worker
    submits what its claims wait for: a pool trains a run once, whoever asks for it.

    Args:
        store: Where runs come from and go to.
        pool: Trains what is missing.
        mailbox: Where workers tell each other what they need; None for a session of one process.
        planned: What the session is known to need.
        journal: Where this worker notes what is to be trained, and what was.
    """

    def __init__(
        self,
        store: Store,
        pool: Pool,
        mailbox: Mailbox | None,
        planned: Iterable[Request] = (),
        journal: Journal | None = None,
    ) -> None:
        self._store = store
        self._pool = pool
        self._mailbox = mailbox
        self._planned = dict.fromkeys(planned)
        self._journal = journal or Journal(lambda _: None)
        self._failed: dict[tuple[str, int], Exception] = {}
        self._began = False
        self._leading = contextlib.ExitStack()

    def require(self, requests: Sequence[Request]) -> None:
        """Returns when the store holds all runs of the requests.

        Raises:
            ClusterError: The pool cannot be reached, or is lost.
            Exception: Whatever training an arm raised.
        """
        if not any(request.missing(self._store) for request in requests):
            return
        try:
            self._begin()
            for request in requests:
                self._submit(request, needed=True)
            self._see_to(requests)
        finally:
            self._journal.idle()

    def help(self) -> None:
        """Saves what the other workers need, until none of them may need more.

        A pool that is lost ends it: whoever still needs a run meets that, too.
        """
        pause = _Pause()
        with contextlib.suppress(ClusterError):
            while self._began and self._mailbox is not None and self._mailbox.others_work():
                pause.take(seen=self._collect())

    def _begin(self) -> None:
        """Submits what the session plans, unless another of its workers has."""
        if self._began:
            return
        self._began = True
        self._journal.threads(self._pool.threads)
        if self._mailbox and not self._leading.enter_context(self._mailbox.alone(_LEADER)):
            return
        for request in self._planned:
            # What is made anew for one claim is of no use to others.
            if not request.arm.fresh:
                self._submit_for_others(request)

    def _submit_for_others(self, request: Request) -> None:
        try:
            self._submit(request, needed=False)
        except ClusterError:
            raise
        except BnclaimsError:
            pass  # an arm that cannot be sent: the claim that needs it meets the same

    def _submit(self, request: Request, *, needed: bool) -> None:
        missing = request.missing(self._store)
        self._journal.want(request.arm, missing)
        cost = request.arm.cost
        # First looks before later ones, and of either the longest first.
        priority = cost if request in self._planned else -1 / cost
        for seed in missing:
            self._pool.submit(request.arm, seed, priority=priority, needed=needed)

    def _see_to(self, requests: Sequence[Request]) -> None:
        idle, pause = time.monotonic(), _Pause()
        while left := [request for request in requests if request.missing(self._store)]:
            seen = self._collect()
            self._raise_failures(left)
            if self._pool.threads:
                idle = time.monotonic()
                self._journal.threads(self._pool.threads)
                self._journal.begin(left[0].arm)
            elif (waited := time.monotonic() - idle) > _SAID:
                self._journal.wait(f"a worker of {self._pool}, {duration(waited)}")
            pause.take(seen=seen)

    def _collect(self) -> bool:
        """Saves what has come back; says whether anything had."""
        seen = False
        for arm, seed, answer in self._pool.answers():
            seen = True
            if isinstance(answer, Exception):
                self._failed[arm.digest, seed] = answer
                continue
            for message in answer.warnings:
                warnings.warn(message, stacklevel=2)
            if self._store.load(arm, seed) is None:
                self._store.save(arm, seed, answer.history)
                self._journal.done(arm, seed, answer.seconds)
        return seen

    def _raise_failures(self, requests: Iterable[Request]) -> None:
        for request in requests:
            for seed in request.seeds:
                if error := self._failed.get((request.arm.digest, seed)):
                    raise error
