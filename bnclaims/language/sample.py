"""Samples: one number a seed, not yet measured, with arithmetic."""

from __future__ import annotations

import dis
import math
import operator
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Never, NoReturn, overload

import numpy as np

from bnclaims.errors import ClaimError, NotFiniteError
from bnclaims.experiment.arm import Arm
from bnclaims.experiment.history import is_finite
from bnclaims.language import bounds, terms
from bnclaims.language.bounds import ANYTHING, Limits, Values
from bnclaims.language.terms import Term, Terms

if TYPE_CHECKING:
    from bnclaims.language.evidence import Evidence, Trial

Number = int | float


@dataclass(frozen=True)
class Runs:
    """A handle to the runs of an arm, as `train` and `probe` return it. Nothing has trained yet."""

    arm: Arm
    first_seed: int
    trial: Trial = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        seed: Any = self.first_seed
        if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
            raise ValueError(f"first_seed={seed!r}: give an integer of 0 or more")

    def seeds(self, count: int) -> range:
        """Returns the seeds of the first runs."""
        return range(self.first_seed, self.first_seed + count)

    def _unmeasured(self, *_: Never) -> NoReturn:
        raise TypeError(
            f"{self} is an arm, not a number: apply a metric, as in mean_loss(train(...))"
        )

    __lt__ = __gt__ = __le__ = __ge__ = _unmeasured
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _unmeasured
    __truediv__ = __rtruediv__ = __neg__ = __abs__ = _unmeasured

    def __str__(self) -> str:
        number = self._number
        return (
            str(self.arm)
            + (f" ({number})" if number > 1 else "")
            + (f", seeds from {self.first_seed}" if self.first_seed else "")
        )

    @property
    def _number(self) -> int:
        """Which it is of the claim's arms that are called alike and are not, from 1."""
        named = [runs.arm for runs in self.trial.named if str(runs.arm) == str(self.arm)]
        alike = list(dict.fromkeys(arm.digest for arm in named))
        return alike.index(self.arm.digest) + 1 if self.arm.digest in alike else 1


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
        limits: Between which numbers its values lie, whatever the runs.
        terms: Of which terms it is the weighted sum, less its offset; none where it is the same
            whatever the runs.
        unit: What its values are in, as it stands after a number; '' where they have none.
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(
        self,
        compute: Callable[[int], Values],
        sources: tuple[Runs, ...],
        text: str,
        *,
        offset: float = 0.0,
        sides: tuple[Sample, Sample] | None = None,
        limits: Limits = ANYTHING,
        terms: Terms,
        unit: str = "",
    ) -> None:
        self._compute = compute
        self.sources = sources
        self.text = text
        self.offset = offset
        self.sides = sides
        self.limits = limits
        self.terms = terms
        self.unit = unit

    def __str__(self) -> str:
        if not self.sources:
            return f"{self.offset:g}"
        if self.offset:
            return f"{self.text} {'-' if self.offset < 0 else '+'} {abs(self.offset):g}"
        return self.text

    def __repr__(self) -> str:
        return f"<Sample: {self}>"

    @property
    def trial(self) -> Trial:
        """What its comparisons are part of.

        Raises:
            TypeError: It is a mere number.
        """
        if not self.sources:
            raise TypeError("this compares numbers only: one side must be a metric of an arm")
        return self.sources[0].trial

    def values(self, count: int) -> Values:
        """Returns the values of the first seeds, whose runs must be in the store.

        Raises:
            NotFiniteError: A run diverged; the message names arm and seeds.
        """
        with np.errstate(all="ignore"):
            values = self._compute(count)
        check_finite(values, str(self), self.sources)
        return values

    def bounds(self, count: int) -> tuple[Values, Values]:
        """Returns between which values the first seeds lie, each of shape `(count,)`."""
        values = self.values(count)
        return values, values

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

    def __lt__(self, other: Sample | Number) -> Evidence:
        return self._compared("<", other, closed=False)

    def __le__(self, other: Sample | Number) -> Evidence:
        return self._compared("<", other, closed=True)

    def __gt__(self, other: Sample | Number) -> Evidence:
        return self._compared(">", other, closed=False)

    def __ge__(self, other: Sample | Number) -> Evidence:
        return self._compared(">", other, closed=True)

    def _compared(
        self, sign: Literal["<", ">"], other: Sample | Number, *, closed: bool
    ) -> Evidence:
        if isinstance(other, Magnitude):
            return NotImplemented  # it knows what to do
        _check_written()
        right = as_sample(other)
        _check_sides(self, right, sign)
        if sign == ">":
            return self.trial.judge(Part(self - right, closed=closed))
        # Against a number the reader wants to see the sample itself, not what is left of it.
        if right.sources:
            return self.trial.judge(Part(right - self, closed=closed))
        return self.trial.judge(Part(self - right, "below", closed=closed))

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError(
            "no test can show that two samples are equal: say how much of a difference does not "
            "matter, as in abs(a - b) < margin"
        )

    __ne__ = __eq__

    def __bool__(self) -> NoReturn:
        raise TypeError(f"{self} is a sample: compare it, as in {self} < other")

    def _mixing_seeds(self, *_: object, **__: object) -> NoReturn:
        raise TypeError(
            f"{self} has one number for each seed, and a claim is about their mean: what mixes "
            "seeds, as float, sum, indices or NumPy's functions would, has no place in it. Use "
            "+ - * / and log, or make a metric of one run's history"
        )

    def _powered(self, *_: object) -> NoReturn:
        raise TypeError(
            f"a power of {self}: write s * s for its square; other powers belong into a metric of "
            "one run's history"
        )

    def _rounded(self, *_: object) -> NoReturn:
        raise TypeError(
            f"{self} cannot be rounded: the smallest difference that matters is the margin of a "
            "comparison, as in a < b - 0.01"
        )

    if not TYPE_CHECKING:  # a type checker sees that a sample has none of these
        __float__ = __int__ = __iter__ = __len__ = __getitem__ = _mixing_seeds
        __array__ = _mixing_seeds
        __pow__ = __rpow__ = _powered
        __round__ = __trunc__ = __floor__ = __ceil__ = _rounded

    def __format__(self, spec: str) -> str:
        if spec:
            raise TypeError(
                f"{self} has no value to format as {spec!r}: it has one for each seed, after the "
                "runs. The report shows them; without a format it is its name"
            )
        return str(self)

    def __array_ufunc__(self, ufunc: np.ufunc, _method: str, *operands: object) -> Any:
        """Lets NumPy's numbers take part in arithmetic and comparisons, but no other function."""
        if ufunc in _OPERATORS:
            return _OPERATORS[ufunc](*map(_without_numpy, operands))
        instead = _INSTEAD.get(
            ufunc, "+ - * / and bnclaims.log, or make a metric of one run's history"
        )
        raise TypeError(f"np.{ufunc.__name__} does not apply to {self}, a sample: use {instead}")


