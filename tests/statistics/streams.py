"""Simulated streams of data: t at each look, and the look at which it first crosses a boundary."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

STANDARD = (5, 10, 15, 20)
"""The looks of the default design."""

_CHUNK = 50_000
"""Streams that are drawn at a time."""

Draw = Callable[[np.random.Generator, tuple[int, int]], NDArray[np.float64]]


def normal(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Draws normal data of mean 0."""
    return rng.standard_normal(shape)


def skewed(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Draws exponential data of mean 0, with the long tail below."""
    return 1 - rng.standard_exponential(shape)


def t_at_looks(x: NDArray[np.float64], looks: tuple[int, ...]) -> NDArray[np.float64]:
    """Returns the t statistics of streams, of shape (streams, looks)."""
    n = np.array(looks)
    parts = [x[:, :k] for k in looks]
    means = np.stack([part.mean(axis=1) for part in parts], axis=1)
    deviations = np.stack([part.std(axis=1, ddof=1) for part in parts], axis=1)
    return np.asarray(np.sqrt(n) * means / deviations)


def first_crossings(
    draw: Draw,
    looks: tuple[int, ...],
    critical: tuple[float, ...],
    streams: int,
    seed: int,
    *,
    sides: int = 1,
) -> NDArray[np.int64]:
    """Returns how many streams first cross at each look; the last entry never crosses."""
    rng = np.random.default_rng(np.random.SeedSequence(seed))
    counts = np.zeros(len(looks) + 1, dtype=np.int64)
    for _ in range(streams // _CHUNK):
        t = t_at_looks(draw(rng, (_CHUNK, looks[-1])), looks)
        crossed = (np.abs(t) if sides == 2 else t) >= np.array(critical)
        first = np.where(crossed.any(axis=1), crossed.argmax(axis=1), len(looks))
        counts += np.bincount(first, minlength=len(looks) + 1)
    return counts
