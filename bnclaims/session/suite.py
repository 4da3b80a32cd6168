"""A session's claims: what they will need, and what it takes to get it."""

import contextlib
import inspect
import io
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

from bnclaims.backends.functions import FunctionBackend
from bnclaims.backends.keras.backend import BACKENDS
from bnclaims.experiment.arm import Arm, FunctionArm
from bnclaims.experiment.data import Data
from bnclaims.experiment.history import History
from bnclaims.experiment.sources import DataSource, resolve
from bnclaims.language.evidence import Trial
from bnclaims.language.figure import Drawing, Figure, drawn
from bnclaims.language.fixtures import Probe, Session, Train
from bnclaims.language.sample import Runs
from bnclaims.language.tracing import Trace, inform, rehearsed, traced
from bnclaims.running.backend import Backend
from bnclaims.running.mailbox import Mailbox
from bnclaims.running.pool import Pool
from bnclaims.running.progress import Journal, Progress
from bnclaims.running.remote import RemoteSchedule
from bnclaims.running.schedule import Request, Schedule
from bnclaims.running.store import Store
from bnclaims.session import cluster
from bnclaims.session.options import Settings, cache_folder
from bnclaims.silence import silence

_SELECTED = "selected"
"""What the mailbox calls the claims that its workers have collected."""


