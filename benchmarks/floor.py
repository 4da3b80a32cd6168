"""What no engine can do without on one thread, and what the rest of an epoch goes to.

The floor of an epoch: the matrix products of its steps and its evaluation alone, by the best
library at hand, and the bytes that the optimizer must move, at the rate of a plain copy. The
parts: the real network's steps as one compiled program, grown part by part from the bare products
to the engine's own epoch.
"""

import math
import statistics
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import tensorflow as tf
from jax import lax
from numpy.typing import NDArray

from benchmarks.workloads import EVALUATION_BATCH, Workload
from bnclaims import MLP
from bnclaims.backends.keras import tensorflow_program, training
from bnclaims.backends.keras.building import scaled
from bnclaims.experiment.arm import TrainingArm
from bnclaims.experiment.data import Data
from claims.protocols import LOSS

Array = NDArray[np.float32]
Program = Callable[[int], object]
"""Takes a number of steps."""
Product = Callable[[Any, Any], Any]

LARGE = 1_024
"""Rows of the square matrices at whose product a library is about as fast as it gets."""
ROTATED = 8
"""Different input batches that take turns: a compiler must not hoist a product from its loop."""
SAMPLES = 7
SECONDS = 0.2
"""How long a sample runs, about."""
FLOATS = {"SGD": (3, 5), "Adam": (4, 7)}
"""Per weight: weight, slots and gradient are held; all are read, all but the last written."""


def measure(work: Workload, data: Data) -> dict[str, float]:
    """Returns the seconds that an epoch spends on each term of its floor, and on each part.

    "large by" a library is what the training's products would take at the rate of large ones.
    """
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    steps = math.ceil(len(data.x_train) / work.batch)
    held, moved = FLOATS[work.optimizer.class_name]
    programs = {
        **_products(work.network, work.batch, backward=True),
        **_products(work.network, EVALUATION_BATCH, backward=False),
        **_large(),
        "optimizer's bytes": _copy(held * _weights(work.network)),
        **_parts(work, data),
    }
    times = _taking_turns(programs)
    for name in times:
        if name.startswith("tested"):
            times[name] *= len(data.x_test) / EVALUATION_BATCH
        elif name == "optimizer's bytes":
            times[name] *= steps * moved / held
        elif name.startswith("large"):
            times[name] *= steps * _operations(work.network, work.batch) / (2 * LARGE**3)
        elif name not in ("without evaluation", "engine"):
            times[name] *= steps
    return times


def _taking_turns(programs: dict[str, Program]) -> dict[str, float]:
    """Returns the median seconds of each program's step."""
    counts = {name: _count(program) for name, program in programs.items()}
    samples: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(SAMPLES):
        for name, program in programs.items():
            samples[name].append(_timed(program, counts[name]) / counts[name])
    return {name: statistics.median(kept) for name, kept in samples.items()}


def _count(program: Program) -> int:
    """Returns how many steps fill a sample."""
    program(1)
    count = 1
    while (seconds := _timed(program, count)) < SECONDS / 8:
        count *= 4
    return max(1, round(count * SECONDS / seconds))


def _timed(program: Program, count: int) -> float:
    begun = time.perf_counter()
    program(count)
    return time.perf_counter() - begun


# The floor


def _sizes(network: MLP) -> list[int]:
    return [network.inputs, *network.hidden, network.classes]


def _weights(network: MLP) -> int:
    dense = sum(inputs * units + units for inputs, units in pairwise(_sizes(network)))
    return dense + 2 * sum(network.hidden[number - 1] for number in network.batch_norm)


def _operations(network: MLP, batch: int) -> int:
    """Returns the additions and multiplications of a training step's products.

    Each layer has three products, but the first has no gradient to hand on.
    """
    sizes = [inputs * units for inputs, units in pairwise(_sizes(network))]
    return 2 * batch * (3 * sum(sizes) - sizes[0])


