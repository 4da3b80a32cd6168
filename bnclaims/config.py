"""Settings of a session: command line, then environment, then ini file, then default."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import platformdirs
import pytest

from bnclaims.arm import PROTOCOLS, TrainingProtocol
from bnclaims.boundaries import Design

OPTIONS: tuple[tuple[str, str, str], ...] = (
    (
        "data",
        "auto|mnist|digits|PATH",
        "the images: MNIST, the embedded digits, or a file or folder",
    ),
    ("protocol", "|".join(sorted(PROTOCOLS)), "how much data and how many epochs"),
    ("store", "DIR", "folder of the trained runs"),
    ("looks", "N,N,...", "after how many seeds to look at the evidence"),
    ("alpha", "ALPHA", "error rate of a claim, each way"),
    ("threads", "N", "runs that a worker trains at a time; cores / workers by default"),
)
"""Name, values and help of each option `--claims-NAME` with its ini twin `claims_NAME`."""


@dataclass(frozen=True)
class Settings:
    """What the session was asked for."""

    data: str
    protocol: TrainingProtocol
    store: Path
    design: Design
    threads: int
    chosen: bool
    """Whether the command line or the ini file says anything about claims."""

    @classmethod
    def from_pytest_config(cls, config: pytest.Config) -> Self:
        """Returns the settings of a session.

        Raises:
            pytest.UsageError: A value is not understood; the message names option and values.
        """
        given = {name: _given(config, name) for name, _, _ in OPTIONS}
        return cls(
            data=given["data"] or "auto",
            protocol=_protocol(given["protocol"] or "quick"),
            store=_store(given["store"]),
            design=_design(given["looks"], given["alpha"]),
            threads=_threads(given["threads"], config),
            chosen=any(given.values()),
        )


def cache_folder() -> Path:
    """Returns the user's folder for what can be made again."""
    return Path(platformdirs.user_cache_dir("bnclaims"))


def _given(config: pytest.Config, name: str) -> str | None:
    value: Any = config.getoption(f"claims_{name}")
    if not value and name == "data":
        value = os.environ.get("BNCLAIMS_DATA")
    return value or config.getini(f"claims_{name}") or None


def _store(given: str | None) -> Path:
    folder = Path(given or cache_folder() / "store").expanduser()
    if folder.exists() and not folder.is_dir():
        raise pytest.UsageError(f"--claims-store {folder}: this is a file; give a folder")
    return folder


def _protocol(name: str) -> TrainingProtocol:
    if name not in PROTOCOLS:
        raise pytest.UsageError(
            f"--claims-protocol {name}: choose one of {', '.join(sorted(PROTOCOLS))}"
        )
    return PROTOCOLS[name]


def _design(looks: str | None, alpha: str | None) -> Design:
    default = Design()
    try:
        numbers = tuple(int(n) for n in looks.split(",")) if looks else default.looks
    except ValueError:
        raise pytest.UsageError(
            f"--claims-looks {looks}: give numbers of seeds, as in 5,10,15,20"
        ) from None
    try:
        return Design(numbers, float(alpha) if alpha else default.alpha)
    except ValueError as error:
        raise pytest.UsageError(
            f"--claims-looks {looks or 'as by default'}, --claims-alpha {alpha or default.alpha}: "
            f"{error}"
        ) from None


def _threads(given: str | None, config: pytest.Config) -> int:
    if given is None:
        workers = getattr(config, "workerinput", {}).get("workercount", 1)
        return max(1, _cores() // int(workers))
    if not given.isdecimal() or int(given) < 1:
        raise pytest.UsageError(f"--claims-threads {given}: give an integer of 1 or more")
    return int(given)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
