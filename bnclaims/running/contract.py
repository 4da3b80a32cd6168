"""Backends and stores that others bring, held to what the seams say of them.

One that breaks its promise would hang a session, or have numbers in a report that are none.
"""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from numbers import Integral
from typing import Any

from bnclaims.errors import ArmError, BnclaimsError, CommandError, StoreError
from bnclaims.experiment.arm import Arm
from bnclaims.experiment.history import History, checked
from bnclaims.running.backend import Backend
from bnclaims.running.store import Store


class CheckedBackend:
    """A backend of which each answer is checked.

    Args:
        backend: What the hook `pytest_claims_backend` returned.

    Raises:
        CommandError: It is no backend, or does not say what its versions are.
    """

    def __init__(self, backend: Backend) -> None:
        _check_members(backend, "pytest_claims_backend", ["name", "versions", "prepare", "run"])
        if not isinstance(backend.name, str):
            raise CommandError(
                f"pytest_claims_backend returned a backend whose name is {backend.name!r:.80}: "
                "give a text"
            )
        self._backend = backend
        self.name = backend.name
        self.versions  # noqa: B018  (asking for them checks them)

    @property
    def versions(self) -> Mapping[str, str]:
        """Those of the backend.

        Raises:
            CommandError: It cannot say them, or they are no names and texts.
        """
        try:
            versions: Any = self._backend.versions
        except BnclaimsError:
            raise
        except Exception as error:
            raise CommandError(
                f"the backend {self.name!r} cannot say its versions: {_in_words(error)}"
            ) from error
        if not isinstance(versions, Mapping) or not all(
            isinstance(text, str) for pair in versions.items() for text in pair
        ):
            raise CommandError(
                f"the backend {self.name!r} has versions {versions!r:.80}: give a dictionary of "
                "names and texts"
            )
        return versions

    def prepare(self) -> None:
        """Prepares the backend.

        Raises:
            ArmError: It cannot.
        """
        try:
            self._backend.prepare()
        except BnclaimsError:
            raise
        except Exception as error:
            raise ArmError(
                f"the backend {self.name!r} cannot prepare: {_in_words(error)}"
            ) from error

    def run(self, arm: Arm, seeds: Iterable[int]) -> Iterator[tuple[int, History]]:
        """Has the backend train; yields each of its histories once it is checked.

        Raises:
            ArmError: It yielded something else than one history for each seed.
        """
        left = iter(seeds)
        due: set[int] = set()

        def taken() -> Iterator[int]:
            for seed in left:
                due.add(seed)
                yield seed

        told = f"{arm}: the backend {self.name!r}"
        answers: Any = self._backend.run(arm, taken())
        if not isinstance(answers, Iterable):
            raise ArmError(
                f"{told} returned {answers!r:.80}: yield pairs of a seed and its History"
            )
        for answer in answers:
            seed, history = _pair(answer, told)
            if seed not in due:
                raise ArmError(
                    f"{told} yielded a run with seed {seed}, which it has not taken, or yielded "
                    "before: yield one for each seed that it takes"
                )
            due.remove(seed)
            whose = f"{arm}, seed {seed}: the backend {self.name!r} yielded"
            yield seed, checked(history, whose, names=True)
        missing = min(due) if due else next(left, None)
        if missing is not None:
            raise ArmError(
                f"{told} yielded no run with seed {missing}: yield one for each seed, or raise an "
                "ArmError that says why it cannot"
            )


class CheckedStore:
    """A store of which each answer is checked.

    Args:
        store: What the hook `pytest_claims_store` returned.

    Raises:
        CommandError: It is no store.
    """

    def __init__(self, store: Store) -> None:
        _check_members(store, "pytest_claims_store", ["load", "save", "lock", "holder"])
        self._store = store

    def __str__(self) -> str:
        return str(self._store)

    def load(self, arm: Arm, seed: int) -> History | None:
        """Returns what the store has.

        Raises:
            StoreError: It is neither a history nor None.
        """
        found: Any = self._store.load(arm, seed)
        if found is None or isinstance(found, History):
            return found
        raise StoreError(
            f"{self} loaded {found!r:.80} for {arm}, seed {seed}: return the run's History, or None"
        )

    def save(self, arm: Arm, seed: int, history: History) -> None:
        """Has the store keep a run.

        Raises:
            StoreError: It has not kept it.
        """
        self._store.save(arm, seed, history)
        if self.load(arm, seed) is None:
            raise StoreError(
                f"{self} has not kept the run of {arm} with seed {seed}: load what was saved, for "
                "as long as the session takes"
            )

    @contextlib.contextmanager
    def lock(self, arm: Arm, name: str) -> Iterator[bool]:
        """Holds a lock of the store.

        Raises:
            StoreError: It does not say whether it is free.
        """
        with self._store.lock(arm, name) as free:
            if not isinstance(free, bool):
                raise StoreError(
                    f"{self} locked {arm} and said {free!r:.80}: yield whether it was free"
                )
            yield free

    def holder(self, arm: Arm, name: str) -> str:
        """Returns who holds a lock, as the store knows it."""
        return self._store.holder(arm, name)


def _in_words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _check_members(given: object, hook: str, names: Iterable[str]) -> None:
    names = list(names)
    if isinstance(given, type) or not all(_has(given, name) for name in names):
        members = f"{', '.join(names[:-1])} and {names[-1]}"
        raise CommandError(f"{hook} returned {given!r:.80}: give an object with {members}")


def _has(given: object, name: str) -> bool:
    try:
        return hasattr(given, name)
    except Exception:  # noqa: BLE001  (a property that fails is there)
        return True


def _pair(answer: Any, told: str) -> tuple[int, History]:
    match answer:
        case (Integral() as seed, History() as history):
            return int(seed), history
    raise ArmError(f"{told} yielded {answer!r:.80}: yield pairs of a seed and its History")