def _large() -> dict[str, Program]:
    """Returns the product of two large square matrices, by whoever does it alone."""
    a, b = np.random.default_rng(0).standard_normal((2, LARGE, LARGE)).astype(np.float32)
    out = np.empty_like(a)
    left, right = tf.constant(a), tf.constant(b)

    def by_numpy(count: int) -> None:
        for _ in range(count):
            np.matmul(a, b, out=out)

    def by_tensorflow(count: int) -> None:
        for _ in range(count):
            product = tf.matmul(left, right)
        product.numpy()

    return {"large by numpy": by_numpy, "large by tensorflow": by_tensorflow}


def _products(network: MLP, batch: int, *, backward: bool) -> dict[str, Program]:
    """Returns the products of a batch by all libraries at hand."""
    rng = np.random.default_rng(0)
    # Values keep their size from layer to layer: denormal numbers would be slow.
    kernels = [
        (rng.standard_normal((a, b)) / math.sqrt(a)).astype(np.float32)
        for a, b in pairwise(_sizes(network))
    ]
    inputs = rng.standard_normal((ROTATED, batch, network.inputs)).astype(np.float32)
    name = "trained" if backward else "tested"
    return {
        f"{name} by numpy": _by_numpy(kernels, inputs, backward=backward),
        f"{name} by tensorflow": _by_tensorflow(kernels, inputs, backward=backward, xla=False),
        f"{name} by xla": _by_tensorflow(kernels, inputs, backward=backward, xla=True),
        f"{name} by jax": _by_jax(kernels, inputs, backward=backward),
    }


def _by_numpy(kernels: list[Array], inputs: Array, *, backward: bool) -> Program:
    values = [np.empty((inputs.shape[1], kernel.shape[1]), np.float32) for kernel in kernels]
    signals = [np.empty_like(value) for value in values]
    gradients = [np.empty_like(kernel) for kernel in kernels]
    last = len(kernels) - 1

    def step(x: Array) -> None:
        below = [x, *values[:-1]]
        for value, kernel, out in zip(below, kernels, values, strict=True):
            np.matmul(value, kernel, out=out)
        if not backward:
            return
        signal = values[last]
        for number in range(last, -1, -1):
            np.matmul(below[number].T, signal, out=gradients[number])
            if number:
                np.matmul(signal, kernels[number].T, out=signals[number - 1])
                signal = signals[number - 1]

    def run(count: int) -> None:
        for i in range(count):
            step(inputs[i % ROTATED])

    return run


def _step(
    weights: list[Any], x: Any, first: Product, second: Product, *, backward: bool
) -> list[Any]:
    """Returns the last products of a step.

    Args:
        weights: The kernels.
        x: The batch.
        first: Multiplies two matrices, the first one transposed.
        second: Multiplies two matrices, the second one transposed.
        backward: Whether to go back, too.
    """
    values = [x]
    for weight in weights:
        values.append(values[-1] @ weight)
    signal = values.pop()
    if not backward:
        return [signal]
    gradients: list[Any] = []
    for weight, value in zip(reversed(weights), reversed(values), strict=True):
        gradients.append(first(value, signal))
        if len(gradients) < len(weights):
            signal = second(signal, weight)
    return gradients


def _by_tensorflow(kernels: list[Array], inputs: Array, *, backward: bool, xla: bool) -> Program:
    weights, x = [tf.Variable(kernel) for kernel in kernels], tf.Variable(inputs)

    def step(i: Any) -> list[Any]:
        return _step(
            weights,
            x[i % ROTATED],
            lambda a, b: tf.matmul(a, b, transpose_a=True),
            lambda a, b: tf.matmul(a, b, transpose_b=True),
            backward=backward,
        )

    return _looped(step, xla=xla)


def _by_jax(kernels: list[Array], inputs: Array, *, backward: bool) -> Program:
    weights, x = [jnp.asarray(kernel) for kernel in kernels], jnp.asarray(inputs)

    def step(weights: list[Any], x: Any) -> list[Any]:
        return _step(weights, x, lambda a, b: a.T @ b, lambda a, b: a @ b.T, backward=backward)

    def steps(count: Any, weights: list[Any], x: Any) -> list[Any]:
        kept = step(weights, x[0])
        kept = lax.fori_loop(1, count, lambda i, _: step(weights, x[i % ROTATED]), kept)
        return [value.sum() for value in kept]

    run = jax.jit(steps)
    return lambda count: [float(value) for value in run(count, weights, x)]


