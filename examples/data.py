"""Small data for the examples: each trains in seconds."""

from functools import cache

import numpy as np
from sklearn.datasets import load_digits

from bnclaims import Data

CROSSENTROPY = "sparse_categorical_crossentropy"
"""Of labels that are numbers."""


@cache
def digits() -> Data:
    """1,797 digits of 8 x 8 pixels (Alpaydin & Kaynak, UCI), intensities from 0 to 1."""
    bunch = load_digits()
    x, y = (bunch.images / 16).astype(np.float32), bunch.target
    return Data("8x8 digits", x[:1200], y[:1200], x[1200:], y[1200:])


@cache
def ordered_pairs() -> Data:
    """Sequences of twelve tokens that hold a 1 and a 2: which of them comes first?"""
    rng = np.random.default_rng(0)
    tokens = rng.integers(3, 20, (3000, 12))
    places = np.sort(np.argsort(rng.random((3000, 12)), axis=1)[:, :2], axis=1)
    first = rng.integers(0, 2, 3000)
    rows = np.arange(3000)
    tokens[rows, places[:, 0]] = 1 + first
    tokens[rows, places[:, 1]] = 2 - first
    return Data("ordered pairs", tokens[:2000], first[:2000], tokens[2000:], first[2000:])
