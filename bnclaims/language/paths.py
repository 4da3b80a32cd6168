"""Paths through a claim's body: how Python's `not`, `or` and `if` let errors of comparisons add up.

A body asks comparisons for their truth and passes or fails. Asked in another way it takes another
path. Take the path of true answers: the body's verdict is wrong only if one of them is answered
wrongly and that leads to the other end. So no more errors count against a claim than there are such
answers on one path, and each gets its share of alpha. For `assert a < b; assert c < d` that is one
support (the false part's) or the refutation of any part; for `a < b or c < d` it is two supports.
"""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["AlphaSplit", "Path", "alpha_split", "failing", "others"]


@dataclass(frozen=True)
class Path:
    """One way through a body: what comparisons answered, and where that led."""

    answers: tuple[bool, ...]
    passed: bool | None
    """Whether the body passed; None where it raised something else, so that there is no verdict."""


@dataclass(frozen=True)
class AlphaSplit:
    """Over how many errors alpha is split."""

    supports: int
    """Wrong supports that could make the verdict wrong together."""
    refutations: int
    """How many times over the alpha of refuting is split, beside its split over edges."""


def others(answers: Sequence[bool]) -> list[bool] | None:
    """Returns the answers that lead to the next path, the last true one turned; None at the end."""
    turned = list(answers)
    while turned and not turned[-1]:
        turned.pop()
    return [*turned[:-1], False] if turned else None


def alpha_split(paths: Sequence[Path]) -> AlphaSplit:
    """Returns over how many errors alpha is split, for a body with these paths.

    Args:
        paths: All of them, as `others` enumerates them.
    """
    counted = [_wrong_turns(path, paths) for path in paths]
    supports = max((supports for supports, _ in counted), default=0)
    # Where either error could do it, they share alpha.
    both = 2 if any(supports and refutations for supports, refutations in counted) else 1
    return AlphaSplit(both * max(1, supports), both)


def failing(paths: Sequence[Path]) -> frozenset[tuple[bool, ...]]:
    """Returns the answers of which the last one makes a body fail: with another it could pass.

    So fails `assert not a < b` where `a < b` is supported. What fails whatever was answered last
    fails for another reason.
    """

    def could_pass(turned: tuple[bool, ...]) -> bool:
        return any(path.passed and path.answers[: len(turned)] == turned for path in paths)

    return frozenset(
        path.answers
        for path in paths
        if path.answers
        and path.passed is False
        and could_pass((*path.answers[:-1], not path.answers[-1]))
    )


def _wrong_turns(path: Path, paths: Sequence[Path]) -> tuple[int, int]:
    """Returns how many supports, and how many refutations, would lead from a path astray."""
    supports = refutations = 0
    for i, answer in enumerate(path.answers):
        turned = (*path.answers[:i], not answer)
        ends = {other.passed for other in paths if other.answers[: i + 1] == turned}
        if ends - {path.passed, None}:
            supports += not answer
            refutations += answer
    return supports, refutations