def _copy(floats: int) -> Program:
    """Returns what copies half of so many floats onto the other half, which moves each once."""
    source, target = np.ones(floats // 2, np.float32), np.empty(floats // 2, np.float32)

    def run(count: int) -> None:
        for _ in range(count):
            np.copyto(target, source)

    return run


def _looped(step: Callable[[Any], list[Any]], *, xla: bool = True) -> Program:
    """Returns a loop over steps as one program; it keeps what the last step returned."""

    def program(count: Any) -> list[Any]:
        def body(i: Any, _: list[Any]) -> tuple[Any, list[Any]]:
            return i + 1, step(i)

        start = (tf.constant(1), step(tf.constant(0)))
        _, kept = tf.while_loop(lambda i, _: i < count, body, start)
        return [tf.reduce_sum(value) for value in kept]

    run = tf.function(program, jit_compile=xla, autograph=False)
    return lambda count: [value.numpy() for value in run(tf.constant(count))]


# The parts


def _parts(work: Workload, data: Data) -> dict[str, Program]:
    """Returns the step grown part by part, then the engine's epoch without and with evaluation."""
    programs = {"layers": _grown(work, MLP(work.network.activation, work.network.hidden), data)}
    if work.network.batch_norm:
        programs["batch norm"] = _grown(work, work.network, data)
    programs["images"] = _grown(work, work.network, data, images=True)
    programs["optimizer"] = _grown(work, work.network, data, images=True, optimizer=True)
    return programs | _engine(work, data)


def _grown(
    work: Workload, network: MLP, data: Data, *, images: bool = False, optimizer: bool = False
) -> Program:
    """Returns the network's step: forward and backward, and what else is asked for."""
    model = network.build()
    model.compile(optimizer=work.optimizer.build(), loss="sparse_categorical_crossentropy")
    variables = model.trainable_variables
    model.optimizer.build(variables)
    full = len(data.x_train) // work.batch
    order = tf.constant(np.random.default_rng(0).permutation(len(data.x_train)).astype(np.int32))
    x_all = tf.constant(data.x_train.reshape(len(data.x_train), -1))
    y_all = tf.constant(data.y_train.astype(np.int32))
    few = tf.stack([scaled(x_all[: work.batch])] * ROTATED)

    def step(i: Any) -> list[Any]:
        rows = tf.gather(order, (i % full) * work.batch + tf.range(work.batch))
        x, y = (
            scaled(tf.gather(x_all, rows)) if images else few[i % ROTATED],
            tf.gather(y_all, rows),
        )
        with tf.GradientTape() as tape:
            loss = model.compute_loss(x=x, y=y, y_pred=model(x, training=True), training=True)
        gradients = tape.gradient(loss, variables)
        if not optimizer:
            return [loss, *gradients]
        model.optimizer.apply(gradients, variables)
        return [loss]

    return _looped(step)


def _engine(work: Workload, data: Data) -> dict[str, Program]:
    """Returns the engine's epoch, without its evaluation and with it."""
    tensorflow_program.XLA_STEPS = work.xla_steps(tensorflow_program.XLA_STEPS)
    arm = TrainingArm(work.network, data, None, 1, work.optimizer, work.batch, LOSS)
    trainer: Any = training.trainer_of(arm)
    order = tf.constant(np.random.default_rng(0).permutation(len(data.x_train)).astype(np.int32))
    steps = tf.constant(len(data.x_train) // work.batch)

    def evaluating(batches: int) -> Program:
        def run(count: int) -> None:
            for _ in range(count):
                for value in trainer.epoch(order, steps, tf.constant(batches)):
                    value.numpy()

        return run

    return {
        "without evaluation": evaluating(0),
        "engine": evaluating(len(data.x_test) // EVALUATION_BATCH),
    }
