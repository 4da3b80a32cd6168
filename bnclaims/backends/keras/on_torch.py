"""Keras on PyTorch: what `framework.Framework` asks for."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import torch
from numpy.typing import NDArray

from bnclaims.backends.keras import feeding, like_tensorflow, seeding
from bnclaims.backends.keras.stateless import Scope
from bnclaims.errors import ArmError

EAGER = True

SETTINGS: Mapping[str, tuple[Callable[[], Any], Callable[[Any], object], Any]] = {
    "torch_default_dtype": (torch.get_default_dtype, torch.set_default_dtype, torch.float32),
    "torch_matmul_precision": (
        torch.get_float32_matmul_precision,
        torch.set_float32_matmul_precision,
        "highest",
    ),
    "torch_deterministic": (
        torch.get_deterministic_debug_mode,
        torch.set_deterministic_debug_mode,
        0,
    ),
    "torch_autocast": (
        lambda: torch.is_autocast_enabled("cpu"),
        lambda on: torch.set_autocast_enabled("cpu", on),
        False,
    ),
    "torch_grad": (torch.is_grad_enabled, torch.set_grad_enabled, True),
    "torch_threads": (torch.get_num_threads, torch.set_num_threads, 1),
}

drawn = like_tensorflow.drawn
feed = feeding.Batches


def configure(threads: int) -> None:  # noqa: ARG001
    """Has each run compute on one thread, which keeps its bits the same."""
    torch.set_num_threads(1)


def set_random_seed(seed: int) -> None:
    """Seeds the global generators of Python, NumPy, Keras and PyTorch."""
    seeding.set_random_seed(seed)
    torch.manual_seed(seed)


def global_seeds() -> tuple[Any, ...]:
    """Returns the state of PyTorch's global generator."""
    return (torch.get_rng_state().numpy().tobytes(),)


def put_back(seeds: tuple[Any, ...]) -> None:
    """Sets the state of PyTorch's global generator."""
    torch.set_rng_state(torch.frombuffer(bytearray(seeds[0]), dtype=torch.uint8))


def held(array: NDArray[Any]) -> Any:
    """Returns an array as a tensor.

    Raises:
        ArmError: It is not of numbers, or of integers that need more than 63 bits.
    """
    if array.dtype.kind not in "biuf":
        raise ArmError(
            f"PyTorch computes with numbers, and the data has {array.dtype}: give numbers"
        )
    if array.dtype == np.uint64:
        if array.size and array.max() > np.iinfo(np.int64).max:
            raise ArmError(
                f"PyTorch computes with integers of 63 bits, and the data has {array.max()}: "
                "number them anew, or train on TensorFlow"
            )
        array = array.astype(np.int64)
    return keras.ops.convert_to_tensor(array if array.flags.writeable else array.copy())


def traced(function: Any, variables: Sequence[Any], *examples: Any) -> Any:
    """Returns a function whose results follow from its arguments and from some variables.

    It stays Python code: it was called once, which changed nothing.

    Raises:
        ValueError: It assigns another variable.
    """
    with Scope((variable, _copied(variable)) for variable in variables):
        function(*examples)
    return lambda *arguments: keras.tree.map_structure(torch.Tensor.detach, function(*arguments))


def _copied(variable: Any) -> Any:
    value = variable.value
    return value.detach().clone().requires_grad_(value.requires_grad)


def gradients(function: Any, weights: Any, variables: Sequence[Any]) -> tuple[Any, Any]:  # noqa: ARG001
    """Returns what a function returns beside a loss, and the loss's gradients by weights."""
    loss, others = function()
    chosen = [weight.value for weight in keras.tree.flatten(weights)]
    found = torch.autograd.grad(loss, chosen, allow_unused=True, materialize_grads=True)
    return others, keras.tree.pack_sequence_as(weights, found)


def slope(function: Any, at: Any) -> tuple[Any, Any]:
    """Returns a function that acts number by number, and its derivative, at some numbers."""
    numbers = at.detach().requires_grad_()
    values = function(numbers)
    (derivative,) = torch.autograd.grad(values.sum(), numbers)
    return values.detach(), derivative
