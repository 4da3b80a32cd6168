"""Claims outside pytest: one test function, judged as a session would judge it."""

import inspect
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

from bnclaims.backends.keras.backend import BACKENDS
from bnclaims.errors import ClaimError, StoreError
from bnclaims.experiment.data import Data
from bnclaims.experiment.protocol import KERAS_DEFAULTS, TrainingProtocol
from bnclaims.language.claim import Claim, claim_of
from bnclaims.reporting.verification import Verification
from bnclaims.running.local_store import LocalStore
from bnclaims.session import frames
from bnclaims.session.conclusion import CERTAIN, XFAIL, concluded, untested, verdict_of
from bnclaims.session.options import (
    BACKEND_VARIABLE,
    DATA_VARIABLE,
    MOST_THREADS,
    Settings,
    cores,
    store_folder,
    too_many_looks,
)
from bnclaims.session.suite import Suite
from bnclaims.statistics.design import Design, Open, Sequential

_DEFAULT = Sequential()
_DESIGNS: dict[str, type[Sequential] | type[Open]] = {Sequential.name: Sequential, Open.name: Open}

_ONE_AT_A_TIME = threading.RLock()
"""Training sets random generators of the whole process, and diverts its standard error."""


def verify(
    claim: Callable[..., None],
    *,
    data: str | Path | Data | None = None,
    protocol: TrainingProtocol | None = None,
    looks: Sequence[int] = _DEFAULT.looks,
    alpha: float = _DEFAULT.alpha,
    design: Literal["sequential", "open"] = "sequential",
    store: str | Path | None = None,
    threads: int | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> Verification:
    """Judges one claim outside pytest, as in a notebook, with the same numbers as under pytest.

    What it trains is stored, and what is stored is not trained again. To verify a claim twice is
    the same trial, not a second one. Fix `looks` before you see a result.

    Args:
        claim: A test function declared with `@claim`.
        data: As `--claims-data`: "auto", "mnist", "digits" or a path; or arrays, as `Data`. By
            default what the environment variable `BNCLAIMS_DATA` says, else "auto".
        protocol: How arms are trained where the claim does not say; Keras's defaults if left out.
        looks: Numbers of seeds after which the evidence is looked at, increasing, the first at
            least 3.
        alpha: Error rate in each direction, over all looks together.
        design: "sequential" for planned looks, "open" for e-values, under which seeds may be added
            after a result has been seen.
        store: Folder of the trained runs; in the user's cache folder by default, as under pytest.
        threads: How many runs are trained at a time; one for each core by default.
        parameters: Values of the function's other arguments, which pytest's `parametrize` or
            fixtures would give.

    Raises:
        TypeError: The function is no claim, or an argument is of a wrong type.
        ValueError: The looks, alpha, design, store or threads cannot be used, or
            `BNCLAIMS_BACKEND` names no backend.
        ClaimError: The claim takes arguments that are not given, is marked `xfail`, or tests
            nothing.
        ArmError: An arm cannot be trained as it is.
        DataError: The data cannot be loaded.
        KeyboardInterrupt: It was interrupted; the runs that were done are stored.
        Exception: Whatever else the claim's body raises, which then has no verdict.
    """
    declared = _declared(claim)
    given = dict(parameters or {})
    _check_arguments(claim, declared, given)
    settings = Settings(
        data=data.name if isinstance(data, Data) else _choice(data),
        protocol=_protocol(protocol),
        store=_store(store),
        design=_design(looks, alpha, design),
        threads=_threads(threads),
        backend=_backend(),
        chosen=True,
    )
    arrays = data if isinstance(data, Data) else None
    backend, runs = BACKENDS[settings.backend](settings.threads), LocalStore(settings.store)
    suite = Suite(settings, None, backend, runs, data=arrays)
    try:
        with _ONE_AT_A_TIME:
            return _Test(suite, declared, claim, given).run()
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"{declared.id} was interrupted, without a verdict; the runs that were done are in "
            f"{settings.store}, and the next time goes on from there"
        ) from None
    except BaseException as error:
        frames.forget_the_call(error)
        raise


