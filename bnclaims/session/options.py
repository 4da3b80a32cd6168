"""Settings of a session: command line, then environment, then ini file, then default."""

import contextlib
import itertools
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import platformdirs
import pytest

from bnclaims.backends.keras.backend import BACKENDS
from bnclaims.errors import CommandError
from bnclaims.experiment.protocol import KERAS_DEFAULTS, TrainingProtocol
from bnclaims.reporting.report import FOLDER
from bnclaims.session.hooks import listed
from bnclaims.statistics.boundary import BOUNDARIES, Boundary
from bnclaims.statistics.design import Design, Open, Sequential
from bnclaims.statistics.spending import OBrienFleming, Pocock, Power, Spending

OPTIONS: tuple[tuple[str, str, str], ...] = (
    (
        "data",
        "auto|mnist|digits|PATH",
        "the images: MNIST, the embedded digits, or a file or folder",
    ),
    ("protocol", "NAME", "how arms are trained where claims do not say"),
    ("store", "DIR", "folder of the trained runs"),
    ("looks", "N,N,...", "after how many seeds to look at the evidence"),
    ("alpha", "ALPHA", "error rate of a claim, in each direction"),
    ("design", "sequential|open", "planned looks, or e-values that allow more seeds at any time"),
    ("spending", "power[:RHO]|pocock|obrien-fleming", "how planned looks spend alpha"),
    ("boundary", "|".join(BOUNDARIES), "for which contrasts planned looks keep alpha"),
    ("backend", "|".join(BACKENDS), "the framework that Keras trains on"),
    ("threads", "N", "runs that a worker trains at a time; cores / workers by default"),
    ("run-timeout", "SECONDS", "after which a run is given up and its claim an error"),
    (
        "scheduler",
        "ADDRESS|FILE|local",
        "Dask's, whose workers then train; see docs/distributed.md",
    ),
    ("resources", "NAME=N,...", "Dask resources that each run takes, as in GPU=1"),
    ("reference", "FILE", "of `bnclaims freeze`: is training as it was then?"),
)
"""Name, values and help of each option `--claims-NAME` with its ini twin, see `ini_name`."""


DATA_VARIABLE = "BNCLAIMS_DATA"
"""The environment's word on the data."""

BACKEND_VARIABLE = "BNCLAIMS_BACKEND"
"""Its word on the backend."""

_VARIABLES = {"data": DATA_VARIABLE, "backend": BACKEND_VARIABLE}

_MOST_SEEDS, _MOST_LOOKS, MOST_THREADS = 10_000, 100, 1_024
"""More than anybody can train, and less than takes all memory to plan."""


@dataclass(frozen=True)
class Settings:
    """What the session was asked for."""

    data: str
    protocol: TrainingProtocol
    store: Path
    design: Design
    threads: int
    chosen: bool
    """Whether the command line, the ini file or a `conftest.py` says anything about claims."""
    protocols: tuple[str, ...] = ()
    """Names of the declared protocols."""
    report: Path | None = None
    """Folder of the report; None for no report."""
    run_timeout: float | None = None
    """Seconds after which a run is given up; None for never."""
    scheduler: str = ""
    """Address or file of the Dask scheduler whose workers train; '' where nobody else does."""
    resources: Mapping[str, float] = field(default_factory=dict)
    """Dask resources that each run takes."""
    reference: Path | None = None
    """The file of an earlier release to compare with; None for none."""
    backend: str = next(iter(BACKENDS))
    """The framework that Keras trains on."""

    @classmethod
    def from_pytest_config(cls, config: pytest.Config) -> Self:
        """Returns the settings of a session.

        Raises:
            pytest.UsageError: A value is not understood; the message names option and values.
        """
        given = {name: _given(config, name) for name, _, _ in OPTIONS}
        protocols = declared_protocols(config)
        return cls(
            data=given["data"] or "auto",
            protocol=_protocol(given["protocol"], protocols),
            protocols=tuple(protocol.name for protocol in protocols),
            store=_store(given["store"]),
            design=_design(given),
            threads=_threads(given["threads"], config, given["scheduler"]),
            chosen=any(given.values()) or bool(protocols),
            report=_report(config),
            run_timeout=_run_timeout(given["run-timeout"]),
            scheduler=given["scheduler"] or "",
            resources=_resources(given["resources"], given["scheduler"]),
            reference=_reference(given["reference"]),
            backend=backend_name(config),
        )

    @property
    def homeless(self) -> str:
        """What to do where runs would go to a home folder that there is not; '' where there is."""
        if self.store.parts[:1] != ("~",):
            return ""
        return (
            "there is no home folder to keep trained runs in: give --claims-store=DIR, or set HOME "
            "or XDG_CACHE_HOME"
        )

    def command(self, test: str, data: str) -> list[str]:
        """Returns the command that judges one test as this session did.

        Args:
            test: As pytest names it.
            data: What chooses the images that the session used.
        """
        # With `=`: pytest takes a word that is there as a folder for one of its paths.
        asked = [f"--claims-protocol={self.protocol.name}", f"--claims-data={data}"]
        if self.backend != Settings.backend:
            asked.append(f"--claims-backend={self.backend}")
        return ["pytest", test, *asked, *_design_options(self.design)]


