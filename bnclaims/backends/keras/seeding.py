"""The global generators of Python, NumPy and Keras, seeded without TensorFlow."""

import random
import sys

import keras
import numpy as np
from keras.src.backend.common import global_state


def set_random_seed(seed: int) -> None:
    """Seeds the global generators of Python, NumPy and Keras; TensorFlow's where it is in use.

    `keras.utils.set_random_seed` would import TensorFlow.
    """
    if "tensorflow" in sys.modules:
        keras.utils.set_random_seed(seed)
    global_state.set_global_attribute("global_random_seed", seed)
    global_state.set_global_attribute("global_seed_generator", None)
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
