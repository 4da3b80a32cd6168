"""Values that property tests of several modules draw."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bnclaims.experiment.history import History
from tests.fakes import CURVES, SEEDS

paired = st.integers(0, 10_000).map(
    lambda seed: np.random.default_rng(seed).normal([[0.0], [seed % 7 / 3]], 1.0, (2, SEEDS))
)


NAMES = st.text("abc/_. é", min_size=1, max_size=5)
ARRAYS = hnp.arrays(
    hnp.floating_dtypes(endianness="=") | hnp.integer_dtypes(endianness="=") | st.just("<U3"),
    hnp.array_shapes(min_dims=0, min_side=0, max_dims=3, max_side=3),
)
histories = st.builds(
    lambda curves, probes: History(**curves, probes=probes),
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys(CURVES, hnp.arrays(np.float64, st.integers(0, 4)))
    ),
    st.dictionaries(NAMES, ARRAYS, max_size=3),
)
"""Histories of any curves and probes."""
