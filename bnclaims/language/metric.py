"""Metrics: functions of a run's history that make samples of the runs of arms."""

import inspect
import math
from collections.abc import Callable, Mapping
from functools import cache, update_wrapper
from typing import (
    Any,
    Concatenate,
    Never,
    NoReturn,
    ParamSpec,
    Protocol,
    TypeVar,
    get_args,
    overload,
)

import numpy as np

from bnclaims.errors import ClaimError
from bnclaims.experiment.history import History, is_finite, numbers
from bnclaims.language.bounds import Limits, Values
from bnclaims.language.evidence import Measured
from bnclaims.language.finding import Better
from bnclaims.language.sample import Endpoint, Runs, Sample, check_finite, check_within
from bnclaims.language.terms import Term

P = ParamSpec("P")
V = TypeVar("V")


class Metric(Protocol[P]):
    """A metric of one run: of a history a number, of an arm's runs a sample."""

    @overload
    def __call__(self, history: History, /, *args: P.args, **kwargs: P.kwargs) -> float: ...
    @overload
    def __call__(self, runs: Runs, /, *args: P.args, **kwargs: P.kwargs) -> Sample: ...
    @overload
    def __call__(self, runs: Runs, /, *, diverged: float | None, **arguments: Any) -> Sample: ...


class PairMetric(Protocol[P]):
    """A metric of two runs: of their histories a number, of two arms' runs a sample."""

    @overload
    def __call__(
        self, one: History, other: History, /, *args: P.args, **kwargs: P.kwargs
    ) -> float: ...
    @overload
    def __call__(self, one: Runs, other: Runs, /, *args: P.args, **kwargs: P.kwargs) -> Sample: ...
    @overload
    def __call__(
        self, one: Runs, other: Runs, /, *, diverged: float | None, **arguments: Any
    ) -> Sample: ...


class _Declaration(Protocol):
    """What `metric(low=..., high=..., unit=...)` returns."""

    @overload
    def __call__(
        self, function: Callable[Concatenate[History, History, P], float], /
    ) -> PairMetric[P]: ...
    @overload
    def __call__(self, function: Callable[Concatenate[History, P], float], /) -> Metric[P]: ...


@overload
def metric(function: Callable[Concatenate[History, History, P], float], /) -> PairMetric[P]: ...
@overload
def metric(function: Callable[Concatenate[History, P], float], /) -> Metric[P]: ...
@overload
def metric(
    *, low: float = ..., high: float = ..., unit: str = ..., better: Better = ...
) -> _Declaration: ...
def metric(
    function: Callable[..., float] | None = None,
    /,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    unit: str = "",
    better: Better = "",
) -> Any:
    """Makes a metric of a function of histories: `@metric def last(history): ...`.

    Called with histories it stays the function that it was. Called with runs, as `train` returns
    them, it gives a sample: the function's value for each seed. A function of two histories takes
    two arms' runs, seed by seed. Keyword arguments are handed on, but for `diverged=value`: the
    value of a run that diverged, which otherwise has none.

    Args:
        function: Takes one history or two and returns a number.
        low: The least value that it can have: `@metric(low=0, high=1)`.
        high: The largest.
        unit: What it is in, as reports say it after a number: `@metric(unit="epochs")`. Sums,
            differences and multiples keep it; products, ratios and logarithms have none.
        better: Which way it improves, "lower" or "higher": a comparison with a reference then says
            better or worse, not only changed.

    Raises:
        TypeError: The unit is no string.
        ValueError: `better` is no way to improve.
    """
    if not isinstance(unit, str):
        raise TypeError(f"unit={unit!r}: give what stands after a number, as in unit='epochs'")
    if better not in get_args(Better):
        raise ValueError(f"better={better!r}: give 'lower' or 'higher', or leave it out")
    if function is None:
        return lambda function: _Metric(function, (low, high), unit, better)
    return _Metric(function, (low, high), unit, better)


class _Metric:
    """A function of histories that takes runs, too."""

    def __init__(
        self, function: Callable[..., float], limits: Limits, unit: str, better: Better
    ) -> None:
        update_wrapper(self, function)  # which copies its attributes, too
        self._function = function
        self._name = function.__name__
        self._limits = limits
        self._unit = unit
        self._better = better

    def __call__(
        self, *runs: Runs | History, diverged: float | None = None, **arguments: Any
    ) -> Sample | float:
        if runs and all(isinstance(item, History) for item in runs):
            return self._function(*runs, **arguments)
        handles = self._checked(runs, arguments)
        if diverged is None:
            return sample_of(
                self._name,
                self._function,
                handles,
                arguments,
                limits=self._limits,
                unit=self._unit,
                better=self._better,
            )
        if not is_finite(diverged):
            raise ClaimError(f"diverged={diverged}: count a run that diverged as a finite number")
        low, high = self._limits
        return sample_of(
            self._name,
            _counting_diverged(self._function),
            handles,
            arguments | {"diverged": diverged},
            limits=(min(low, diverged), max(high, diverged)),
            unit=self._unit,
            better=self._better,
        )

    def __repr__(self) -> str:
        return f"<metric {self._name}>"

    def _checked(self, runs: tuple[object, ...], arguments: Mapping[str, Any]) -> tuple[Runs, ...]:
        """Refuses before any training what the function would refuse after it."""
        handles = checked_runs(self._name, *runs)
        if self._name in _OF_CLASSIFICATIONS:
            check_accuracy(self._name, *handles)
        try:
            inspect.signature(self._function).bind(*handles, **arguments)
        except TypeError as error:
            raise TypeError(f"{self._name}: {error}") from None
        return handles

    def _uncalled(self, *_: Never) -> NoReturn:
        raise TypeError(
            f"{self._name} is a metric, not a number: apply it to an arm, as in "
            f"{self._name}(train(...))"
        )

    __lt__ = __gt__ = __le__ = __ge__ = _uncalled
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _uncalled
    __truediv__ = __rtruediv__ = __neg__ = __abs__ = _uncalled


