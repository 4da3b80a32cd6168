"""The global state that a run starts from, and what it leaves of it."""

import random
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from bnclaims.backends.keras import state

DRAWS: dict[str, Callable[[], float]] = {
    "python": random.random,
    "numpy": np.random.random,
    "keras": lambda: float(keras.random.uniform(())),
    "tensorflow": lambda: float(tf.random.uniform(())),
}
SETTINGS: dict[str, tuple[Callable[[Any], object], Any, Callable[[], Any]]] = {
    "floatx": (keras.config.set_floatx, "float16", keras.config.floatx),
    "epsilon": (keras.config.set_epsilon, 0.5, keras.config.epsilon),
    "image_data_format": (
        keras.config.set_image_data_format, "channels_first", keras.config.image_data_format,
    ),
    "dtype_policy": (
        keras.config.set_dtype_policy, "mixed_bfloat16", lambda: keras.config.dtype_policy().name,
    ),
    "run_functions_eagerly": (
        tf.config.run_functions_eagerly, True, tf.config.functions_run_eagerly,
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def defaults() -> Iterator[None]:
    """Whatever a test sets goes with it."""
    with state.known():
        yield


def drawn() -> dict[str, float]:
    return {name: draw() for name, draw in DRAWS.items()}


@pytest.mark.parametrize("name", DRAWS)
def test_what_is_drawn_follows_from_the_seed(name: str) -> None:
    def under(seed: int) -> float:
        with state.known(seed):
            return DRAWS[name]()

    assert under(3) == under(3) != under(4)


@pytest.mark.parametrize("name", ["python", "numpy", "keras"])
def test_the_global_generators_go_on_as_if_nothing_had_been(name: str) -> None:
    keras.utils.set_random_seed(9)
    expected = [drawn()[name] for _ in range(2)]
    keras.utils.set_random_seed(9)
    assert drawn()[name] == expected[0]
    with state.known(1):
        drawn()
    with state.undisturbed(1):
        random.random(), np.random.random(), keras.random.uniform(())
    assert drawn()[name] == expected[1]


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_are_keras_s_defaults_within_and_as_before_after(name: str) -> None:
    put, value, read = SETTINGS[name]
    default = read()
    put(value)
    assert state.settings().keys() == {name}

    def within() -> tuple[Any, dict[str, str]]:
        with state.known():
            return read(), state.settings()

    with pytest.warns(UserWarning, match=f"^{name}=.* was set outside of a model's builder"):
        assert within() == (default, {})
    assert read() == value


def test_what_a_block_sets_holds_until_its_end_however_that_comes() -> None:
    def fail() -> None:
        with state.known():
            keras.config.set_epsilon(0.5)
            keras.saving.get_custom_objects()["Mine"] = dict
            assert keras.config.epsilon() == 0.5
            raise ArithmeticError

    with pytest.raises(ArithmeticError):
        fail()
    assert keras.config.epsilon() == 1e-7
    assert "Mine" not in keras.saving.get_custom_objects()


def test_where_nothing_was_set_nothing_is_said() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with state.known():
            pass


def test_names_are_counted_anew_within_and_go_on_after() -> None:
    first = keras.layers.Dense(1).name
    with state.known():
        assert keras.layers.Dense(1).name == "dense"
    following = keras.layers.Dense(1).name
    assert following != "dense"
    assert following != first


def test_states_are_equal_exactly_if_they_would_draw_the_same() -> None:
    random.seed(1)
    np.random.seed(1)
    before = state.generators()
    assert state.generators() == before
    np.random.random()
    after = state.generators()
    assert [one == other for one, other in zip(before, after, strict=True)] == [
        True, False, True, True,
    ]  # fmt: skip


def test_a_block_that_may_draw_is_seeded() -> None:
    def under(seed: int) -> tuple[float, float, float]:
        with state.undisturbed(seed):
            return random.random(), np.random.random(), float(keras.random.uniform(()))

    assert under(3) == under(3)
    assert not set(under(3)) & set(under(4))