class Suite:
    """The claims of a session in one process.

    Args:
        settings: What the session was asked for.
        mailbox: Where its workers meet; None when there is one process only.
        backend: What trains.
        store: Where runs are kept.
        data: Arrays instead of the images that the settings name.
    """

    def __init__(
        self,
        settings: Settings,
        mailbox: Mailbox | None,
        backend: Backend,
        store: Store,
        *,
        data: Data | None = None,
    ) -> None:
        self.settings = settings
        self._data = data
        self.backend = backend
        self.store = store
        self._functions = FunctionBackend(BACKENDS[settings.backend](settings.threads))
        self.mailbox = mailbox
        self.traces: dict[str, Trace] = {}
        self.checked: list[Runs] = []
        """The runs that comparisons with a reference are about."""
        self.untraced: dict[str, str] = {}
        """Why a test's arms are not all known before it runs, by its name."""
        self._progress, self._telling = Progress(), threading.Lock()
        self._selected: dict[str, str] = {}
        self.tests: dict[str, list[str]] = {}
        """The tests of each declared claim, by its name, whether selected or not."""

    @property
    def declared(self) -> int:
        """How many claims the collected files declare."""
        return sum(map(len, self.tests.values()))

    def select(self, claims: dict[str, str]) -> None:
        """Notes, for the controller too, which claims are to be tested: their names by test."""
        self._selected = claims
        if self.mailbox is not None and claims:
            self.mailbox.once(_SELECTED, lambda: claims)

    @property
    def selected(self) -> dict[str, str]:
        """The names of the claims that are to be tested, by test."""
        if self._selected or self.mailbox is None:
            return self._selected
        return self.mailbox.made(_SELECTED) or {}

    @cached_property
    def source(self) -> Data | DataSource:
        """The images of the session, the same for all its workers.

        Raises:
            DataError: They cannot be loaded; the message says what to do.
        """
        cache = cache_folder()
        if self._data is not None:
            return self._data
        if self.mailbox is None:
            return resolve(self.settings.data, cache=cache)
        return DataSource.from_strings(
            self.mailbox.once("data", lambda: resolve(self.settings.data, cache=cache).to_strings())
        )

    @property
    def chosen_data(self) -> str:
        """What chooses the same images again: what `auto` found, once somebody has asked for it."""
        found = self.settings.data == "auto" and "source" in vars(self)
        return self.source.name if found else self.settings.data

    @cached_property
    def schedule(self) -> Schedule | RemoteSchedule:
        """Sees to the runs; made when the claims have been traced."""
        if self.settings.scheduler:
            return RemoteSchedule(
                self.store, self.pool, self.mailbox, self.planned(), Journal(self._tell)
            )
        return Schedule(
            self.store,
            self._run,
            self.mailbox,
            self.planned(),
            Journal(self._tell),
            run_timeout=self.settings.run_timeout,
        )

    @cached_property
    def pool(self) -> Pool:
        """The cluster that trains, where the settings name one."""
        return cluster.pool_of(self.settings, self._backend_of)

    def close(self) -> None:
        """Lets go of the cluster, if there is one; what it is at for others goes on."""
        if "pool" in vars(self):
            self.pool.close()

    @cached_property
    def session(self) -> Session:
        """What its arms share.

        Raises:
            DataError: The images cannot be loaded.
        """
        return Session(
            self.source,
            self.settings.protocol,
            versions=self.backend.versions,
            function_versions=self._functions.versions,
        )

    def trace(
        self,
        name: str,
        function: Callable[..., None],
        others: Mapping[str, Any],
        trial: Trial | None = None,
    ) -> None:
        """Keeps what a claim will need, see `traced`.

        Raises:
            ClaimError: Its body compares without end.
        """
        found, why_not_all = self.traced(function, others, trial)
        if found is not None:
            self.traces[name] = found
        if why_not_all:
            self.untraced[name] = why_not_all

    def traced(
        self,
        function: Callable[..., None],
        others: Mapping[str, Any],
        trial: Trial | None = None,
    ) -> tuple[Trace | None, str]:
        """Runs a claim's body without training, to learn what it will need.

        A body that takes other fixtures, or that fails without numbers, is known as far as it got.

        Args:
            function: The claim.
            others: What it takes beside `train` and `probe`, as far as that is known.
            trial: The one that it is going to run with, where its fixtures are there: then these
                are `others`, and what else it takes, somebody else gives it, as `mock.patch` does.

        Returns:
            What it needs, None if nothing is known; and why this may not be all, '' if it is.

        Raises:
            ClaimError: Its body compares without end.
        """
        self.backend.prepare()
        wanted, known = _arguments(function, others), {"train", "probe", *others}
        if trial is None and (strange := sorted(wanted - known)):
            return None, f"fixtures are made when it runs: {', '.join(strange)}"
        why_not_all = ""

        def passes(tracing: Trial) -> bool | None:
            nonlocal why_not_all
            fixtures = dict(others)
            if trial is None:
                fixtures |= {"train": self.train(tracing), "probe": self.probe(tracing)}
            end = _end(function, {name: fixtures[name] for name in wanted & fixtures.keys()})
            if end is None or isinstance(end, AssertionError):
                return end is None
            if not tracing.answers:
                why_not_all = _in_words(end)
            return None

        if trial is not None:
            found = rehearsed(passes, trial)
        else:
            found = traced(passes, lambda answers: self.trial(tracing=True, answers=answers))
        return found, why_not_all

    def trial(
        self, *, tracing: bool = False, name: str = "", answers: Sequence[bool] = ()
    ) -> Trial:
        """Returns what one claim's evidence refers to."""
        trial = Trial(
            design=self.settings.design,
            require=self._require,
            load=self._load,
            tracing=tracing,
            answers=answers,
            tell=partial(Journal(self._tell).stands, self._selected.get(name, name)),
        )
        if name in self.traces:
            inform(trial, self.traces[name])
        return trial

    def train(self, trial: Trial) -> Train:
        """Returns the `train` fixture of a trial."""
        return Train(trial, self.session)

    def probe(self, trial: Trial) -> Probe:
        """Returns the `probe` fixture of a trial."""
        return Probe(trial, self.session)

    def drawn(self, figure: Figure) -> Drawing | None:
        """Returns what a figure shows, None while its runs are not stored."""
        return drawn(figure, self.store.load, self.settings.design.looks[-1])

    def planned(self) -> list[Request]:
        """Returns the requests of the first look of claims and comparisons, each once."""
        runs = [runs for trace in self.traces.values() for runs in trace.runs]
        return list(dict.fromkeys(map(self.first_look, [*runs, *self.checked])))

    def runs_of(self, name: str) -> tuple[Runs, ...]:
        """Returns the arms that a test is known to name."""
        return self.traces[name].runs if name in self.traces else ()

    def first_look(self, runs: Runs) -> Request:
        """Returns what an arm's first look needs."""
        return Request(runs.arm, tuple(runs.seeds(self.settings.design.looks[0])))

    def progress(self) -> Progress:
        """Returns what this process and, where there is a mailbox, the others have trained."""
        with self._telling:  # the live line asks from a thread of its own
            for worker, event in self.mailbox.told() if self.mailbox else ():
                self._progress.add(worker, event)
        return self._progress

    def _tell(self, event: dict[str, Any]) -> None:
        if self.mailbox is None:
            self._progress.add("", event)
        else:
            self.mailbox.tell(event)

    # The schedule is made on first use: it must know all claims' traces.

    def _run(self, arm: Arm, seeds: Iterable[int]) -> Iterator[tuple[int, History]]:
        return self._backend_of(arm).run(arm, seeds)

    def _backend_of(self, arm: Arm) -> Backend:
        return self._functions if isinstance(arm, FunctionArm) else self.backend

    def _require(self, requests: Sequence[Request]) -> None:
        self.schedule.require(requests)

    def _load(self, arm: Arm, seed: int) -> History:
        history = self.store.load(arm, seed)
        if history is None:
            raise LookupError(f"the run of {arm} with seed {seed} is no longer in the store")
        return history

    def seconds_per_cost(self) -> float | None:
        """Returns how long the planned arms' stored runs took per unit of `Arm.cost`, or None."""
        seconds, cost = 0.0, 0.0
        for request in self.planned():
            for seed in request.seeds:
                history = self.store.load(request.arm, seed)
                if history is not None and len(history.seconds):
                    seconds += float(history.seconds.sum())
                    cost += request.arm.cost
        return seconds / cost if cost else None


def _arguments(function: Callable[..., None], others: Mapping[str, Any]) -> set[str]:
    """Returns what a test takes; as in pytest, what has a default keeps it if nobody gives it."""
    parameters = inspect.signature(function).parameters.values()
    named = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}
    return {
        p.name for p in parameters if p.kind in named and (p.default is p.empty or p.name in others)
    }


def _end(function: Callable[..., None], arguments: Mapping[str, Any]) -> BaseException | None:
    """Runs a body that is traced; returns what ended it, None if it came to its end."""
    # What it prints or warns of, TensorFlow too, is said when it runs in earnest.
    nowhere = io.StringIO()
    with (
        silence(), contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere),
        warnings.catch_warnings(),
    ):  # fmt: skip
        warnings.simplefilter("ignore")
        try:
            function(**arguments)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  (it is raised again in earnest)
            return error
    return None


def _in_words(end: BaseException) -> str:
    """Returns in a line how a body ended before its end."""
    first, *_ = str(end).splitlines() or [""]
    return f"it ended with {type(end).__name__}{first and f': {first}'}"