class Endpoint(Sample):
    """When, or whether, something happens to each run: known between two bounds.

    A run that has not reached its target when the budget ends reaches it later, if ever: it lies
    between the budget and infinity, and has no mean. So a comparison of endpoints is judged by the
    share of seeds in which it holds: in more than half of them. A seed whose bounds leave it open
    counts for neither side.

    Args:
        bounds: Gives the lower and the upper bounds of the first n seeds, each of shape `(n,)`; the
            lower ones are finite.
        sources: As for a sample.
        text: As for a sample.
        offset: As for a sample.
        sides: As for a sample.
        limits: As for a sample.
        terms: As for a sample.
        unit: As for a sample.
    """

    def __init__(
        self,
        bounds: Callable[[int], tuple[Values, Values]],
        sources: tuple[Runs, ...],
        text: str,
        **about: Any,
    ) -> None:
        super().__init__(self._no_values, sources, text, **about)
        self._bounds = bounds

    def bounds(self, count: int) -> tuple[Values, Values]:
        """Returns between which values the first seeds lie, each of shape `(count,)`."""
        return self._bounds(count)

    def __abs__(self) -> None:  # type: ignore[override]  # so that comparing it is a type error
        self._no_values(0)

    def _no_values(self, _: int) -> NoReturn:
        raise TypeError(
            f"{self} is known between bounds only: it can be added, scaled by a number and "
            "compared. To count what has not happened as a number, say so where it is measured, "
            "as in epochs_to(arm, loss=0.1, unreached=10)"
        )