def sample_of(
    name: str,
    function: Callable[..., float],
    runs: tuple[Runs, ...],
    arguments: Mapping[str, Any],
    *,
    limits: Limits,
    unit: str,
    better: Better,
) -> Sample:
    """Returns a function of histories as a sample: its value for each seed of the arms.

    Args:
        name: What messages call it.
        function: Takes as many histories as there are runs, and the arguments.
        runs: Of one arm or more, paired seed by seed.
        arguments: The function's keyword arguments.
        limits: Between which numbers the values lie, whatever the runs.
        unit: What the values are in; '' where they have no unit.
        better: Which way they improve; '' where nobody says.
    """

    def compute(count: int) -> Values:
        found = [_number(name, value) for value in _applied(text, function, runs, count, arguments)]
        values = np.array(found, np.float64)
        check_finite(values, name, runs)
        check_within(values, limits, name, runs)
        return values

    text = _called(name, runs, arguments)
    sample = Sample(
        compute,
        runs,
        text,
        limits=limits,
        terms={Term(text, runs, name): 1.0},
        unit=unit,
    )
    if len(runs) == 1:
        measured = Measured(name, _written(arguments), sample, better, function)
        runs[0].trial.measured.append(measured)
    return sample


def endpoint_of(
    name: str,
    function: Callable[..., tuple[float, float]],
    runs: Runs,
    arguments: Mapping[str, Any],
    *,
    limits: Limits,
    unit: str,
) -> Endpoint:
    """Returns a function of a history as an endpoint: its two bounds for each seed of the arm.

    Args:
        name: What messages call it.
        function: Takes a history and the arguments; returns a lower and an upper bound.
        runs: Of the arm.
        arguments: The function's keyword arguments.
        limits: Between which numbers the bounds lie, whatever the runs.
        unit: What the bounds are in; '' where they have no unit.
    """

    def bounds(count: int) -> tuple[Values, Values]:
        pairs = _applied(text, function, (runs,), count, arguments)
        low, high = np.array(pairs, np.float64).T
        return low, high

    text = _called(name, (runs,), arguments)
    return Endpoint(
        bounds,
        (runs,),
        text,
        limits=limits,
        terms={Term(text, (runs,), name): 1.0},
        unit=unit,
    )


_OF_CLASSIFICATIONS = {"val_accuracy"}
"""Metrics that exist where the loss is a classification's, or an accuracy is asked for."""


def check_accuracy(name: str, *runs: Runs) -> None:
    """Refuses a metric of an accuracy that arms do not have.

    Raises:
        ClaimError: The loss of an arm is not known to be a classification's.
    """
    for handle in runs:
        if getattr(handle.arm, "has_accuracy", True) is False:
            raise ClaimError(
                f"{name} does not exist for {handle}: its loss is not known to be a "
                "classification's. If it is meant all the same, say so, as in "
                'train(..., metrics=["accuracy"])'
            )


def checked_runs(name: str, *runs: object) -> tuple[Runs, ...]:
    """Returns what a metric was given, if these are runs.

    Args:
        name: The metric's.
        runs: What it was given.

    Raises:
        TypeError: They are not.
    """
    handles = tuple(item for item in runs if isinstance(item, Runs))
    if len(handles) != len(runs) or not runs:
        raise TypeError(
            f"{name} takes what train(...) or probe(...) returned, not "
            + (", ".join(type(item).__name__ for item in runs) or "nothing")
        )
    return handles


@cache
def _counting_diverged(function: Callable[..., float]) -> Callable[..., float]:
    """Returns a function of histories that takes the value of those that diverged."""

    def counting(*histories: History, diverged: float, **arguments: Any) -> float:
        if any(history.diverged_epoch for history in histories):
            return float(diverged)
        return function(*histories, **arguments)

    return counting


def _applied(
    text: str,
    function: Callable[..., V],
    handles: tuple[Runs, ...],
    count: int,
    arguments: Mapping[str, Any],
) -> list[V]:
    """Returns a function's values, seed by seed; what it refuses is said to be of the metric."""
    try:
        return [function(*paired, **arguments) for paired in _paired(handles, count)]
    except ClaimError as error:
        raise ClaimError(f"{text}: {error}") from None


def _paired(handles: tuple[Runs, ...], count: int) -> list[tuple[History, ...]]:
    """Returns the histories of the arms, seed by seed."""
    return list(zip(*(runs.trial.histories(runs, count) for runs in handles), strict=True))


def _called(name: str, handles: tuple[Runs, ...], arguments: Mapping[str, Any]) -> str:
    named = [_written(arguments)] if arguments else []
    return f"{name}({', '.join([*map(str, handles), *named])})"


def _written(arguments: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value!r}" for key, value in arguments.items())


def _number(name: str, value: object) -> float:
    array = numbers(value)
    if array is None or array.ndim or array.dtype.kind == "b":
        raise TypeError(f"{name} returned {value!r:.80}: a metric gives one number for each run")
    return float(array)
