"""Samples: one number a seed, not yet measured, with arithmetic."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Literal, NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray

from bnclaims import metrics
from bnclaims.arm import Arm
from bnclaims.history import History

Values = NDArray[np.float64]
Number = int | float


class NotFiniteError(ValueError):
    """A metric met a run that diverged, so that its sample has no value there."""


class Court(Protocol):
    """Where samples get their runs from, and where comparing them leads to."""

    def histories(self, runs: Runs, count: int) -> list[History]:
        """Returns the histories of the first seeds."""

    def judge(self, *parts: Part) -> Any:
        """Returns the evidence that all parts hold; its truth value is the test."""


@dataclass(frozen=True)
class Runs:
    """A handle to the runs of an arm, as `train` and `probe` return it. Nothing has trained yet."""

    arm: Arm
    first_seed: int
    court: Court = field(repr=False, compare=False)

    def seeds(self, count: int) -> range:
        """Returns the seeds of the first runs."""
        return range(self.first_seed, self.first_seed + count)

    def __lt__(self, other: object) -> NoReturn:
        raise TypeError(
            f"{self} is an arm, not a number: apply a metric, as in mean_loss(train(...))"
        )

    __gt__ = __le__ = __ge__ = __sub__ = __add__ = __mul__ = __abs__ = __lt__

    def __str__(self) -> str:
        return f"{self.arm}" + (f", seeds from {self.first_seed}" if self.first_seed else "")


class Sample:
    """One number for each seed; compare two to get evidence.

    Samples are paired: the i-th number of each comes from the i-th seed of its arms. `+ - * /`,
    negation and `log` work seed by seed. `abs` stands only in a comparison with a margin, where it
    means the size of the mean difference.

    Args:
        compute: Gives the values of the first n seeds, shape `(n,)`.
        sources: The runs that these values come from.
        text: How messages call it, without its offset.
        offset: The constant added to it, kept apart so that messages tell the difference from its
            margin. The values include it.
        sides: The two samples that it is the difference of, if it is one.
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(
        self,
        compute: Callable[[int], Values],
        sources: tuple[Runs, ...],
        text: str,
        offset: float = 0.0,
        sides: tuple[Sample, Sample] | None = None,
    ) -> None:
        self._compute = compute
        self.sources = sources
        self.text = text
        self.offset = offset
        self.sides = sides

    def __str__(self) -> str:
        if not self.sources:
            return f"{self.offset:g}"
        if self.offset:
            return f"{self.text} {'-' if self.offset < 0 else '+'} {abs(self.offset):g}"
        return self.text

    @property
    def court(self) -> Court:
        """Where its runs come from.

        Raises:
            TypeError: It is a mere number.
        """
        if not self.sources:
            raise TypeError("this compares numbers only: one side must be a metric of an arm")
        return self.sources[0].court

    def values(self, count: int) -> Values:
        """Returns the values of the first seeds, whose runs must be in the store.

        Raises:
            NotFiniteError: A run diverged; the message names arm and seeds.
        """
        with np.errstate(all="ignore"):
            values = self._compute(count)
        _check_finite(values, str(self), self.sources)
        return values

    def __add__(self, other: Sample | Number) -> Sample:
        return _combined(operator.add, self, other, "+")

    def __radd__(self, other: Number) -> Sample:
        return _combined(operator.add, other, self, "+")

    def __sub__(self, other: Sample | Number) -> Sample:
        return _combined(operator.sub, self, other, "-")

    def __rsub__(self, other: Number) -> Sample:
        return _combined(operator.sub, other, self, "-")

    def __mul__(self, other: Sample | Number) -> Sample:
        return _combined(operator.mul, self, other, "*")

    def __rmul__(self, other: Number) -> Sample:
        return _combined(operator.mul, other, self, "*")

    def __truediv__(self, other: Sample | Number) -> Sample:
        return _combined(operator.truediv, self, other, "/")

    def __rtruediv__(self, other: Number) -> Sample:
        return _combined(operator.truediv, other, self, "/")

    def __neg__(self) -> Sample:
        return 0 - self

    def __abs__(self) -> Magnitude:
        return Magnitude(self)

    def __lt__(self, other: Sample | Number) -> Any:
        # Against a number the reader wants to see the sample itself, not what is left of it.
        right = as_sample(other)
        _check_different(self, right)
        part = Part(right - self) if right.sources else Part(self - right, "below")
        return self.court.judge(part)

    def __gt__(self, other: Sample | Number) -> Any:
        _check_different(self, as_sample(other))
        return self.court.judge(Part(self - as_sample(other)))

    __le__ = __lt__
    __ge__ = __gt__

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError(
            "no test can show that two samples are equal: say how much of a difference does not "
            "matter, as in abs(a - b) < margin"
        )

    __ne__ = __eq__

    def __bool__(self) -> NoReturn:
        raise TypeError(f"{self} is a sample: compare it, as in {self} < other")