class Magnitude:
    """The size of a sample's mean, to be compared with a margin: `abs(a - b) < margin`."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, sample: Sample) -> None:
        self._sample = sample

    def __lt__(self, margin: Sample | Number) -> Evidence:
        if isinstance(margin, Magnitude):
            raise TypeError(
                f"abs({self._sample}) < abs({margin._sample}) does not say which way the "
                "differences go: claim one direction of each"
            )
        if isinstance(margin, Number) and margin <= 0:
            raise ClaimError(
                f"abs({self._sample}) < {margin}: nothing is smaller; the margin of an "
                "equivalence is positive"
            )
        return self._sample.trial.judge(Part(self._sample, "near", as_sample(margin)))

    __le__ = __lt__

    def __gt__(self, margin: Never) -> NoReturn:
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
    closed: bool = False
    """Whether the region's edge belongs to it: that matters only where the mean is exact."""
    levels: tuple[Sample, ...] = ()
    """The levels of a trend, in the order in which they are claimed to rise."""

    @property
    def edges(self) -> int:
        """How many edges the region has."""
        return 1 if self.margin is None else 2

    @property
    def sources(self) -> tuple[Runs, ...]:
        """The runs that it comes from."""
        ours = self.contrast.sources
        return ours if self.margin is None else _merged(ours, self.margin.sources)

    @property
    def unit(self) -> str:
        """The unit of the contrast, or of what a margin leaves of it; '' where there is none."""
        contrast = self.contrast
        return contrast.unit if self.margin is None else _unit(self.margin, contrast, "-")

    def faces(self, count: int) -> tuple[Values, ...]:
        """Returns what must be positive in the mean: one array `(count,)`, or two for a margin."""
        values = self.contrast.values(count)
        if self.margin is None:
            return (values if self.where == "above" else -values,)
        margin = self.margin.values(count)
        return bounds.added(margin, -values), bounds.added(margin, values)

    def holds(self, count: int) -> Values:
        """Returns for each seed 1 if it holds for certain, 0 if for certain not, else NaN."""
        low, high = self.contrast.bounds(count)
        if self.where == "below":
            low, high = -high, -low
        holds, fails = (low >= 0, high < 0) if self.closed else (low > 0, high <= 0)
        return np.where(holds, 1.0, np.where(fails, 0.0, np.nan))

    def hits(self, count: int) -> tuple[int, int]:
        """Returns in how many seeds it holds for certain, and in how many for certain not."""
        holds = self.holds(count)
        return int(np.count_nonzero(holds == 1)), int(np.count_nonzero(holds == 0))

    def check(self) -> None:
        """Refuses what no runs could decide.

        Raises:
            ClaimError: Seeds are not paired, what is compared is the same whatever the runs, or the
                region holds all values or none.
        """
        _check_pairing(self.sources)
        if self.margin is not None and isinstance(self.contrast, Endpoint):
            abs(self.contrast)  # refuses
        _check_varies(self.contrast)
        if self.margin is not None:
            _check_varies(self.margin - self.contrast)
            _check_varies(self.margin + self.contrast)
        low, high = self.contrast.limits
        if self.where == "below":
            low, high = -high, -low
        if self.margin is not None:
            low, high = bounds.of_limits(operator.sub, self.margin.limits, self._size(), "-")
        impossible = high < 0 or (high == 0 and not self.closed)
        if impossible or low > 0 or (low == 0 and self.closed):
            raise ClaimError(
                f"{self}: nothing that a run could do would "
                + ("make this true" if impossible else "make this false")
                + "; is the margin in the metric's units?"
            )
        if low == 0 and not isinstance(self.contrast, Endpoint):
            raise ClaimError(
                f"{self}: the metric cannot lie beyond this bound, so any run that is not exactly "
                "there makes it true. Claim a distance from it"
            )

    def __str__(self) -> str:
        text, edge = self.contrast.text, f"{0.0 - self.contrast.offset:g}"
        if self.margin is not None:
            return f"abs({self.contrast}) < {self.margin}"
        sign = (">" if self.where == "above" else "<") + "=" * self.closed
        return f"{text} {sign} {edge}"

    def _size(self) -> Limits:
        """Returns the limits of the contrast's size."""
        low, high = self.contrast.limits
        least = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
        return least, max(abs(low), abs(high))


