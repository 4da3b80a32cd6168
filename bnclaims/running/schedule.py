"""Who trains what when: beside other workers, longest first, nothing twice, nobody idle."""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bnclaims.errors import ArmError
from bnclaims.experiment.arm import Arm
from bnclaims.experiment.history import History
from bnclaims.running.beside import beside
from bnclaims.running.mailbox import Mailbox
from bnclaims.running.progress import Journal, duration
from bnclaims.running.store import Store, StoreWarning

_PAUSE = 0.05
"""Seconds between looks at what others have finished."""

_SAID = 5.0
"""Seconds of waiting from which on it is said for whom."""

PATIENCE = 60.0
"""Seconds that a worker waits at least before it trains what another process keeps from it."""

_PATIENCE_IN_RUNS = 3
"""How many times as long as a run is expected to take a worker waits for it at least."""

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

    def missing(self, store: Store) -> list[int]:
        """Returns the seeds that a store does not hold."""
        return [seed for seed in self.seeds if store.load(self.arm, seed) is None]

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
        run_timeout: Seconds after which a run is given up; None for never.
    """

    def __init__(
        self,
        store: Store,
        run: RunSeeds,
        mailbox: Mailbox | None,
        planned: Iterable[Request] = (),
        journal: Journal | None = None,
        *,
        run_timeout: float | None = None,
    ) -> None:
        self._store = store
        self._run = run
        self._mailbox = mailbox
        self._run_timeout = run_timeout
        planned = tuple(planned)
        # What is made anew for one claim is of no use to others.
        shared = [request for request in planned if not request.arm.fresh]
        self._arms = {request.arm.digest: request.arm for request in shared}
        self._needs = dict.fromkeys(_longest_first(shared))
        """What the session needs, longest first, as far as it is not known to be there."""
        self._known: set[tuple[str, tuple[int, ...]]] = set()
        """What was posted and has been added to the needs."""
        self._journal = journal or Journal(lambda _: None)
        for request in planned:
            self._journal.want(request.arm, self._missing_for_others(request))
        self._failed: dict[str, tuple[str, bool]] = {}
        """Why arms could not be trained here, and whether that is final."""

    def require(self, requests: Sequence[Request]) -> None:
        """Returns when the store holds all runs of the requests.

        What is free is trained here. While others train the rest, this trains what else the
        session needs, and only then waits. What another process holds and does not finish, as it
        was stopped, this trains in the end itself.

        Raises:
            ArmError: A run took too long.
            Exception: Whatever training an arm raises.
        """
        for request in requests:
            if missing := request.missing(self._store):
                self._journal.want(request.arm, missing)
                if self._mailbox is not None:
                    self._mailbox.post(request.arm.digest, request.seeds)
        try:
            self._see_to(requests)
        finally:
            self._journal.idle()

    def help(self) -> None:
        """Trains what the other workers need, until none of them may need more."""
        while self._mailbox is not None and self._mailbox.others_work():
            if not self._work_on(()):
                self._journal.idle()
                time.sleep(_PAUSE)
        self._journal.idle()

    def _see_to(self, requests: Sequence[Request]) -> None:
        since, awaited = time.monotonic(), -1
        while left := {r: missing for r in requests if (missing := r.missing(self._store))}:
            self._refuse_given_up(left)
            count = sum(map(len, left.values()))
            if self._work_on(tuple(left)) or count != awaited:
                since, awaited = time.monotonic(), count
            elif time.monotonic() - since > max(map(self._patience, left)):
                for request, missing in left.items():
                    self._train(request.arm, missing, take_over=True)
            else:
                self._say_what_is_awaited(left, time.monotonic() - since)
                time.sleep(_PAUSE)

    def _patience(self, request: Request) -> float:
        expected = request.arm.cost * self._journal.seconds_per_cost
        return max(PATIENCE, _PATIENCE_IN_RUNS * expected)

    def _say_what_is_awaited(self, left: Mapping[Request, Sequence[int]], seconds: float) -> None:
        if seconds < _SAID:
            return
        request, (seed, *_) = next(iter(left.items()))
        holder = self._store.holder(request.arm, str(seed)) or "another process"
        self._journal.wait(f"{request.arm}, seed {seed}: {holder}, {duration(seconds)}")

    def _refuse_given_up(self, requests: Iterable[Request]) -> None:
        known = self._known_failures()
        for request in requests:
            why, final = known.get(request.arm.digest, ("", False))
            if final:
                raise ArmError(why)

    def _known_failures(self) -> Mapping[str, tuple[str, bool]]:
        return self._failed | (self._mailbox.failed() if self._mailbox else {})

    def _work_on(self, needed: Sequence[Request]) -> bool:
        """Trains one request, or part of one; says whether there was anything to train."""
        ours = _longest_first(needed)
        return (
            any(self._begin(request) for request in ours)
            or self._help_with(self._begin)
            or any(self._join(request) for request in ours)
            or self._help_with(self._join)
        )

    def _help_with(self, train: Callable[..., bool]) -> bool:
        """Trains for another claim, whose errors are not this one's."""
        if self._mailbox is None:
            return False  # alone, this process will come to all that is planned by itself
        self._add_posted(self._mailbox)
        failed = self._known_failures()
        for request in tuple(self._needs):
            if not self._missing_for_others(request):
                del self._needs[request]
            elif request.arm.digest not in failed:
                with contextlib.suppress(Exception):  # the claim that needs it meets the same
                    if train(request, helping=True):
                        return True
        return False

    def _missing_for_others(self, request: Request) -> list[int]:
        """Returns what is missing for another claim, which meets it itself if the store fails."""
        try:
            return request.missing(self._store)
        except StoreWarning:
            raise  # where warnings are errors: it is said once only
        except Exception:  # noqa: BLE001
            return []

    def _add_posted(self, mailbox: Mailbox) -> None:
        posted = mailbox.posted()
        if len(posted) == len(self._known):
            return
        new = [notice for notice in posted if notice not in self._known]
        self._known.update(new)
        arms = self._arms
        more = [Request(arms[digest], seeds) for digest, seeds in new if digest in arms]
        self._needs = dict.fromkeys(_longest_first([*self._needs, *more]))

    def _begin(self, request: Request, *, helping: bool = False) -> bool:
        """Trains a request that nobody else is at."""
        if not request.missing(self._store):
            return False
        with self._store.lock(request.arm, request.name) as held:
            return held and self._train(request.arm, request.seeds, helping=helping)

    def _join(self, request: Request, *, helping: bool = False) -> bool:
        """Takes over runs of a request that somebody else is at, from its far end."""
        missing = request.missing(self._store)
        return len(missing) > 1 and self._train(request.arm, missing[::-1], helping=helping)

    def _train(
        self, arm: Arm, seeds: Sequence[int], *, helping: bool = False, take_over: bool = False
    ) -> bool:
        """Trains those runs that are neither stored nor being trained; says whether any was.

        Args:
            arm: What to train.
            seeds: Its runs.
            helping: Whether another worker's claim needs them: once this one gives the arm up,
                so does the helper.
            take_over: Whether to train also what another process holds.
        """
        trained = False
        with contextlib.ExitStack() as held:
            locks: dict[int, contextlib.ExitStack] = {}

            def free() -> Iterator[int]:
                for seed in seeds:
                    lock = held.enter_context(contextlib.ExitStack())
                    free = lock.enter_context(self._store.lock(arm, str(seed))) or take_over
                    if free and self._store.load(arm, seed) is None:
                        locks[seed] = lock
                        yield seed
                    else:
                        lock.close()

            self._journal.begin(arm)
            started = time.monotonic()
            with self._told_if_it_fails(arm):
                for seed, history in self._runs(arm, free(), helping=helping):
                    self._store.save(arm, seed, history)
                    self._journal.done(arm, seed, time.monotonic() - started)
                    started = time.monotonic()
                    locks[seed].close()
                    trained = True
        return trained

    def _runs(
        self, arm: Arm, seeds: Iterator[int], *, helping: bool
    ) -> Iterator[tuple[int, History]]:
        # What does not end cannot be stopped, only left: on a thread, where anybody would leave it.
        if not helping and self._run_timeout is None:
            return self._run(arm, seeds)

        def check(training: Mapping[int, float]) -> None:
            self._check_time(arm, training)
            if helping and arm.digest in self._known_failures():
                raise ArmError(f"{arm} was given up by the claim that needs it")

        def run(free: Iterable[int]) -> Iterator[tuple[int, History]]:
            try:
                yield from self._run(arm, free)
            except (Exception, GeneratorExit):
                raise
            except BaseException as error:
                if not helping:
                    raise
                # To skip a test, or to exit, is up to the claim that needs the arm.
                raise ArmError(f"{arm}: it ended with {type(error).__name__}") from error

        return beside(run, seeds, check)

    def _check_time(self, arm: Arm, training: Mapping[int, float]) -> None:
        limit = self._run_timeout
        if limit is None or max(training.values(), default=0.0) <= limit:
            return
        seed = max(training, key=lambda seed: training[seed])
        which = f"seed {seed}" if seed >= 0 else "before its first seed"
        why = (
            f"{arm}, {which}: not done after {limit:g} seconds (--claims-run-timeout); its other "
            "runs are given up, too"
        )
        self._give_up(arm, why, final=True)
        raise ArmError(why)

    @contextlib.contextmanager
    def _told_if_it_fails(self, arm: Arm) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            if arm.digest not in self._known_failures():
                self._give_up(arm, f"{type(error).__name__}: {error}", final=False)
            raise

    def _give_up(self, arm: Arm, why: str, *, final: bool) -> None:
        self._failed[arm.digest] = why, final
        if self._mailbox is not None:
            self._mailbox.fail(arm.digest, why, final=final)


def _longest_first(requests: Iterable[Request]) -> list[Request]:
    return sorted(requests, key=lambda request: -request.cost)
