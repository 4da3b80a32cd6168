"""Hooks that the plugin offers to a `conftest.py`, and to other plugins."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

from bnclaims.errors import CommandError
from bnclaims.experiment.protocol import TrainingProtocol
from bnclaims.language.figure import Figure
from bnclaims.language.fixtures import Probe, Train
from bnclaims.running.backend import Backend
from bnclaims.running.store import Store

_T = TypeVar("_T")


def listed(hook: str, answers: Iterable[Any], kind: type[_T]) -> list[_T]:
    """Returns what the implementations of a hook list, all together.

    Args:
        hook: Its name.
        answers: What each implementation returned.
        kind: Of what they are to return lists.

    Raises:
        CommandError: One returned something else.
    """
    found: list[_T] = []
    for answer in answers:
        items: list[Any] = list(answer) if isinstance(answer, Iterable) else [None]
        if not all(isinstance(item, kind) for item in items):
            raise CommandError(
                f"{hook} returned {answer!r:.80}: give a list of bnclaims.{kind.__name__}(...)"
            )
        found += items
    return found


@pytest.hookspec
def pytest_claims_protocols() -> Sequence[TrainingProtocol] | None:
    """Returns the training protocols that `--claims-protocol` may name, the default one first.

    Implement it in the `conftest.py` at the root of the project or of the folder that pytest is
    given. Without any, sessions train with Keras's defaults.
    """


@pytest.hookspec(firstresult=True)
def pytest_claims_backend(config: pytest.Config, threads: int) -> Backend | None:
    """Returns what trains the arms of this process.

    Args:
        config: Pytest's.
        threads: How many runs it may train at a time.
    """


@pytest.hookspec(firstresult=True)
def pytest_claims_store(config: pytest.Config, folder: Path) -> Store | None:
    """Returns what keeps the runs; all workers of a session must reach the same.

    Args:
        config: Pytest's.
        folder: What `--claims-store` says, or the user's cache folder.
    """


@pytest.hookspec
def pytest_claims_figures(train: Train, probe: Probe) -> Sequence[Figure] | None:
    """Returns figures for the report, drawn from the runs that the claims have trained.

    A figure whose runs are not stored is left out: nothing is trained for its sake.

    Args:
        train: As the fixture.
        probe: As the fixture.
    """