def as_sample(value: object) -> Sample:
    """Returns a number as a sample that is the same for every seed.

    Raises:
        TypeError: It is neither a number nor a sample.
        ClaimError: It is infinite, or NaN.
    """
    if isinstance(value, Sample):
        return value
    if not isinstance(value, int | float | np.number):
        raise TypeError(
            f"{value!r} is neither a sample nor a number: a metric of an arm is a sample, as in "
            "mean_loss(train(...))"
        )
    number = float(value)
    if not is_finite(number):
        raise ClaimError(
            f"{number} beside a sample: give a finite number; that a run diverges, or does not, is "
            "diverged(train(...)) > 0.5, or < 0.5"
        )
    return Sample(
        lambda n: np.full(n, number), (), "", offset=number, limits=(number, number), terms={}
    )


@overload
def log(sample: Sample) -> Sample: ...
@overload
def log(sample: Number) -> float: ...
def log(sample: Sample | Number) -> Sample | float:
    """Returns the natural logarithm, seed by seed: differences of logs are ratios.

    Raises:
        TypeError: It is neither a sample nor a number.
        ValueError: It is a number that has none.
        ClaimError: It is a sample that is the same whatever the runs.
    """
    if not isinstance(sample, Sample):
        return math.log(sample)
    _check_varies(sample)
    low, high = sample.limits
    limits = (
        math.log(low) if low > 0 else -math.inf, math.log(high) if high > 0 else math.inf,
    )  # fmt: skip
    about: dict[str, Any] = {
        "limits": limits,
        "terms": _term("log", sample, kind=_log_kind(sample)),
    }
    if isinstance(sample, Endpoint):
        return Endpoint(
            lambda n: bounds.each(np.log, sample.bounds(n)),
            sample.sources,
            f"log({sample})",
            **about,
        )
    return Sample(
        lambda n: np.asarray(np.log(sample.values(n))), sample.sources, f"log({sample})", **about
    )


def _combined(
    operation: Callable[[Any, Any], Any], a: Sample | Number, b: Sample | Number, sign: str
) -> Sample:
    left, right = as_sample(a), as_sample(b)
    _check_operands(left, right, sign)
    text, offset = _text_and_offset(operation, left, right, sign)
    sources = _merged(left.sources, right.sources)
    about: dict[str, Any] = {
        "offset": offset,
        "sides": _sides(left, right, sign),
        "limits": bounds.of_limits(operation, left.limits, right.limits, sign),
        "terms": _terms(operation, left, right, sign),
        "unit": _unit(left, right, sign),
    }
    if isinstance(left, Endpoint) or isinstance(right, Endpoint):
        if sign in "*/" and right.sources and (left.sources or sign == "/"):
            raise TypeError(f"{left} {sign} {right}: an endpoint can be scaled by a number only")
        return Endpoint(
            lambda n: bounds.combined(operation, left.bounds(n), right.bounds(n), sign),
            sources,
            text,
            **about,
        )

    def values(n: int) -> Values:
        one, other = left.values(n), right.values(n)
        if sign in "+-":
            return bounds.added(one, other if sign == "+" else -other)
        return np.asarray(operation(one, other), np.float64)

    return Sample(values, sources, text, **about)


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


def _terms(operation: Callable[[Any, Any], Any], left: Sample, right: Sample, sign: str) -> Terms:
    if sign == "+":
        return terms.added(left.terms, right.terms)
    if sign == "-":
        return terms.added(left.terms, terms.scaled(right.terms, operator.neg))
    if not right.sources:
        return terms.scaled(left.terms, lambda weight: operation(weight, right.offset))
    if not left.sources and sign == "*":
        return terms.scaled(right.terms, lambda weight: left.offset * weight)
    return _term(sign, left, right)


