"""Keras on JAX: what `framework.Framework` asks for."""

import math
import os
import random
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import FunctionType, SimpleNamespace
from typing import Any

import jax
import keras
import numpy as np
from jax import numpy as jnp
from keras.src.backend.common import global_state
from keras.src.initializers import random_initializers
from numpy.typing import NDArray

from bnclaims.backends.keras import philox
from bnclaims.errors import ArmError
from bnclaims.experiment.data import mapped, rows

ERRORS = (jax.errors.JaxRuntimeError,)


def _setting(name: str, default: Any) -> tuple[Callable[[], Any], Callable[[Any], object], Any]:
    return (lambda: getattr(jax.config, name)), (lambda v: jax.config.update(name, v)), default


SETTINGS: Mapping[str, tuple[Callable[[], Any], Callable[[Any], object], Any]] = {
    name: _setting(name, default)
    for name, default in {
        "jax_enable_x64": False,
        "jax_default_matmul_precision": None,
        "jax_default_prng_impl": "threefry2x32",
        "jax_threefry_partitionable": True,
        "jax_disable_jit": False,
    }.items()
}

_UNSEEDED = re.compile(r"\b(io_callback|pure_callback|rng_uniform)\b")
"""Operations whose results follow from no seed, or may not."""


def configure(threads: int) -> None:  # noqa: ARG001
    """Says so where JAX had run before it could be given its threads.

    A run always computes on one thread, which is what keeps its bits the same; runs that train at
    a time compute on the threads that train them.
    """
    if "--xla_cpu_multi_thread_eigen=false" not in os.environ.get("XLA_FLAGS", ""):
        warnings.warn(
            "JAX was used before bnclaims could set its threads, so numbers may differ in their "
            "last bits from other runs'. Create arrays inside tests, not on import",
            stacklevel=2,
        )


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


def global_seeds() -> tuple[Any, ...]:
    """Returns nothing: JAX has no global generator."""
    return ()


def put_back(seeds: tuple[Any, ...]) -> None:
    """Does nothing: JAX has no global generator."""


def held(array: NDArray[Any]) -> Any:
    """Returns an array as JAX has it, of 32 bits at most.

    Raises:
        ArmError: It is not of numbers, or of integers that need more.
    """
    if array.dtype.kind not in "biuf":
        raise ArmError(f"JAX computes with numbers, and the data has {array.dtype}: give numbers")
    if array.dtype.kind in "iu" and array.dtype.itemsize > 4:
        limits = np.iinfo(np.int32)
        if array.size and not limits.min <= array.min() <= array.max() <= limits.max:
            raise ArmError(
                f"JAX computes with integers of 32 bits, and the data has some from {array.min()} "
                f"to {array.max()}: number them anew, or train on TensorFlow"
            )
        return jnp.asarray(array.astype(np.int32))
    return jnp.asarray(array)


# Initial weights


def drawn(initializer: Any, shape: Sequence[int], dtype: str) -> Any:
    """Returns what an initialiser draws on TensorFlow, if it is one of Keras's own.

    The arithmetic stays Keras's: the function is the initialiser's own, but for the random numbers
    that it calls for.
    """
    call = type(initializer).__call__
    if call.__module__ != random_initializers.__name__ or dtype != "float32":
        return initializer(shape, dtype=dtype)
    names = {**call.__globals__, "random": _LIKE_TENSORFLOW}
    alike = FunctionType(call.__code__, names, call.__name__, call.__defaults__)
    return alike(initializer, shape, dtype=dtype)


def _on_tensorflow(seed: int) -> int:
    """Returns the seed that Keras gives TensorFlow, whose seeds are of 32 bits with a sign."""
    return int(seed % (np.iinfo(np.int32).max - 1))


def _uniform(shape: Any, minval: float, maxval: float, dtype: str, seed: int) -> Any:  # noqa: ARG001
    return jnp.asarray(philox.uniform(shape, minval, maxval, _on_tensorflow(seed)))


def _normal(shape: Any, dtype: str, seed: int, mean: float = 0.0, stddev: float = 1.0) -> Any:  # noqa: ARG001
    return jnp.asarray(philox.normal(shape, mean, stddev, _on_tensorflow(seed)))


def _truncated_normal(shape: Any, mean: float, stddev: float, dtype: str, seed: int) -> Any:  # noqa: ARG001
    return jnp.asarray(philox.truncated_normal(shape, mean, stddev, _on_tensorflow(seed)))


_LIKE_TENSORFLOW = SimpleNamespace(
    uniform=_uniform, normal=_normal, truncated_normal=_truncated_normal
)
"""As much of `keras.random` as initialisers call."""


