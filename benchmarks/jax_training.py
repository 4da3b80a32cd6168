"""The same training as a plain JAX program: `jit`, `vmap` over the seeds, an epoch in one `scan`.

Written as someone who knows JAX would write it, without our engine: weights in a tree, Keras's
rules for SGD, Adam and batch normalization, images resident on the device, old state donated.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.workloads import Workload
from bnclaims import MLP
from bnclaims.experiment.data import Data

Tree = Any
MOMENTUM, EPSILON = 0.99, 1e-3  # of Keras's BatchNormalization


def initial(key: Any, network: MLP, optimizer: str) -> Tree:
    """Returns weights, moving statistics, and the optimizer's zeros."""
    sizes = (network.inputs, *network.hidden, network.classes)
    keys = jax.random.split(key, len(sizes))
    layers, moving = [], []
    for number, (inputs, units) in enumerate(pairwise(sizes), start=1):
        limit = (6 / (inputs + units)) ** 0.5
        kernel = jax.random.uniform(keys[number], (inputs, units), minval=-limit, maxval=limit)
        layer = {"kernel": kernel, "bias": jnp.zeros(units)}
        if number in network.batch_norm:
            layer |= {"gamma": jnp.ones(units), "beta": jnp.zeros(units)}
            moving.append((jnp.zeros(units), jnp.ones(units)))
        layers.append(layer)
    zeros = jax.tree.map(jnp.zeros_like, layers)
    slots = (
        (zeros, jax.tree.map(jnp.zeros_like, layers), jnp.zeros(()))
        if optimizer == "Adam"
        else zeros
    )
    return layers, moving, slots


def forward(network: MLP, layers: Tree, moving: Tree, x: Any, *, training: bool) -> Any:
    """Returns the logits and the moving statistics after the batch."""
    activation = getattr(jax.nn, network.activation)
    statistics = iter(moving)
    after = []
    for number, layer in enumerate(layers, start=1):
        x = x @ layer["kernel"] + layer["bias"]
        if number < len(layers):
            x = activation(x)
        if "gamma" in layer:
            old_mean, old_variance = next(statistics)
            mean, variance = (x.mean(0), x.var(0)) if training else (old_mean, old_variance)
            x = (x - mean) * (layer["gamma"] * lax.rsqrt(variance + EPSILON)) + layer["beta"]
            after.append(
                (
                    MOMENTUM * old_mean + (1 - MOMENTUM) * mean,
                    MOMENTUM * old_variance + (1 - MOMENTUM) * variance,
                )
            )
    return x, after


def losses(logits: Any, y: Any) -> tuple[Any, Any]:
    """Returns the mean loss and the number of correct answers."""
    chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], axis=1)
    return -chosen.mean(), (logits.argmax(1) == y).sum()


def sgd(rate: float, momentum: float) -> Callable[[Tree, Tree, Tree], tuple[Tree, Tree]]:
    """Returns Keras's SGD with Nesterov momentum."""

    def update(layers: Tree, velocity: Tree, gradient: Tree) -> tuple[Tree, Tree]:
        velocity = jax.tree.map(lambda v, g: momentum * v - rate * g, velocity, gradient)
        moved = jax.tree.map(
            lambda w, v, g: w + momentum * v - rate * g, layers, velocity, gradient
        )
        return moved, velocity

    return update


def adam(rate: float) -> Callable[[Tree, Tree, Tree], tuple[Tree, Tree]]:
    """Returns Keras's Adam."""
    one, two, epsilon = 0.9, 0.999, 1e-7

    def update(layers: Tree, slots: Tree, gradient: Tree) -> tuple[Tree, Tree]:
        first, second, steps = slots
        steps += 1
        alpha = rate * jnp.sqrt(1 - two**steps) / (1 - one**steps)
        first = jax.tree.map(lambda m, g: m + (g - m) * (1 - one), first, gradient)
        second = jax.tree.map(lambda v, g: v + (g * g - v) * (1 - two), second, gradient)
        moved = jax.tree.map(
            lambda w, m, v: w - alpha * m / (jnp.sqrt(v) + epsilon), layers, first, second
        )
        return moved, (first, second, steps)

    return update


def optimizer_of(work: Workload) -> Callable[[Tree, Tree, Tree], tuple[Tree, Tree]]:
    arguments = dict(work.optimizer.arguments)
    if work.optimizer.class_name == "Adam":
        return adam(arguments["learning_rate"])
    return sgd(arguments["learning_rate"], arguments["momentum"])


def scaled(x: Any) -> Any:
    return x.astype(jnp.float32) / 255


def epoch_of(work: Workload) -> Callable[..., tuple[Tree, Any]]:
    """Returns one seed's epoch: training in an order, then the evaluation."""
    network, update = work.network, optimizer_of(work)

    def step(images: Any, state: Tree, rows: Any) -> tuple[Tree, Any]:
        layers, moving, slots = state
        x, y = scaled(images[0][rows]), images[1][rows]

        def objective(layers: Tree) -> tuple[Any, Any]:
            logits, after = forward(network, layers, moving, x, training=True)
            loss, correct = losses(logits, y)
            return loss, (after, correct)

        (loss, (moving, correct)), gradient = jax.value_and_grad(objective, has_aux=True)(layers)
        layers, slots = update(layers, slots, gradient)
        return (layers, moving, slots), (loss, correct)

    def epoch(state: Tree, order: Any, train: Any, test: Any) -> tuple[Tree, Any]:
        full = len(order) // work.batch * work.batch
        batches = order[:full].reshape(-1, work.batch)
        state, curves = lax.scan(lambda state, rows: step(train, state, rows), state, batches)
        if full < len(order):
            state, _ = step(train, state, order[full:])
        logits, _ = forward(network, state[0], state[1], scaled(test[0]), training=False)
        return state, (*curves, *losses(logits, test[1]))

    return epoch


def program(work: Workload, data: Data, *, seeds: int) -> Callable[[], float]:
    """Returns what trains an epoch of every seed and returns their mean training loss.

    Args:
        work: What to train.
        data: On what.
        seeds: How many seeds at a time, as one stack.
    """
    train, test = (
        (jnp.asarray(x.reshape(len(x), -1)), jnp.asarray(y.astype(np.int32)))
        for x, y in ((data.x_train, data.y_train), (data.x_test, data.y_test))
    )
    keys = jax.random.split(jax.random.key(0), seeds)
    state = jax.vmap(lambda key: initial(key, work.network, work.optimizer.class_name))(keys)
    epoch = epoch_of(work)

    def all_seeds(state: Tree, orders: Any, train: Any, test: Any) -> Any:
        if seeds > 1:
            return jax.vmap(epoch, in_axes=(0, 0, None, None))(state, orders, train, test)
        return lax.map(lambda both: epoch(*both, train, test), (state, orders))

    run = jax.jit(all_seeds, donate_argnums=0)
    rng = np.random.default_rng(0)

    def train_an_epoch() -> float:
        nonlocal state
        orders = np.stack([rng.permutation(len(data.x_train)) for _ in range(seeds)])
        state, (loss, *_) = run(state, orders.astype(np.int32), train, test)
        return float(loss.mean())

    return train_an_epoch
