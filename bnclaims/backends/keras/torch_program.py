"""Trains on PyTorch: step by step, as Keras's own training step computes there.

What a step computes up to its gradients is recorded once as a graph of PyTorch's operations, where
that is possible, and then repeated without Keras's code around them: the same operations in the
same order, so the same bits.
"""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
import torch
from numpy.typing import NDArray
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx

from bnclaims.backends.keras import state
from bnclaims.backends.keras.building import check_drawn, scaled
from bnclaims.backends.keras.program import Program
from bnclaims.backends.keras.stateless import Scope, assign
from bnclaims.experiment.history import History
from bnclaims.experiment.seeds import derive

Step = Callable[[Any], tuple[Any, Any]]

Differentiated = Callable[[Any, Any], tuple[Any, Any, list[Any]]]
"""Loss, correct answers and gradients of a batch; assigns what changes in a forward pass."""


class TorchProgram(Program):
    """Trains an arm batch by batch; its layers are Keras's own, whose code keeps no state.

    Runs are trained one at a time, as PyTorch's settings are the process's.
    """

    def train(self, seed: int, stop: threading.Event | None = None) -> History:
        """Returns the history of one seed, unless told to stop before an epoch."""
        with state.known(derive(seed, "fit")):
            return super().train(seed, stop)

    def _evaluation_assigns(self) -> bool:
        values = [(variable, variable.value.detach().clone()) for variable in self.model.variables]
        with torch.no_grad(), Scope(values) as scope:
            self._evaluate(torch.arange(1))
        return bool(scope.assigned)

    def _compiled(self) -> Any:
        self.differentiated: dict[int, Differentiated] = {}
        before = state.generators()
        for size in {int(size) for size in self._batch_sizes()}:
            self._tried(partial(self._step, torch.arange(size)))
            self.differentiated[size] = self._recorded(size) or self._differentiate
        self._tried(lambda: check_drawn(state.drawn_since(before)))
        return self._epoch

    def _results(self, order: NDArray[np.int32]) -> tuple[Any, Any, Any, Any]:
        results: tuple[Any, Any, Any, Any] = self.epoch(torch.as_tensor(order))
        return results

    def _epoch(self, order: Any) -> tuple[Any, Any, Any, Any]:
        """One pass over the training images in an order, then one over the test images."""
        trained = _batchwise(self._step, order, self.arm.batch_size)
        rows = torch.arange(len(self.x_test))
        with torch.no_grad():
            tested = _batchwise(self._evaluate, rows, self.evaluation_batch)
        return (*trained, *tested)

    def _step(self, rows: Any) -> tuple[Any, Any]:
        x, y = scaled(self.x[rows], self.scale), self.y[rows]
        differentiated = self.differentiated.get(len(rows), self._differentiate)
        loss, correct, gradients = differentiated(x, y)
        with torch.no_grad():
            self.model.optimizer.apply(gradients, self.model.trainable_variables)
        return loss, correct

    def _differentiate(self, x: Any, y: Any) -> tuple[Any, Any, list[Any]]:
        model = self.model
        predicted = model(x, training=True)
        loss = model.compute_loss(x=x, y=y, y_pred=predicted, training=True)
        gradients = torch.autograd.grad(
            model.optimizer.scale_loss(loss),
            [variable.value for variable in model.trainable_variables],
            allow_unused=True,
        )
        with torch.no_grad():
            return loss.detach(), self._correct(y, predicted), list(gradients)

    def _recorded(self, size: int) -> Differentiated | None:
        """Returns the same for batches of a size, as a graph; or None where it cannot be one."""
        variables = self.model.variables
        trained = {id(variable) for variable in self.model.trainable_variables}
        assigned: list[Any] = []

        def function(values: list[Any], x: Any, y: Any) -> tuple[Any, ...]:
            given = [
                value.detach().requires_grad_(id(variable) in trained)
                for variable, value in zip(variables, values, strict=True)
            ]
            with Scope(zip(variables, given, strict=True)) as scope:
                results = self._differentiate(x, y)
                assigned[:] = [v for v in variables if id(v) in scope.assigned]
                return *results, scope.now(assigned)

        x, y = scaled(self.x[:size], self.scale), self.y[:size]
        graph = _graph(function, [variable.value for variable in variables], x, y)
        if graph is None or any(id(variable) in trained for variable in assigned):
            return None

        def differentiated(x: Any, y: Any) -> tuple[Any, Any, list[Any]]:
            with torch.no_grad():
                loss, correct, gradients, after = graph([v.value for v in variables], x, y)
                assign(assigned, after)
                return loss, correct, gradients

        return differentiated

    def _evaluate(self, rows: Any) -> tuple[Any, Any]:
        x, y = scaled(self.x_test[rows], self.scale), self.y_test[rows]
        predicted = self.model(x, training=False)
        loss = self.model.compute_loss(x=x, y=y, y_pred=predicted, training=False)
        return loss, self._correct(y, predicted)


def _batchwise(step: Step, rows: Any, size: int) -> tuple[Any, Any]:
    """Applies a function to each batch of rows; returns the two results of all."""
    losses, correct = zip(*map(step, rows.split(size)), strict=True)
    return torch.stack(losses), torch.stack(correct)


def _graph(function: Callable[..., Any], *examples: Any) -> GraphModule | None:
    """Returns a function of tensors as a graph of PyTorch's operations; or None if it is none.

    It is recorded from tensors without numbers, so what needs some to know what to do is none: such
    as where a seed is a tensor. Neither is what draws random numbers by itself, nor a graph that
    does not come to the function's own bits.
    """
    try:
        graph: GraphModule = make_fx(function, tracing_mode="fake")(*examples)
        with torch.no_grad():
            repeated = keras.tree.flatten(graph(*examples))
    except Exception:  # noqa: BLE001  (PyTorch has no one error for it)
        return None
    operations = [node.target for node in graph.graph.nodes if node.op == "call_function"]
    tags = {tag for operation in operations for tag in getattr(operation, "tags", ())}
    alike = map(_alike, keras.tree.flatten(function(*examples)), repeated)
    return graph if all(alike) and torch.Tag.nondeterministic_seeded not in tags else None


def _alike(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return one is other
    return one.dtype == other.dtype and bool(torch.equal(one.nan_to_num(), other.nan_to_num()))