# Batches for `fit`


def feed(parts: tuple[Any, ...], size: int) -> "_Feed":
    """Returns what feeds `fit` with batches of some arrays."""
    return _Feed(parts, size)


class _Feed(keras.utils.PyDataset):  # type: ignore[misc]
    def __init__(self, parts: tuple[Any, ...], size: int) -> None:
        super().__init__()
        self._parts, self._size = parts, size
        self._order: NDArray[Any] = np.arange(rows(parts[0]))

    def begin(self, order: NDArray[Any]) -> None:
        self._order = order

    def dataset(self) -> "_Feed":
        return self

    def __len__(self) -> int:
        return math.ceil(len(self._order) / self._size)

    def __getitem__(self, number: int) -> Any:
        chosen = self._order[number * self._size : (number + 1) * self._size]
        return mapped(lambda array: array[chosen], self._parts)


# Programs


class Scope(keras.StatelessScope):  # type: ignore[misc]
    """Gives variables their values for a while, and refuses to assign any others.

    Losses that layers add meanwhile are part of what `Model.compute_loss` returns within.

    Args:
        values: Variables and their values.
    """

    def __init__(self, values: Iterable[tuple[Any, Any]]) -> None:
        super().__init__(state_mapping=values, collect_losses=True)
        self.assigned: set[int] = set()

    def add_update(self, update: tuple[Any, Any]) -> None:
        """Notes what a variable is assigned.

        Raises:
            ValueError: It is not one of those that were given a value.
        """
        variable, _ = update
        if id(variable) not in self.state_mapping:
            raise ValueError(
                "it assigns a variable that is neither the model's nor its optimizer's: "
                f"{variable.name}. Make it with self.add_weight in a layer; random layers need a "
                "keras.random.SeedGenerator of their own"
            )
        self.assigned.add(id(variable))
        super().add_update(update)

    def now(self, variables: Iterable[Any]) -> list[Any]:
        """Returns the values that variables have by now."""
        return [self.get_current_value(variable) for variable in variables]


def compiled(function: Any, *examples: Any, donated: tuple[int, ...] = ()) -> Any:
    """Returns a function, compiled for arguments like some examples.

    Raises:
        ValueError: It calls what no seed decides.
    """
    traced = jax.jit(function, donate_argnums=donated).trace(*examples)
    check_calls(str(traced.jaxpr))
    return traced.lower().compile()


def check_calls(operations: str) -> None:
    """Refuses a program that calls what no seed decides.

    Args:
        operations: The program in JAX's notation.

    Raises:
        ValueError: It does.
    """
    if found := _UNSEEDED.search(operations):
        raise ValueError(
            f"it calls {found[0]}, whose results no seed decides: compute with keras.ops, and draw "
            "with keras.random and a keras.random.SeedGenerator"
        )


def traced(function: Any, variables: Sequence[Any], *examples: Any) -> Any:
    """Returns a compiled function that reads and assigns some variables.

    Raises:
        ValueError: It draws random numbers that no seed decides, or assigns another variable.
    """

    def stateless(values: list[Any], *arguments: Any) -> tuple[Any, list[Any]]:
        with Scope(zip(variables, values, strict=True)) as scope:
            return function(*arguments), scope.now(variables)

    program = compiled(stateless, _values(variables), *examples)

    def call(*arguments: Any) -> Any:
        result, values = program(_values(variables), *arguments)
        assign(variables, values)
        return result

    return call


def _values(variables: Iterable[Any]) -> list[Any]:
    return [variable.value for variable in variables]


def assign(variables: Sequence[Any], values: Sequence[Any]) -> None:
    """Assigns each variable a value."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def gradients(function: Any, weights: Any, variables: Sequence[Any]) -> tuple[Any, Any]:
    """Returns what a function returns beside a loss, and the loss's gradients by weights."""
    chosen = keras.tree.flatten(weights)
    outside = list(zip(variables, _values(variables), strict=True))

    def objective(values: list[Any]) -> tuple[Any, tuple[Any, list[Any]]]:
        with Scope([*outside, *zip(chosen, values, strict=True)]) as scope:
            loss, others = function()
            return loss, (others, scope.now(variables))

    differentiated = jax.value_and_grad(objective, has_aux=True)
    (_, (others, after)), found = differentiated(_values(chosen))
    assign(variables, after)
    return others, keras.tree.pack_sequence_as(weights, found)


def slope(function: Any, at: Any) -> tuple[Any, Any]:
    """Returns a function that acts number by number, and its derivative, at some numbers."""
    return function(at), jax.grad(lambda numbers: function(numbers).sum())(at)
