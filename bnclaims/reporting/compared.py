"""The metric that a claim compares, arm by arm, for readers who know no contrasts.

A finding has one number a seed, such as `0.9 * a - b`. Where it is linear in the metric of two
arms, what the claim asks of that number is what it asks of one arm beside the other.
"""

import math
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

from bnclaims.language.finding import Finding, Region, Values
from bnclaims.reporting.outcome import METRICS
from bnclaims.reporting.results import ArmRecord, ClaimResult

_FEWEST = 3
"""Seeds from which a relation between numbers is no coincidence."""
_SAME = 1e-6
"""How much a relation may differ from seed to seed, by rounding."""


@dataclass(frozen=True)
class ArmValues:
    """What the compared metric is in an arm."""

    arm: str
    first_seed: int
    values: Values
    """One a seed; None where the run diverged."""

    @property
    def mean(self) -> float | None:
        """Of the seeds that have a value; None where none has."""
        known = [value for value in self.values if value is not None]
        return statistics.fmean(known) if known else None

    @property
    def mean_text(self) -> str:
        """The mean in three digits."""
        return "none" if self.mean is None else f"{self.mean:#.3g}".rstrip(".")


@dataclass(frozen=True)
class Margin:
    """Where the claim says that the mean of one arm is, beside another arm."""

    of: int
    """Place of the arm."""
    beside: int | None
    """Place of the arm that it is compared with; None where it is compared with a number."""
    factor: float
    """Of the other arm's mean: 0.9 for a tenth less."""
    region: Region
    """Of the arm's mean, in the metric's units."""


@dataclass(frozen=True)
class Compared:
    """A metric in a claim's arms."""

    metric: str
    """In words."""
    unit: str
    """Of the metric; '' where it has none."""
    arms: tuple[ArmValues, ...]
    """In the order of the claim's arms."""
    margin: Margin | None
    """None where the deciding contrast is not linear in two arms."""


def compared(claim: ClaimResult) -> Compared | None:
    """Returns the metric that decides a claim; None where its arms' records do not have it."""
    finding = claim.deciding
    if finding is None:
        return None
    recorded = {name for arm in claim.arms for name in arm.metrics}
    units = {record.metric: record.unit for record in claim.measured}
    named = set(re.findall(r"(\w+)\(", finding.contrast)) & (recorded | units.keys())
    if len(named) != 1:
        return None
    metric = named.pop()
    if metric in recorded:
        arms = tuple(_arm_values(arm, metric) for arm in claim.arms)
    else:
        of = [record for record in claim.measured if record.metric == metric]
        arms = tuple(ArmValues(record.arm, record.first_seed, record.values) for record in of)
    return Compared(_words(metric, arms), units.get(metric, ""), arms, _margin(finding, arms))


def _words(metric: str, arms: Sequence[ArmValues]) -> str:
    """Returns what a metric is called: `measured(arm, name='ece')` by that name."""
    if metric in METRICS:
        return METRICS[metric].words
    names = {tuple(re.findall(r"\bname='([^']+)'", arm.arm)) for arm in arms}
    if metric == "measured" and len(names) == 1 and len(name := names.pop()) == 1:
        metric = name[0]
    return metric.replace("_", " ")


def distinct_names(names: Sequence[str]) -> list[str]:
    """Returns arms' names without what all of them say, but for the model where no word is left.

    Of arms that differ in one argument, `name='a'` and `name='b'`, the values are left.
    """
    parts = [re.split(r", (?![^(]*\))", name) for name in names]
    shared = set(parts[0]).intersection(*parts)
    short = [_without(shared, name) for name in parts]
    if not all(re.search(r"[^\W\d_]", name) for name in short):
        short = [_without(shared - {name[0]}, name) for name in parts]
    values = [re.fullmatch(r"(\w+)='([^']+)'", name) for name in short]
    if len({value and value[1] for value in values}) == 1:
        short = [value[2] if value else name for value, name in zip(values, short, strict=True)]
    return short if len(set(short)) == len(names) else list(names)


def _without(shared: set[str], parts: Sequence[str]) -> str:
    return ", ".join(part for part in parts if part not in shared)


def _arm_values(arm: ArmRecord, metric: str) -> ArmValues:
    return ArmValues(arm.arm, arm.first_seed, arm.metrics.get(metric, ()))


def _margin(finding: Finding, arms: tuple[ArmValues, ...]) -> Margin | None:
    """Returns what a contrast asks of one arm, by what the contrast is in each seed."""
    if finding.kind != "mean" or None in finding.values:
        return None
    if len(arms) == 1 and arms[0].values[: len(finding.values)] == finding.values:
        return Margin(0, None, 1.0, finding.region)
    for of, beside in permutations(range(len(arms)), 2):
        for sign in (-1, 1):
            factor = _factor(finding.values, arms[of].values, arms[beside].values, sign)
            if factor is not None:
                mean = factor * statistics.fmean(_first(arms[beside].values, finding))
                return Margin(of, beside, factor, _moved(finding.region, sign, mean))
    return None


def _factor(contrast: Values, of: Values, beside: Values, sign: int) -> float | None:
    """Returns f if the contrast is sign * (of - f * beside) in each seed, else None."""
    rows = [
        (c, a, b)
        for c, a, b in zip(contrast, of, beside, strict=False)
        if c is not None and a is not None and b
    ]
    # Where a column never changes, many a relation would hold.
    if len(rows) < max(len(contrast), _FEWEST) or any(
        len(set(column)) == 1 for column in zip(*rows, strict=True)
    ):
        return None
    factors = [(a - sign * c) / b for c, a, b in rows]
    # The same holds where one arm is a multiple of the other.
    if _are_same([a / b for _, a, b in rows]) or not _are_same(factors):
        return None
    return round(factors[0], 6) if factors[0] > 0 else None


def _are_same(numbers: Sequence[float]) -> bool:
    return all(math.isclose(number, numbers[0], rel_tol=_SAME) for number in numbers)


def _first(values: Values, finding: Finding) -> list[float]:
    return [value for value in values[: len(finding.values)] if value is not None]


def _moved(region: Region, sign: int, mean: float) -> Region:
    """Returns a region of sign * (x - mean) as one of x."""
    ends = [None if end is None else mean + sign * end for end in (region.low, region.high)]
    return Region(*(ends if sign > 0 else reversed(ends)))
