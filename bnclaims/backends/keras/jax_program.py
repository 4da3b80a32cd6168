"""Trains on JAX: an epoch, with the evaluation after it, is one compiled function of the state."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np
from jax import lax
from jax import numpy as jnp
from numpy.typing import NDArray

from bnclaims.backends.keras import state
from bnclaims.backends.keras.building import check_drawn, scaled
from bnclaims.backends.keras.on_jax import compiled
from bnclaims.backends.keras.program import Program
from bnclaims.backends.keras.stateless import Scope, assign

State = tuple[list[Any], list[Any], list[Any]]
"""Values of the trainable variables, of the model's others and of the optimizer's."""


class JaxProgram(Program):
    """Trains an arm by a `lax.scan` over its batches; the images stay on the device."""

    @property
    def _variables(self) -> tuple[list[Any], list[Any], list[Any]]:
        model = self.model
        return model.trainable_variables, model.non_trainable_variables, model.optimizer.variables

    def _values(self) -> State:
        trainable, others, slots = ([v.value for v in group] for group in self._variables)
        return trainable, others, slots

    def _evaluation_assigns(self) -> bool:
        assigned: set[int] = set()

        def evaluate(values: State, test: Any) -> Any:
            with self._scope(values) as scope:
                result = self._evaluated(test, jnp.arange(1))
            assigned.update(scope.assigned)
            return result

        jax.eval_shape(evaluate, self._values(), (self.x_test, self.y_test))
        return bool(assigned)

    def _compiled(self) -> Any:
        return self._tried(self._traced)

    def _traced(self) -> Any:
        before = state.generators()
        order = jnp.arange(len(self.x), dtype=jnp.int32)
        epoch = compiled(self._epoch, self._values(), order, *self._data(), donated=(0,))
        check_drawn(state.drawn_since(before))
        return epoch

    def _data(self) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
        return (self.x, self.y), (self.x_test, self.y_test)

    def _results(self, order: NDArray[np.int32]) -> tuple[Any, Any, Any, Any]:
        values, results = self.epoch(self._values(), jnp.asarray(order), *self._data())
        for variables, after in zip(self._variables, values, strict=True):
            assign(variables, after)
        found: tuple[Any, Any, Any, Any] = results
        return found

    # The program

    def _epoch(self, values: State, order: Any, train: Any, test: Any) -> tuple[State, Any]:
        """One pass over the training images in an order, then one over the test images."""
        values, trained = _batchwise(partial(self._step, train), values, order, self.arm.batch_size)
        rows = jnp.arange(len(self.x_test))
        values, tested = _batchwise(
            partial(self._evaluate, test), values, rows, self.evaluation_batch
        )
        return values, (*trained, *tested)

    def _step(self, train: Any, values: State, rows: Any) -> tuple[State, tuple[Any, Any]]:
        model, (x, y) = self.model, self._chosen(train, rows)
        trainable, others, slots = values

        def objective(trainable: list[Any]) -> tuple[Any, tuple[Any, Any, list[Any]]]:
            with self._scope((trainable, others, slots)) as scope:
                predicted = model(x, training=True)
                loss = model.compute_loss(x=x, y=y, y_pred=predicted, training=True)
                after = scope.now(model.non_trainable_variables)
                return model.optimizer.scale_loss(loss), (loss, predicted, after)

        differentiated = jax.value_and_grad(objective, has_aux=True)
        (_, (loss, predicted, others)), gradients = differentiated(trainable)
        trainable, slots = model.optimizer.stateless_apply(slots, gradients, trainable)
        return (trainable, others, slots), (loss, self._correct(y, predicted))

    def _evaluate(self, test: Any, values: State, rows: Any) -> tuple[State, tuple[Any, Any]]:
        trainable, _, slots = values
        with self._scope(values) as scope:
            result = self._evaluated(test, rows)
            # `fit` drops what a layer assigned a trainable weight meanwhile, as it does in a step.
            others = scope.now(self.model.non_trainable_variables)
        return (trainable, others, slots), result

    def _evaluated(self, test: Any, rows: Any) -> tuple[Any, Any]:
        x, y = self._chosen(test, rows)
        predicted = self.model(x, training=False)
        loss = self.model.compute_loss(x=x, y=y, y_pred=predicted, training=False)
        return loss, self._correct(y, predicted)

    def _scope(self, values: State) -> Scope:
        pairs = zip(self._variables, values, strict=True)
        return Scope([pair for group in pairs for pair in zip(*group, strict=True)])

    def _chosen(self, data: Any, rows: Any) -> tuple[Any, Any]:
        x, y = (array.at[rows].get(mode="promise_in_bounds") for array in data)
        return scaled(x, self.scale), y


def _batchwise(
    function: Callable[[State, Any], tuple[State, tuple[Any, Any]]],
    values: State,
    rows: Any,
    size: int,
) -> tuple[State, Any]:
    """Applies a function to the full batches of rows, then to the partial last one."""
    full = len(rows) // size * size
    parts = []
    if full:
        values, results = lax.scan(function, values, rows[:full].reshape(-1, size))
        parts.append(results)
    if full < len(rows):
        values, last = function(values, rows[full:])
        parts.append(jax.tree.map(jnp.atleast_1d, last))
    return values, jax.tree.map(lambda *each: jnp.concatenate(each), *parts)
