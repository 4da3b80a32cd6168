"""Variables that have other values for a while, and what a block assigns them meanwhile."""

from collections.abc import Iterable, Sequence
from typing import Any

import keras


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


def assign(variables: Sequence[Any], values: Sequence[Any]) -> None:
    """Assigns each variable a value."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
