"""The seam to what Keras runs on: what a run needs of it that Keras does not offer."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any, Protocol

import keras
import numpy as np
from numpy.typing import NDArray

Setting = tuple[Callable[[], Any], Callable[[Any], object], Any]
"""How to read and to set a setting, and what it is when a model is built."""

_MODULES = {"tensorflow": "on_tensorflow", "jax": "on_jax", "torch": "on_torch"}


class Feed(Protocol):
    """Batches for `fit`."""

    def begin(self, order: NDArray[Any]) -> None:
        """Puts the rows in the order of an epoch."""

    def dataset(self) -> Any:
        """Returns what `fit` takes."""


class Framework(Protocol):
    """What the modules `on_tensorflow`, `on_jax` and `on_torch` have in common."""

    EAGER: bool
    """Whether it runs a model's code at each step, and not once for a program of all steps."""
    SETTINGS: Mapping[str, Setting]
    """Its settings that change what a run computes, by name."""

    def configure(self, threads: int) -> None:
        """Gives it its threads, of which a run computes on one; before its first operation."""

    def set_random_seed(self, seed: int) -> None:
        """Seeds the global generators of Python, NumPy, Keras and the framework."""

    def global_seeds(self) -> tuple[Any, ...]:
        """Returns the seeds of global generators of its own."""

    def put_back(self, seeds: tuple[Any, ...]) -> None:
        """Sets what `global_seeds` returned."""

    def held(self, array: NDArray[Any]) -> Any:
        """Returns an array as a tensor that stays.

        Raises:
            ArmError: It has no numbers of this size.
        """

    def drawn(self, initializer: Any, shape: Sequence[int], dtype: str) -> Any:
        """Returns what an initialiser with a seed draws, alike in all frameworks where it can be.

        That is, for Keras's own random initialisers in float32.
        """

    def feed(self, parts: tuple[Any, ...], size: int) -> Feed:
        """Returns what feeds `fit` with batches of some arrays, `size` rows at a time."""

    def traced(self, function: Any, variables: Sequence[Any], *examples: Any) -> Any:
        """Returns a compiled function that assigns no variables but some.

        Args:
            function: Of tensors; it gives nested lists of tensors.
            variables: Those of Keras that a run sets.
            examples: Arguments, for their shapes.

        Raises:
            ValueError: It draws random numbers that no seed decides, or uses another variable.
        """

    def gradients(self, function: Any, weights: Any, variables: Sequence[Any]) -> tuple[Any, Any]:
        """Returns what a function returns beside a loss, and the loss's gradients by weights.

        To be called within what `traced` compiles.

        Args:
            function: Returns a loss and something else.
            weights: In nested lists, as the gradients are.
            variables: All that the function may read or assign.
        """

    def slope(self, function: Any, at: Any) -> tuple[Any, Any]:
        """Returns a function that acts number by number, and its derivative, at some numbers."""


def array_of(variable: Any) -> NDArray[Any]:
    """Returns a Keras variable's value as an array of its own."""
    return as_array(variable.value)


def as_array(tensor: Any) -> NDArray[Any]:
    """Returns a tensor as an array of its own."""
    value = keras.ops.stop_gradient(tensor)
    if keras.backend.standardize_dtype(value.dtype) == "bfloat16":  # which PyTorch cannot hand out
        return np.array(keras.ops.convert_to_numpy(value))
    return np.array(np.asarray(value))


@cache
def current() -> Framework:
    """Returns that which Keras runs on in this process."""
    module: Any = import_module(f"{__package__}.{_MODULES[keras.config.backend()]}")
    framework: Framework = module
    return framework