def displaced(config: pytest.Config) -> str:
    """Returns which option's path pytest has taken for a place of tests; '' for none.

    Pytest looks for its ini file before it knows the options of `conftest.py` and plugins: it then
    takes `DIR` in `--claims-store DIR` for one more path of tests, whose common ancestor with the
    others is the root.
    """
    here, ini = config.invocation_params.dir, config.inipath
    if config.getoption("rootdir") or (ini is not None and here.is_relative_to(ini.parent)):
        return ""
    ours = {f"--claims-{name}" for name, _, _ in OPTIONS} | {"--claims-report"}
    arguments = config.invocation_params.args
    for option, value in itertools.pairwise(arguments):
        if option in ours and _is_outside(here / value, here):
            return (
                f"pytest took {value} for a path of tests, as it follows {option} after a space: "
                f"its root is {config.rootpath}, and {ini or 'no ini file'} is read. Write "
                f"{option}={value}"
            )
    return ""


def _is_outside(path: Path, folder: Path) -> bool:
    """Says whether a path is there, but not in a folder."""
    try:
        return path.exists() and not path.resolve().is_relative_to(folder.resolve())
    except OSError:  # too long a name
        return False


def cache_folder() -> Path:
    """Returns the user's folder for what can be made again."""
    return Path(platformdirs.user_cache_dir("bnclaims"))


def _design_options(design: Design) -> list[str]:
    """Returns the command line's options that give a design."""
    options = [f"--claims-looks={','.join(map(str, design.looks))}"]
    options += [f"--claims-alpha={design.alpha:g}"]
    if isinstance(design, Sequential):
        options.append(f"--claims-spending={design.spending}")
        return [*options, f"--claims-boundary={design.boundary.name}"]
    return [*options, f"--claims-design={Open.name}"]


def _given(config: pytest.Config, name: str) -> str | None:
    value: Any = config.getoption(ini_name(name))
    if not value and name in _VARIABLES:
        value = os.environ.get(_VARIABLES[name])
    return value or _ini(config, name) or None


def _ini(config: pytest.Config, name: str) -> str:
    """Returns an ini setting's text.

    Raises:
        pytest.UsageError: It is of another type, as TOML has them.
    """
    value: object = config.getini(ini_name(name))
    if not isinstance(value, str):
        shown = _brief(str(value))
        raise pytest.UsageError(f"{ini_name(name)} = {shown}: write it as text, between quotes")
    return value


def ini_name(name: str) -> str:
    """Returns what an option is called in an ini file."""
    return f"claims_{name.replace('-', '_')}"


def store_folder(given: str | Path | None) -> Path:
    """Returns the folder of the runs, in the user's cache folder by default.

    Raises:
        ValueError: It cannot be one; the message says why.
    """
    folder = Path(given or cache_folder() / "store")
    # Without a home folder `~` stays as it is: then only claims fail, see `Settings.homeless`.
    with contextlib.suppress(RuntimeError):
        # A test may change the working directory.
        folder = folder.expanduser().absolute()
    try:
        is_file = folder.exists() and not folder.is_dir()
    except (OSError, ValueError) as error:  # too long a name, or with a NUL in it
        raise ValueError(_reason(error)) from None
    if is_file:
        raise ValueError("this is a file; give a folder")
    return folder


def _store(given: str | None) -> Path:
    try:
        return store_folder(given)
    except ValueError as error:
        raise _refused("store", given, str(error)) from None


def _refused(option: str, given: str | None, why: str) -> pytest.UsageError:
    """Returns the error for an option's value, in a line that can be read whatever was given."""
    return pytest.UsageError(f"--claims-{option} {_brief(given)}: {why:.300}")


def _brief(text: str | None) -> str:
    return f"{text:.80}..." if text and len(text) > 80 else f"{text}"


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)


def _report(config: pytest.Config) -> Path | None:
    given = config.option.claims_report or _ini(config, "report")
    if given == "none":
        return None
    try:
        # A test may change the working directory.
        return Path(given).expanduser().absolute() if given else config.rootpath / FOLDER
    except RuntimeError as error:
        raise _refused("report", given, str(error)) from None


def declared_protocols(config: pytest.Config) -> list[TrainingProtocol]:
    """Returns the protocols that conftest files declare, the default one first.

    Raises:
        pytest.UsageError: Two have one name, or one is no protocol.
    """
    answers = config.hook.pytest_claims_protocols()
    try:
        found = listed("pytest_claims_protocols", answers, TrainingProtocol)
    except CommandError as error:
        raise pytest.UsageError(str(error)) from None
    names = [protocol.name for protocol in found]
    if twice := {name for name in names if names.count(name) > 1}:
        raise pytest.UsageError(f"two protocols are called {min(twice)!r}: rename one of them")
    return found


