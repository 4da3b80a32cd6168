"""Keras on JAX: what `framework.Framework` asks for."""

import os
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import jax
import keras
import numpy as np
from jax import numpy as jnp
from numpy.typing import NDArray

from bnclaims.backends.keras import feeding, like_tensorflow, seeding
from bnclaims.backends.keras.stateless import Scope, assign
from bnclaims.errors import ArmError

EAGER = False


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


set_random_seed = seeding.set_random_seed
drawn = like_tensorflow.drawn
feed = feeding.Batches


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
