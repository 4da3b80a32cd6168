"""Trains on PyTorch: step by step, as Keras's own training step computes there."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bnclaims.backends.keras import state
from bnclaims.backends.keras.building import check_drawn, scaled
from bnclaims.backends.keras.program import Program
from bnclaims.backends.keras.stateless import Scope
from bnclaims.experiment.history import History
from bnclaims.experiment.seeds import derive

Step = Callable[[Any], tuple[Any, Any]]


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
        before = state.generators()
        self._tried(lambda: self._step(torch.arange(min(self.arm.batch_size, len(self.x)))))
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
        model = self.model
        x, y = scaled(self.x[rows], self.scale), self.y[rows]
        predicted = model(x, training=True)
        loss = model.compute_loss(x=x, y=y, y_pred=predicted, training=True)
        variables = model.trainable_variables
        gradients = torch.autograd.grad(
            model.optimizer.scale_loss(loss), [v.value for v in variables], allow_unused=True
        )
        with torch.no_grad():
            model.optimizer.apply(list(gradients), variables)
            return loss.detach(), self._correct(y, predicted)

    def _evaluate(self, rows: Any) -> tuple[Any, Any]:
        x, y = scaled(self.x_test[rows], self.scale), self.y_test[rows]
        predicted = self.model(x, training=False)
        loss = self.model.compute_loss(x=x, y=y, y_pred=predicted, training=False)
        return loss, self._correct(y, predicted)


def _batchwise(step: Step, rows: Any, size: int) -> tuple[Any, Any]:
    """Applies a function to each batch of rows; returns the two results of all."""
    losses, correct = zip(*map(step, rows.split(size)), strict=True)
    return torch.stack(losses), torch.stack(correct)