def _term(name: str, *operands: Sample, kind: str = "") -> Terms:
    """Returns what is made of samples otherwise than by weights and sums, as a term of its own."""
    sums = ((frozenset(operand.terms.items()), operand.offset) for operand in operands)
    return {Term(name, tuple(sums), kind): 1.0}


def _log_kind(sample: Sample) -> str:
    """Returns the kind of a sample's logarithm, which has one where the sample is a metric."""
    match list(sample.terms.items()):
        case [(Term(kind=str(kind)), 1.0)] if kind and not sample.offset:
            return f"log({kind})"
    return ""


def _unit(left: Sample, right: Sample, sign: str) -> str:
    """Returns the unit of a sum, product or quotient; '' where it has none."""
    if sign in "+-":
        # A mere number is in the unit of what it is added to.
        units = {side.unit for side in (left, right) if side.sources}
        return units.pop() if len(units) == 1 else ""
    if not right.sources:
        return left.unit
    return right.unit if sign == "*" and not left.sources else ""


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


def _check_operands(left: Sample, right: Sample, sign: str) -> None:
    """Refuses products and quotients that are the same whatever the runs, or no number."""
    if sign == "/" and not right.sources and right.offset == 0:
        raise ClaimError(f"{left} / 0 is no number: divide by another number, or by a metric")
    if sign in "+-" or not right.sources or not (left.sources or sign == "/"):
        return
    _check_varies(left)
    _check_varies(right)
    if sign == "/" and _is_multiple(left, right):
        raise _constant(f"{_factor(str(left))} / {_factor(str(right))}")


def _check_varies(sample: Sample) -> None:
    """Refuses a sample that no run can change."""
    if sample.sources and terms.are_constant(sample.terms):
        raise _constant(sample.text)


def _constant(text: str) -> ClaimError:
    return ClaimError(f"{text} is the same whatever the runs: compare two arms, or two metrics")


def _is_multiple(one: Sample, other: Sample) -> bool:
    """Says whether a sample is a number times another, which varies."""
    term, weight = next(iter(other.terms.items()))
    factor = one.terms.get(term, 0.0) / weight
    rest = one - factor * other
    return not rest.terms and math.isclose(one.offset, factor * other.offset)


def _check_sides(left: Sample, right: Sample, sign: str) -> None:
    if left.terms and left.terms == right.terms and left.offset == right.offset:
        raise ClaimError(f"both sides are {left}: compare two arms, or two metrics")
    ours, theirs = ({term.kind for term in side.terms} for side in (left, right))
    if ours and ours == theirs and "" not in ours:
        _check_margin(left, right, sign)
        _check_factor(left, right, sign)


def _check_margin(left: Sample, right: Sample, sign: str) -> None:
    """Refuses a margin that makes a claim easier: a constant between two values of one metric."""
    ease = (right.offset - left.offset) * (1 if sign == "<" else -1)
    if ease <= 0 or not terms.balanced(left.terms, right.terms):
        return
    harder, other_way = ("-", "") if sign == "<" else ("+", "-")
    raise ClaimError(
        f"{left} {sign} {right}: this margin makes the claim easier, not harder. Write "
        f"{left.text} {sign} {right.text} {harder} {ease:g} for a difference of at least that "
        f"much; if no more than a difference of {ease:g} the other way is to be excluded, "
        f"compare the difference with it: "
        f"{left.text} - {_factor(right.text)} {sign} {other_way}{ease:g}"
    )


