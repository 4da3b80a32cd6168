"""TensorFlow's stateless random numbers, drawn by NumPy: one seed starts alike in every framework.

What `tf.random.stateless_uniform`, `stateless_normal` and `stateless_truncated_normal` draw in
float32: the generator is Philox 4x32-10 (Salmon et al. 2011), keyed by the scrambled seed; a
number has 23 bits of a word as its mantissa, a normal one comes from two by Box and Muller.
The first of them is the same to the bit. In the others sine, cosine and logarithm are NumPy's,
which may differ from TensorFlow's in the last bit.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint32]
Floats = NDArray[np.float32]

_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL = 0x9E3779B9, 0xBB67AE85
_ROUNDS = 10
_LOW, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)

_SCRAMBLING = 0x3EC8F720, 0x02461E29
"""The key under which TensorFlow turns a seed into a key and a counter."""

_WIDTH = 4
"""Words that Philox makes of a counter, and numbers that TensorFlow draws as a group."""

_RESERVED = 256
"""Counters that a group of truncated normals may use up, as many as it rejects."""

_FARTHEST = np.float32(2.0)
"""Where a truncated normal is cut, in standard deviations."""


def uniform(shape: Sequence[int], low: float, high: float, seed: int) -> Floats:
    """Returns numbers from `low` to below `high`, of a shape."""
    width = np.float32(high) - np.float32(low)
    return _cut(_unit(_stream(seed, _groups(shape))), shape) * width + np.float32(low)


def normal(shape: Sequence[int], mean: float, deviation: float, seed: int) -> Floats:
    """Returns normal numbers of a mean and a standard deviation, of a shape."""
    standard = _box_muller(_stream(seed, _groups(shape)))
    return _cut(standard, shape) * np.float32(deviation) + np.float32(mean)


def truncated_normal(shape: Sequence[int], mean: float, deviation: float, seed: int) -> Floats:
    """Returns normal numbers, those beyond two standard deviations drawn again, of a shape.

    Args:
        shape: Of the result.
        mean: Before truncation.
        deviation: Before truncation, too.
        seed: From 0 to below 2^31.
    """
    starts = _groups(shape) * np.uint64(_RESERVED)
    draws = 2
    while True:
        counters = np.add.outer(starts, np.arange(draws, dtype=np.uint64)).astype(np.uint64)
        drawn = _box_muller(_stream(seed, counters.ravel())).reshape(len(starts), draws * _WIDTH)
        kept = np.abs(drawn) < _FARTHEST
        if (kept.sum(axis=1) >= _WIDTH).all():
            break
        draws *= 2
    first = np.argsort(~kept, axis=1, kind="stable")[:, :_WIDTH]
    standard = np.take_along_axis(drawn, first, axis=1)
    return _cut(standard, shape) * np.float32(deviation) + np.float32(mean)


def _groups(shape: Sequence[int]) -> NDArray[np.uint64]:
    return np.arange(-(-math.prod(shape) // _WIDTH), dtype=np.uint64)


def _cut(groups: Floats, shape: Sequence[int]) -> Floats:
    return groups.ravel()[: math.prod(shape)].reshape(shape)


def _stream(seed: int, counters: NDArray[np.uint64]) -> Words:
    """Returns the words of a seed at some counters, `(counters, 4)`."""
    scrambled = np.array([[seed & 0xFFFFFFFF, seed >> 32, 0, 0]], np.uint32)
    mixed = _philox(scrambled, _SCRAMBLING)[0]
    blocks = np.empty((len(counters), _WIDTH), np.uint32)
    blocks[:, 0], blocks[:, 1] = counters & _LOW, counters >> _HALF
    blocks[:, 2:] = mixed[2:]
    return _philox(blocks, (int(mixed[0]), int(mixed[1])))


def _philox(counters: Words, key: tuple[int, int]) -> Words:
    """Returns what Philox 4x32-10 makes of counters under a key, each `(..., 4)`."""
    a, b, c, d = (counters[:, i].astype(np.uint64) for i in range(_WIDTH))
    keys = list(key)
    for _ in range(_ROUNDS):
        first, second = a * _MULTIPLIERS[0], c * _MULTIPLIERS[1]
        a, b, c, d = (
            (second >> _HALF) ^ b ^ np.uint64(keys[0]),
            second & _LOW,
            (first >> _HALF) ^ d ^ np.uint64(keys[1]),
            first & _LOW,
        )
        keys = [(k + step) & 0xFFFFFFFF for k, step in zip(keys, _WEYL, strict=True)]
    return np.stack([a, b, c, d], axis=1).astype(np.uint32)


def _unit(words: Words) -> Floats:
    """Returns a number from 0 to below 1 for each word: its lower 23 bits as the mantissa."""
    bits = (words & np.uint32(0x7FFFFF)) | np.uint32(127 << 23)
    return bits.view(np.float32) - np.float32(1.0)


def _box_muller(words: Words) -> Floats:
    """Returns a standard normal number for each word; neighbours share their two words."""
    pairs = _unit(words).reshape(-1, 2)
    radius = np.sqrt(np.float32(-2.0) * np.log(np.maximum(pairs[:, 0], np.float32(1e-7))))
    angle = (2 * math.pi * pairs[:, 1].astype(np.float64)).astype(np.float32)
    normals = np.stack([np.sin(angle) * radius, np.cos(angle) * radius], axis=1)
    return np.asarray(normals.reshape(words.shape), np.float32)
