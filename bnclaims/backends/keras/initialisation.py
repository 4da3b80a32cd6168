"""Initial weights by seed and position, so that the runs of one seed start alike in every arm.

A variable's stream is named by its layer's class, the layer's number within that class, and the
variable's own name and shape. Inserting BN layers therefore changes no Dense layer's weights.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from bnclaims.backends.keras import framework, state
from bnclaims.errors import ArmError
from bnclaims.experiment.seeds import derive

RNG_STATE = "seed_generator_state"
"""What Keras calls the state of a random layer."""


@dataclass(frozen=True)
class _Slot:
    """A variable of a model and the name of its stream."""

    variable: Any
    layer: Any
    key: tuple[str | int, ...]


class Initialisation:
    """Gives the initial values of a built model's variables, for any seed.

    Args:
        model: A built model; its own values say what its initialisers are.
        build: Makes the model anew. Used for variables that none of Keras's initialisers explains,
            whose values then come from a model built under the seed.
    """

    def __init__(self, model: Any, build: Callable[[], Any]) -> None:
        self._model = model
        self._build = build
        self._slots = _slots(model)
        self._start = [framework.array_of(slot.variable) for slot in self._slots]
        self._explained = [
            _explains(slot, start) for slot, start in zip(self._slots, self._start, strict=True)
        ]
        if not all(self._explained):
            self._check_seeds()

    def assign(self, seed: int) -> None:
        """Sets every variable of the model to its initial value under a seed."""
        rebuilt = self._start if all(self._explained) else self._rebuilt(seed)
        for slot, start, other, explained in zip(
            self._slots, self._start, rebuilt, self._explained, strict=True
        ):
            value = _drawn(slot, seed, start) if explained else other
            slot.variable.assign(value)

    def _rebuilt(self, seed: int) -> list[NDArray[Any]]:
        with state.known(derive(seed, "build")):
            return [framework.array_of(slot.variable) for slot in _slots(self._build())]

    def _check_seeds(self) -> None:
        """Refuses a builder that sets a random seed: what it then draws is alike for all seeds.

        Raises:
            ArmError: It does.
        """
        left = []
        for seed in (1, 2):
            with state.known(seed):
                self._build()
                left.append(state.generators())
        if any(one == other for one, other in zip(*left, strict=True)):
            drawn = [
                s.variable.path
                for s, known in zip(self._slots, self._explained, strict=True)
                if not known
            ]
            raise ArmError(
                f"the builder of {self._model.name} sets a random seed, so that {drawn[0]} would "
                "start alike for all seeds: leave that out, each run has a seed of its own"
            )


def _slots(model: Any) -> list[_Slot]:
    # Keras has no public walk over nested layers; parents come first, so the innermost owner wins.
    layers = list(model._flatten_layers())
    owners = {id(variable): layer for layer in layers for variable in layer.variables}
    # Layers count in the order of their variables, which is the same however they are nested.
    numbers: dict[str, int] = {}
    number_of: dict[int, int] = {}
    slots: list[_Slot] = []
    seen: dict[tuple[str | int, ...], int] = {}
    for variable in model.variables:
        layer = owners[id(variable)]
        kind = type(layer).__name__
        if id(layer) not in number_of:
            number_of[id(layer)] = numbers.get(kind, 0)
            numbers[kind] = number_of[id(layer)] + 1
        shape = "x".join(map(str, variable.shape))
        key = (kind, number_of[id(layer)], variable.name, shape)
        seen[key] = seen.get(key, -1) + 1
        slots.append(_Slot(variable, layer, (*key, seen[key])))
    return slots


def _initializer(slot: _Slot) -> Any:
    """Returns the Keras initialiser that the layer names for its variable, or None."""
    name = slot.variable.name
    for attribute in (f"{name}_initializer", f"{name.removesuffix('_kernel')}_initializer"):
        candidate = getattr(slot.layer, attribute, None)
        if isinstance(candidate, keras.initializers.Initializer):
            return candidate
    return None


def _explains(slot: _Slot, start: NDArray[Any]) -> bool:
    """Says whether the variable's value is what the layer's initialiser draws.

    Anything else (weights loaded by the builder, a bias set by hand) must not be drawn over.
    """
    if slot.variable.name == RNG_STATE:
        return True
    initializer = _initializer(slot)
    if initializer is None:
        return False
    values = initializer(slot.variable.shape, dtype=slot.variable.dtype)
    drawn = framework.as_array(keras.ops.convert_to_tensor(values))
    return bool(np.array_equal(drawn, start))


def _drawn(slot: _Slot, seed: int, start: NDArray[Any]) -> Any:
    if slot.variable.name == RNG_STATE:
        return np.array([derive(seed, *slot.key), 0], dtype=start.dtype)
    initializer = _initializer(slot)
    config = initializer.get_config()
    if "seed" not in config:
        return start
    reseeded = type(initializer).from_config(config | {"seed": derive(seed, *slot.key)})
    return framework.current().drawn(reseeded, slot.variable.shape, slot.variable.dtype)