def _check_factor(left: Sample, right: Sample, sign: str) -> None:
    """Refuses a factor that makes a claim easier, between two values of one metric."""
    if len(left.terms) > 1 or len(right.terms) > 1 or left.offset or right.offset:
        return
    ((one, ours),), ((another, theirs),) = left.terms.items(), right.terms.items()
    if not isinstance(one.of[0], Runs):
        return  # a factor of a logarithm is a power
    # A metric that may be negative makes its claims harder by the same factor.
    negative = -math.inf < min(left.limits[0], right.limits[0]) < 0
    if negative or min(ours, theirs) <= 0 or (theirs <= ours if sign == "<" else theirs >= ours):
        return
    raise ClaimError(
        f"{left} {sign} {right}: this factor makes the claim easier, not harder. Write "
        f"{one.text} {sign} {ours / theirs:.3g} * {another.text} for a ratio of at least that "
        f"much; if no more than a ratio the other way is to be excluded, compare the difference "
        f"with 0: "
        f"{left} - {_factor(str(right))} {sign} 0"
    )


def _check_written() -> None:
    """Refuses comparisons that no one wrote: `max` and its like call us, instead of comparing."""
    caller = sys._getframe(3)  # past this function, the comparison and its operator
    if "CALL" in dis.opname[caller.f_code.co_code[caller.f_lasti]]:
        raise TypeError(
            "max, min, sorted and their like compare samples one by one, and each comparison would "
            "be part of the claim: say which ones are lowest or highest, as in "
            "lowest([a], than=[b, c])"
        )


def _without_numpy(operand: object) -> Any:
    """Returns a NumPy number as Python's own, which leaves arithmetic to samples.

    Raises:
        TypeError: It is an array.
    """
    if isinstance(operand, np.generic | np.ndarray) and not operand.ndim:
        return operand.item()
    return as_sample(operand)


_OPERATORS: dict[np.ufunc, Callable[[Any, Any], Any]] = {
    np.add: lambda a, b: a + b,
    np.subtract: lambda a, b: a - b,
    np.multiply: lambda a, b: a * b,
    np.true_divide: lambda a, b: a / b,
    np.less: lambda a, b: a < b,
    np.less_equal: lambda a, b: a <= b,
    np.greater: lambda a, b: a > b,
    np.greater_equal: lambda a, b: a >= b,
    np.equal: lambda a, b: a == b,
    np.not_equal: lambda a, b: a != b,
}
"""What NumPy's numbers call Python's operators."""

_INSTEAD: dict[np.ufunc, str] = {np.log: "bnclaims.log(s)", np.absolute: "abs(s)"}
"""What to write instead of a function of NumPy's."""


def _check_pairing(sources: Sequence[Runs]) -> None:
    """Arms pair on the same seeds; only a control compares arms with themselves on others."""
    starts: dict[int, set[Arm]] = {}
    for runs in sources:
        starts.setdefault(runs.first_seed, set()).add(runs.arm)
    arms = list(starts.values())
    if any(some != arms[0] for some in arms):
        raise ClaimError(
            "this mixes seeds: " + "; ".join(map(str, sources)) + ". Arms are compared on the same "
            "seeds: use one first_seed"
        )


def check_finite(values: Values, text: str, sources: Sequence[Runs]) -> None:
    """Refuses values that are no numbers.

    Raises:
        NotFiniteError: There are some; the message names arms and seeds.
    """
    broken = np.flatnonzero(~is_finite(values))
    if len(broken):
        where = "; ".join(
            f"{runs}: seeds {', '.join(str(runs.first_seed + i) for i in broken)}"
            for runs in sources
        )
        raise NotFiniteError(
            f"{text} has no finite value ({where}): these runs diverged, or the metric does not "
            "exist for them. Say how to count a diverged run, as in mean_loss(arm, diverged=2.3), "
            "or compare diverged(arm)"
        )


def check_within(values: Values, limits: Limits, text: str, sources: Sequence[Runs]) -> None:
    """Refuses values that a metric cannot have: something is wrong with how it is measured.

    Raises:
        ClaimError: There are some; the message names arms and seeds.
    """
    low, high = limits
    beyond = np.flatnonzero((values < low) | (values > high))
    if len(beyond):
        where, seed = "; ".join(map(str, sources)), sources[0].first_seed + beyond[0]
        raise ClaimError(
            f"{text} is {values[beyond[0]]:g} for {where}, seed {seed}: it can only be from "
            f"{low:g} to {high:g}, so it is not measured as it says"
        )