class _Test:
    """A claim's test, run once."""

    def __init__(
        self,
        suite: Suite,
        declared: Claim,
        function: Callable[..., None],
        parameters: Mapping[str, Any],
    ) -> None:
        self._suite = suite
        self._declared = declared
        self._function = function
        self._parameters = parameters
        values = "-".join(map(str, parameters.values()))
        self._name = f"{declared.id}[{values}]" if values else declared.id
        self._test = f"{function.__module__}.{function.__qualname__}"

    def run(self) -> Verification:
        """Returns what the claim came to."""
        suite = self._suite
        suite.tests = {self._name: [self._test]}
        suite.source  # noqa: B018  (asking for it finds it)
        suite.trace(self._test, self._function, self._parameters)
        trial = suite.trial(name=self._test)
        if trial.certain:
            raise ClaimError(f"{self._name}: {CERTAIN}")
        names = inspect.signature(self._function).parameters.keys() & {"train", "probe"}
        fixtures = {"train": suite.train(trial), "probe": suite.probe(trial)}
        error: BaseException | None = None
        try:
            self._function(**{name: fixtures[name] for name in names}, **self._parameters)
        except Exception as raised:  # noqa: BLE001  (some are verdicts, the others are raised again)
            error = raised
        known = trial if names else None
        if error is None and known is not None and (fault := untested(known)):
            raise ClaimError(f"{self._name}: {fault}")
        verdict = verdict_of(error, known)
        if verdict is None:
            raise cast(BaseException, error)
        return Verification.of(
            concluded(
                suite,
                self._declared,
                self._name,
                verdict,
                known,
                test=self._test,
                function=self._function,
                command=self._call(),
            )
        )

    def _call(self) -> str:
        """Returns the call that judges the claim as this one did."""
        suite, settings = self._suite, self._suite.settings
        design = settings.design
        source = suite.source
        data = source if isinstance(source, Data) else suite.chosen_data
        arguments: dict[str, Any] = {
            "data": data,
            "protocol": settings.protocol,
            "looks": design.looks,
            "alpha": design.alpha,
            "design": design.name,
        }
        if self._parameters:
            arguments["parameters"] = dict(self._parameters)
        texts = [f"{name}={value!r}" for name, value in arguments.items()]
        return f"verify({', '.join([self._function.__qualname__, *texts])})"


def _declared(function: Callable[..., None]) -> Claim:
    declared = claim_of(function)
    if declared is None:
        name = getattr(function, "__qualname__", repr(function))
        raise TypeError(
            f"verify({name}): this is no claim; give a function that @claim(statement, source=...) "
            "declares to be one"
        )
    return declared


def _check_arguments(
    function: Callable[..., None], declared: Claim, given: Mapping[str, Any]
) -> None:
    """Refuses a function that only pytest could call, and arguments that it does not take."""
    marks = [mark.name for mark in getattr(function, "pytestmark", ())]
    if "xfail" in marks:
        raise ClaimError(f"{declared.id}: {XFAIL}")
    name = function.__qualname__
    parameters = inspect.signature(function).parameters
    others = {key: value for key, value in parameters.items() if key not in {"train", "probe"}}
    missing = [
        key for key, value in others.items() if value.default is value.empty and key not in given
    ]
    if missing:
        example = ", ".join(f"{key!r}: ..." for key in missing)
        raise ClaimError(
            f"{name} takes {', '.join(missing)}, which only pytest's fixtures or parametrize give "
            f"by themselves: verify it value by value, verify({name}, parameters={{{example}}}), "
            "or run it with pytest"
        )
    if unknown := given.keys() - others.keys():
        raise TypeError(f"parameters: {name} takes no {min(unknown)!r}")


def _choice(data: str | Path | None) -> str:
    return str(data or os.environ.get(DATA_VARIABLE) or "auto")


def _backend() -> str:
    name = os.environ.get(BACKEND_VARIABLE) or Settings.backend
    if name not in BACKENDS:
        raise ValueError(f"{BACKEND_VARIABLE}={name:.80}: choose one of {', '.join(BACKENDS)}")
    return name


def _protocol(protocol: TrainingProtocol | None) -> TrainingProtocol:
    if protocol is None:
        return KERAS_DEFAULTS
    if isinstance(protocol, TrainingProtocol):
        return protocol
    raise TypeError(
        f"protocol={protocol!r:.80}: outside pytest no conftest.py declares protocols by name; "
        "give bnclaims.TrainingProtocol(name, epochs=..., images=...)"
    )


def _design(looks: Sequence[int], alpha: float, kind: str) -> Design:
    if kind not in _DESIGNS:
        raise ValueError(f"design={kind!r:.80}: choose one of {', '.join(sorted(_DESIGNS))}")
    try:
        looks = tuple(looks)
        if too_many := too_many_looks(looks):
            raise ValueError(too_many)
        return _DESIGNS[kind](looks, alpha)
    except TypeError:
        raise TypeError(
            f"looks={looks!r:.80}, alpha={alpha!r:.80}: give numbers of seeds and a number, as in "
            "looks=(5, 10), alpha=0.01"
        ) from None
    except ValueError as error:
        raise ValueError(f"looks={looks!r:.80}, alpha={alpha!r:.80}: {error}") from None


def _store(given: str | Path | None) -> Path:
    try:
        folder = store_folder(given)
    except ValueError as error:
        raise ValueError(f"store={str(given)!r:.80}: {error}") from None
    if folder.parts[:1] == ("~",):
        raise StoreError(
            "there is no home folder to keep trained runs in: give store=..., or set HOME or "
            "XDG_CACHE_HOME"
        )
    return folder


def _threads(given: int | None) -> int:
    if given is None:
        return cores()
    if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= MOST_THREADS:
        raise ValueError(
            f"threads={given!r:.80}: give an integer of 1 or more, {MOST_THREADS} at most"
        )
    return given
