"""The global state of Keras, its framework, NumPy and Python that a run could depend on."""

import contextlib
import random
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras.src.backend.common import global_state

from bnclaims.backends.keras.framework import Setting, current

_SETTINGS: dict[str, Setting] = {
    "floatx": (keras.config.floatx, keras.config.set_floatx, "float32"),
    "epsilon": (keras.config.epsilon, keras.config.set_epsilon, 1e-7),
    "image_data_format": (
        keras.config.image_data_format,
        keras.config.set_image_data_format,
        "channels_last",
    ),
    "dtype_policy": (keras.config.dtype_policy, keras.config.set_dtype_policy, "float32"),
    **current().SETTINGS,
}
"""How to read and to set each setting, and what it is when a model is built."""

for _name in ("max_epochs", "max_steps_per_epoch"):
    if _set := getattr(keras.config, f"set_{_name}", None):  # of Keras's newer releases
        _SETTINGS[_name] = (getattr(keras.config, _name), _set, None)

_SEEDS = ("global_random_seed", "global_seed_generator")
"""What Keras keeps of `set_random_seed`, for each thread."""

_NAMES = "object_name_uids"
"""How far Keras has counted for its names, such as `dense_3`, for each thread."""

one_at_a_time = threading.RLock()
"""Held by whoever sets the global state; others' builds wait."""


@contextlib.contextmanager
def known(seed: int = 0) -> Iterator[None]:
    """Runs a block from a known global state, alone, and puts back what was there before.

    What the block sets stays set until its end: a builder's number format holds for its training.
    The settings are Keras's defaults whatever `keras.json` says, or was set outside of a builder,
    which a warning says.

    Args:
        seed: Of the global generators of Python, NumPy, Keras and its framework.
    """
    with one_at_a_time, _restored():
        if overruled := settings():
            told = ", ".join(f"{name}={value}" for name, value in overruled.items())
            warnings.warn(
                f"{told} was set outside of a model's builder and does not hold in runs, which "
                "start from Keras's defaults: set it in the builder",
                stacklevel=4,
            )
        for _, put, default in _SETTINGS.values():
            put(default)
        current().set_random_seed(seed)
        global_state.set_global_attribute(_NAMES, None)
        yield


@contextlib.contextmanager
def undisturbed(seed: int) -> Iterator[None]:
    """Runs a block that may draw from the global generators, alone; they go on as before.

    TensorFlow's stays out of it: setting it would start anew what a program under way draws.
    """
    with one_at_a_time:
        python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
        keras_generator = global_state.get_global_attribute(_SEEDS[1])
        of_framework = current().global_seeds() if current().EAGER else None
        if of_framework:
            current().set_random_seed(seed)
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        global_state.set_global_attribute(_SEEDS[1], keras.random.SeedGenerator(seed))
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002
            global_state.set_global_attribute(_SEEDS[1], keras_generator)
            if of_framework:
                current().put_back(of_framework)


def settings() -> dict[str, str]:
    """Returns the settings that are not as they are when a model is built, as text."""
    now = {name: read() for name, (read, *_) in _SETTINGS.items()}
    named = {name: getattr(value, "name", value) for name, value in now.items()}
    defaults = {name: default for name, (*_, default) in _SETTINGS.items()}
    return {name: str(value) for name, value in named.items() if value != defaults[name]}


def generators() -> tuple[Any, ...]:
    """Returns the states of Python's, NumPy's, Keras's and its framework's global generators.

    Two of a kind are equal only if they would draw the same.
    """
    state: Any = np.random.get_state()  # noqa: NPY002
    kind, keys, *rest = state
    numpy = (kind, keys.tobytes(), *rest)
    keras_seed = global_state.get_global_attribute(_SEEDS[0])
    return random.getstate(), numpy, keras_seed, *current().global_seeds()


def drawn_since(before: tuple[Any, ...]) -> str:
    """Returns whose generators are no longer as `generators` said; or ''."""
    names = "Python", "NumPy", "Keras", keras.config.backend()
    changed = [name for name, a, b in zip(names, before, generators(), strict=False) if a != b]
    return " and ".join(changed)


@contextlib.contextmanager
def _restored() -> Iterator[None]:
    settings = [(put, read()) for read, put, _ in _SETTINGS.values()]
    counted = (*_SEEDS, _NAMES)
    kept = [(name, global_state.get_global_attribute(name)) for name in counted]
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    seeds = current().global_seeds()
    registered = keras.saving.get_custom_objects()
    objects = dict(registered)
    try:
        yield
    finally:
        for put, value in settings:
            put(value)
        for name, value in kept:
            global_state.set_global_attribute(name, value)
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
        current().put_back(seeds)
        registered.clear()
        registered.update(objects)
