"""Weighted sums: of which metrics a sample is made, and with which weights."""

import contextlib
import math
import operator
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import cast

import numpy as np

_ROUNDING = 1e-12
"""Below which share of what was added a weight is rounding."""

_OPERATIONS: Mapping[str, Callable[..., float]] = {
    "log": math.log, "*": operator.mul, "/": operator.truediv,
}  # fmt: skip
"""What makes a term of sums, by the text of the term."""


@dataclass(frozen=True)
class Term:
    """What can be weighted in a sum: a metric of arms, or what is itself no weighted sum."""

    text: str
    """How messages call it."""
    of: tuple[Hashable, ...]
    """What makes it differ from others of that text: runs, or what a product or the like is of."""
    kind: str = ""
    """What it measures: a metric's name, or `log(...)` of one; '' for other expressions."""

    def tried(self, trial: int) -> float:
        """Returns what it comes to where each metric is replaced by a number of its own.

        Args:
            trial: Which numbers: those of one trial are unlike those of another.
        """
        if not isinstance(self.of[0], tuple):
            return _number(hash(self) % 2**63, trial)
        sums = cast("tuple[tuple[frozenset[tuple[Term, float]], float], ...]", self.of)
        operands = [tried(dict(items), trial) + offset for items, offset in sums]
        with contextlib.suppress(ValueError, ZeroDivisionError):
            return _OPERATIONS[self.text](*operands)
        return math.nan


Terms = Mapping[Term, float]
"""The terms of a sum, with their weights; none of them is 0."""


def added(a: Terms, b: Terms) -> Terms:
    """Returns the terms of a sum of sums; those that cancel are not among them."""
    total = {term: _sum(a.get(term, 0.0), b.get(term, 0.0)) for term in {**a, **b}}
    return {term: weight for term, weight in total.items() if weight}


def tried(terms: Terms, trial: int) -> float:
    """Returns what a sum comes to where each metric is replaced by a number; see `Term.tried`."""
    return math.fsum(weight * term.tried(trial) for term, weight in terms.items())


def are_constant(terms: Terms) -> bool:
    """Says whether a sum is the same whatever its metrics: of no terms, or `a * b - b * a`."""
    one, other = tried(terms, 0), tried(terms, 1)
    size = math.fsum(abs(weight * term.tried(0)) for term, weight in terms.items())
    return abs(one - other) <= _ROUNDING * size


def scaled(terms: Terms, operation: Callable[[float], float]) -> Terms:
    """Returns the terms of a sum that the operation multiplies or divides by a number."""
    weights = {term: operation(weight) for term, weight in terms.items()}
    return {term: weight for term, weight in weights.items() if weight}


def balanced(a: Terms, b: Terms) -> bool:
    """Says whether both sides have the same total weight.

    Then a constant added to each metric cancels, so one that stands beside them is a margin.
    """
    weights = [*a.values(), *(-weight for weight in b.values())]
    return abs(math.fsum(weights)) <= _ROUNDING * math.fsum(map(abs, weights))


@cache
def _number(key: int, trial: int) -> float:
    return float(np.random.default_rng([key, trial]).uniform(1, 2))


def _sum(a: float, b: float) -> float:
    return 0.0 if math.isclose(a, -b, rel_tol=_ROUNDING) else a + b