def _protocol(name: str | None, declared: Sequence[TrainingProtocol]) -> TrainingProtocol:
    if name is None:
        return declared[0] if declared else KERAS_DEFAULTS
    known = {protocol.name: protocol for protocol in (*declared, KERAS_DEFAULTS)}
    if name not in known:
        raise _refused("protocol", name, f"choose one of {', '.join(sorted(known))}")
    return known[name]


def _design(given: Mapping[str, str | None]) -> Design:
    looks, alpha = _looks(given["looks"]), _alpha(given["alpha"])
    kind = given["design"] or Sequential.name
    if kind not in {Sequential.name, Open.name}:
        raise _refused("design", kind, f"choose one of {Open.name}, {Sequential.name}")
    for name in ("spending", "boundary"):
        if kind == Open.name and given[name]:
            raise _refused(name, given[name], "an open design spends nothing; leave it out")
    try:
        if kind == Open.name:
            return Open(looks, alpha)
        return Sequential(looks, alpha, _spending(given["spending"]), _boundary(given["boundary"]))
    except ValueError as error:
        named = (
            f"--claims-{name} {_brief(given[name])}"
            for name in ("looks", "alpha", "spending")
            if given[name]
        )
        raise pytest.UsageError(f"{', '.join(named)}: {error!s:.300}") from None


def _looks(given: str | None) -> tuple[int, ...]:
    try:
        looks = tuple(int(n) for n in given.split(",")) if given else Sequential().looks
    except ValueError:
        raise _refused("looks", given, "give numbers of seeds, as in 5,10,15,20") from None
    if too_many := too_many_looks(looks):
        raise _refused("looks", given, too_many)
    return looks


def too_many_looks(looks: Sequence[int]) -> str:
    """Returns what to give instead of looks that would take all memory to plan; '' for others."""
    if max(looks, default=0) <= _MOST_SEEDS and len(looks) <= _MOST_LOOKS:
        return ""
    return f"give at most {_MOST_LOOKS} looks, the last at {_MOST_SEEDS:,} seeds or before"


def _alpha(given: str | None) -> float:
    try:
        return float(given) if given else Sequential().alpha
    except ValueError:
        raise _refused("alpha", given, "give a number, as in 0.01") from None


def _spending(given: str | None) -> Spending:
    family, _, rho = (given or "power").partition(":")
    simple: dict[str, Spending] = {"pocock": Pocock(), "obrien-fleming": OBrienFleming()}
    if not rho and family in simple:
        return simple[family]
    try:
        if family == "power":
            return Power(float(rho)) if rho else Power()
    except ValueError as error:
        raise _refused("spending", given, str(error)) from None
    raise _refused("spending", given, "choose one of power, power:RHO, pocock, obrien-fleming")


def _boundary(given: str | None) -> Boundary:
    name = given or next(iter(BOUNDARIES))
    if name not in BOUNDARIES:
        raise _refused("boundary", name, f"choose one of {', '.join(BOUNDARIES)}")
    return BOUNDARIES[name]


def backend_name(config: pytest.Config) -> str:
    """Returns the framework that Keras is to train on.

    Raises:
        pytest.UsageError: It is none of those that there are.
    """
    name = _given(config, "backend") or Settings.backend
    if name not in BACKENDS:
        raise _refused("backend", name, f"choose one of {', '.join(BACKENDS)}")
    return name


def _threads(given: str | None, config: pytest.Config, scheduler: str | None) -> int:
    if scheduler:
        if given is not None:
            why = "the workers of --claims-scheduler train a run a thread; leave it out"
            raise _refused("threads", given, why)
        return 1
    if given is None:
        workers = getattr(config, "workerinput", {}).get("workercount", 1)
        return max(1, cores() // int(workers))
    try:
        threads = int(given)
    except ValueError:
        threads = 0
    if not 1 <= threads <= MOST_THREADS:
        raise _refused("threads", given, f"give an integer of 1 or more, {MOST_THREADS} at most")
    return threads


def _run_timeout(given: str | None) -> float | None:
    if given is None:
        return None
    try:
        seconds = float(given)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise _refused("run-timeout", given, "give seconds, as in 600")
    return seconds


def _resources(given: str | None, scheduler: str | None) -> dict[str, float]:
    if given is None:
        return {}
    if not scheduler:
        raise _refused("resources", given, "these are Dask's; give --claims-scheduler, too")
    resources: dict[str, float] = {}
    for part in given.split(","):
        name, _, amount = part.partition("=")
        try:
            resources[name.strip()] = float(amount)
        except ValueError:
            resources[name.strip()] = math.nan
    if not all(name and 0 < amount < math.inf for name, amount in resources.items()):
        raise _refused("resources", given, "give names and amounts, as in GPU=1")
    return resources


def _reference(given: str | None) -> Path | None:
    try:
        return Path(given).expanduser() if given else None
    except RuntimeError as error:
        raise _refused("reference", given, str(error)) from None


def cores() -> int:
    """Returns how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
