"""Findings: what a comparison came to, as it travels from a worker to the page.

A number that does not exist, or an end that is unbounded, is None: JSON has neither NaN nor
infinity.
"""

import math
from dataclasses import dataclass, replace
from typing import Annotated, Literal, SupportsFloat

from msgspec import Meta

Verdict = Literal["supported", "refuted", "inconclusive"]

Better = Literal["lower", "higher", ""]
"""Which way a metric improves; '' where nobody says."""

Status = Literal["worse", "changed", "undecided", "better", "as before", "not compared"]
"""What a metric came to beside its values in an earlier release; *changed* where it has no
direction."""

Count = Annotated[int, Meta(ge=0, le=2**53)]
"""A number of things; every reader of JSON takes one so large exactly."""
Positive = Annotated[int, Meta(ge=1, le=2**53)]
"""The same where there is one at least."""
_LARGEST = 1e300
Number = Annotated[float, Meta(ge=-_LARGEST, le=_LARGEST)]
"""A finite number, with room to be drawn."""
Values = tuple[Number | None, ...]
Series = tuple[Values, ...]
"""Curves, one a seed; None is what a diverged run does not have."""


def finite(value: SupportsFloat) -> float | None:
    """Returns a number without NumPy in it, None if it is NaN or no `Number`."""
    number = float(value)
    return number if abs(number) <= _LARGEST else None


def with_unit(number: str, unit: str) -> str:
    """Returns a number, as text, with its unit after it, if it has one."""
    return f"{number} {unit}" if unit else number


@dataclass(frozen=True)
class Region:
    """Where a claim says that a number is."""

    low: Number | None
    """The lower edge; None if there is none."""
    high: Number | None
    """The upper edge; None if there is none."""

    def __post_init__(self) -> None:
        if not self.edges:
            raise ValueError("a region has an edge at least")

    def __str__(self) -> str:
        if self.high is None:
            return f"> {self.low:.4g}"
        if self.low is None:
            return f"< {self.high:.4g}"
        if self.low == -self.high:
            return f"within ±{self.high:.4g}"
        return f"between {self.low:.4g} and {self.high:.4g}"

    @property
    def edges(self) -> tuple[float, ...]:
        """The edges that there are."""
        return tuple(edge for edge in (self.low, self.high) if edge is not None)


@dataclass(frozen=True)
class Look:
    """What one look saw."""

    seeds: Positive
    estimate: Number
    low: Number | None
    """Lower end of the repeated interval; None if it is unbounded."""
    high: Number | None
    """Upper end; None if it is unbounded."""


@dataclass(frozen=True)
class Share:
    """A share of all seeds, with its exact interval at the verdict's error rate, over all looks."""

    estimate: Number
    low: Number
    high: Number


@dataclass(frozen=True)
class Finding:
    """What one part of a claim came to."""

    kind: Literal["mean", "share"]
    """Whether the number is a mean over the seeds, or the share of the seeds that hold."""
    verdict: Verdict
    contrast: str
    """What was compared, in words."""
    estimate: Number
    low: Number | None
    """Lower end of the repeated interval, in the metric's units, or as a share; None if
    unbounded."""
    high: Number | None
    """Upper end; None if unbounded."""
    region: Region
    """Where the mean, or the share, has to lie for the claim to hold."""
    unit: str
    """Of estimate, interval and region, as it stands after a number: `of seeds` for a share; ''
    where they have none."""
    seeds: Positive
    p: Number | None
    """Look-adjusted p of the verdict's direction, or, undecided, of the estimate's; None where all
    seeds gave the same value."""
    nominal_p: Number | None
    """The same look's p as if it were the only one."""
    sign_flip_p: Number | None
    """Exact sign-flip p of the same direction; None for a share."""
    disagrees: bool
    """Whether the sign-flip test would not have decided as t did."""
    share: Share
    """In how many of all seeds the comparison holds, each seed by itself."""
    turns_at: Number | None
    """By how much seeds that fail as none of these did would have to fall behind, if as many do as
    these seeds leave possible, to take a supported mean out of its region; else None."""
    effect: Number | None
    """Standardised effect with Hedges' correction, from the region's nearest edge."""
    effect_low: Number | None
    """Lower end of its 95% interval, as if this look were the only one."""
    effect_high: Number | None
    """Upper end."""
    correlation: Number | None
    """Between the two sides, over the seeds."""
    page_p: Number | None
    """Page's p of a trend's levels, in the claimed direction, as if this look were the only one."""
    unknown: Count
    """Seeds that an endpoint's bounds leave open."""
    detectable: Number | None
    """Smallest distance from the edge that these looks would detect with 80% power; None for a
    share, and where a region is too narrow for any."""
    needed: tuple[Count | None, Count | None]
    """Seeds for 80% and 95% power, were the estimate true; None if out of reach."""
    values: Annotated[Values, Meta(min_length=1)]
    """The contrast seed by seed; for a share 1 where it holds, 0 where not, None where unknown."""
    looks: Annotated[tuple[Look, ...], Meta(min_length=1)]
    """The looks up to this one."""

    @property
    def is_exact(self) -> bool:
        """Whether all seeds gave the same value, which then decides without any test."""
        return self.p is None

    @property
    def claimed(self) -> str:
        """What is claimed of the number, with its unit: `> 0.1`, `> 0.5 of seeds`."""
        return self.with_unit(str(self.region))

    def negated(self) -> "Finding":
        """Returns what the opposite of this part came to, which `not a < b` claims.

        Of a region with two edges that is no region: then it is this finding itself.
        """
        if len(self.region.edges) == 2 or self.verdict == "inconclusive":
            return self
        opposite: Verdict = "refuted" if self.verdict == "supported" else "supported"
        return replace(
            self,
            verdict=opposite,
            region=Region(self.region.high, self.region.low),
            share=Share(1 - self.share.estimate, 1 - self.share.high, 1 - self.share.low),
            effect=_minus(self.effect),
            effect_low=_minus(self.effect_high),
            effect_high=_minus(self.effect_low),
            turns_at=None,
            page_p=None,
        )

    def with_unit(self, number: str) -> str:
        """Returns a number of the finding's, as text, with its unit after it."""
        return with_unit(number, self.unit)

    @property
    def ends(self) -> tuple[float, float]:
        """The ends of the repeated interval, infinite where it is unbounded."""
        low = -math.inf if self.low is None else self.low
        high = math.inf if self.high is None else self.high
        return low, high


def _minus(number: float | None) -> float | None:
    return None if number is None else -number