class Magnitude:
    """The size of a sample's mean, to be compared with a margin: `abs(a - b) < margin`."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, sample: Sample) -> None:
        self._sample = sample

    def __lt__(self, margin: Sample | Number) -> Any:
        if isinstance(margin, Number) and margin <= 0:
            raise ValueError(
                f"abs({self._sample}) < {margin}: nothing is smaller; the margin of an "
                "equivalence is positive"
            )
        return self._sample.court.judge(Part(self._sample, "near", as_sample(margin)))

    __le__ = __lt__

    def __gt__(self, margin: object) -> NoReturn:
        raise TypeError(
            f"abs({self._sample}) > {margin} does not say which way the difference goes: "
            "claim one direction"
        )

    __ge__ = __gt__

    def __bool__(self) -> NoReturn:
        raise TypeError(f"abs({self._sample}) is no verdict: compare it, as in abs(a - b) < margin")


@dataclass(frozen=True)
class Part:
    """A contrast and where its mean is claimed to lie: above 0, below 0, or near 0."""

    contrast: Sample
    where: Literal["above", "below", "near"] = "above"
    margin: Sample | None = None
    """How near is near."""

    @property
    def edges(self) -> int:
        """How many edges the region has."""
        return 1 if self.margin is None else 2

    def faces(self, count: int) -> tuple[Values, ...]:
        """Returns what must be positive in the mean: one array `(count,)`, or two for a margin."""
        values = self.contrast.values(count)
        if self.margin is None:
            return (values if self.where == "above" else -values,)
        margin = self.margin.values(count)
        return margin - values, margin + values


def as_sample(value: object) -> Sample:
    """Returns a number as a sample that is the same for every seed.

    Raises:
        TypeError: It is neither a number nor a sample.
    """
    if isinstance(value, Sample):
        return value
    if not isinstance(value, int | float | np.number):
        raise TypeError(
            f"{value!r} is neither a sample nor a number: a metric of an arm is a sample, as in "
            "mean_loss(train(...))"
        )
    number = float(value)
    return Sample(lambda n: np.full(n, number), (), "", offset=number)


def log(sample: Sample) -> Sample:
    """Returns the natural logarithm, seed by seed: differences of logs are ratios."""
    return Sample(lambda n: np.asarray(np.log(sample.values(n))), sample.sources, f"log({sample})")


def metric(function: Callable[..., float]) -> Callable[..., Any]:
    """Makes a metric of a function of histories: `@metric def last(history): ...`.

    Called with histories it stays the function that it was. Called with runs, as `train` returns
    them, it gives a sample: the function's value for each seed. A function of two histories takes
    two arms' runs, seed by seed. Keyword arguments are handed on.
    """

    @wraps(function)
    def lifted(*runs: Runs | History, **arguments: Any) -> Sample | float:
        if all(isinstance(item, History) for item in runs):
            return function(*runs, **arguments)
        handles = tuple(item for item in runs if isinstance(item, Runs))
        if len(handles) != len(runs) or not runs:
            raise TypeError(
                f"{function.__name__} takes what train(...) or probe(...) returned, not "
                + ", ".join(type(item).__name__ for item in runs)
            )

        def compute(count: int) -> Values:
            histories = [handle.court.histories(handle, count) for handle in handles]
            values = np.array(
                [
                    _number(function.__name__, function(*paired, **arguments))
                    for paired in zip(*histories, strict=True)
                ],
                np.float64,
            )
            _check_finite(values, function.__name__, handles)
            return values

        return Sample(compute, handles, f"{function.__name__}({', '.join(map(str, handles))})")

    return lifted


mean_loss = metric(metrics.mean_loss)
final_loss = metric(metrics.final_loss)
val_loss = metric(metrics.val_loss)
val_accuracy = metric(metrics.val_accuracy)
saturation = metric(metrics.saturation)
activation_distance = metric(metrics.activation_distance)


def _combined(
    operation: Callable[[Any, Any], Any], a: Sample | Number, b: Sample | Number, sign: str
) -> Sample:
    left, right = as_sample(a), as_sample(b)
    text, offset = _text_and_offset(operation, left, right, sign)
    return Sample(
        lambda n: np.asarray(operation(left.values(n), right.values(n)), np.float64),
        _merged(left.sources, right.sources),
        text,
        offset,
        _sides(left, right, sign),
    )


def _text_and_offset(
    operation: Callable[[Any, Any], Any], left: Sample, right: Sample, sign: str
) -> tuple[str, float]:
    if sign in "+-":
        return _sum_text(left, right, sign), operation(left.offset, right.offset)
    if not left.sources and sign == "*":
        return f"{left} * {_factor(right.text)}", left.offset * right.offset
    if not right.sources:
        return f"{_factor(left.text)} {sign} {right}", operation(left.offset, right.offset)
    return f"{_factor(str(left))} {sign} {_factor(str(right))}", 0.0


def _sum_text(left: Sample, right: Sample, sign: str) -> str:
    if not right.sources:
        return left.text
    term = _factor(right.text) if sign == "-" else right.text
    if not left.sources:
        return f"-{term}" if sign == "-" else term
    return f"{left.text} {sign} {term}"


def _sides(left: Sample, right: Sample, sign: str) -> tuple[Sample, Sample] | None:
    if sign == "-" and left.sources and right.sources:
        return left, right
    if sign in "+-":
        return left.sides if not right.sources else right.sides
    return None


def _merged(ours: Sequence[Runs], theirs: Sequence[Runs]) -> tuple[Runs, ...]:
    return (*ours, *(runs for runs in theirs if runs not in ours))


def _factor(text: str) -> str:
    """Returns a term in brackets where it is a sum."""
    depth = 0
    for character in text:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth == 0 and character in "+-":
            return f"({text})"
    return text


def _check_different(one: Sample, other: Sample) -> None:
    if one.sources == other.sources and str(one) == str(other):
        raise ValueError(f"both sides are {one}: compare two arms, or two metrics")


def _number(name: str, value: object) -> float:
    if np.ndim(value) or not isinstance(value, int | float | np.number | np.ndarray):  # type: ignore[arg-type]
        raise TypeError(f"{name} returned {value!r}: a metric gives one number for each run")
    return float(value)


def _check_finite(values: Values, text: str, sources: Sequence[Runs]) -> None:
    broken = np.flatnonzero(~np.isfinite(values))
    if len(broken):
        where = "; ".join(
            f"{runs}: seeds {', '.join(str(runs.first_seed + i) for i in broken)}"
            for runs in sources
        )
        raise NotFiniteError(
            f"{text} has no finite value ({where}): these runs diverged, or the metric does not "
            "exist for them. Compare a metric that counts such runs, or arms in which none occurs"
        )
