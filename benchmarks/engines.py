"""Why seeds are trained one at a time, and when with XLA: engines for the same step, side by side.

Run: `python -m benchmarks.engines`. Each engine trains five seeds on random bytes, on one thread:
stacked (`tf.vectorized_map` over all seeds), one seed at a time, and one seed at a time compiled
with XLA. Prints microseconds per seed and step and ratios: first of the three engines, with the
article's network and its SGD, then of the two that differ by XLA, on more networks.
"""

import os
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from bnclaims import MLP, Optimizer
from claims.protocols import SGD

SEEDS = 5
ROUNDS = 3
IMAGES = 20_000

tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)

rng = np.random.default_rng(0)
X = tf.constant(rng.integers(0, 256, (IMAGES, 784), np.uint8))
Y = tf.constant(rng.integers(0, 10, IMAGES, np.int32))
ORDER = tf.constant(np.stack([rng.permutation(IMAGES) for _ in range(SEEDS)]).astype(np.int32))
LOSS = keras.losses.SparseCategoricalCrossentropy()


def batch(order: Any, i: Any, size: int) -> tuple[Any, Any]:
    rows = tf.gather(order, i * size + tf.range(size), axis=-1)
    return tf.cast(tf.gather(X, rows), tf.float32) / 255.0, tf.gather(Y, rows)


def loop(body: Callable[[Any], Any], steps: int, shape: tuple[int, ...]) -> Any:
    losses = tf.TensorArray(tf.float32, size=steps, element_shape=shape)
    return tf.while_loop(
        lambda i, _: i < steps,
        lambda i, losses: (i + 1, losses.write(i, body(i))),
        (tf.constant(0), losses),
    )[1].stack()


def stacked(network: MLP, size: int, steps: int) -> Callable[[], object]:
    models = [network.build() for _ in range(SEEDS)]

    def stack(of: Callable[[Any], Any], trainable: bool) -> list[Any]:
        columns = zip(*(of(model) for model in models), strict=True)
        return [
            keras.Variable(np.stack([v.numpy() for v in column]), trainable=trainable)
            for column in columns
        ]

    weights = stack(lambda m: m.trainable_variables, True)
    others = stack(lambda m: m.non_trainable_variables, False)
    optimizer = SGD.build()
    optimizer.build(weights)

    def gradients(arguments: Any) -> Any:
        trainable, rest, x, y = arguments
        with tf.GradientTape() as tape:
            tape.watch(trainable)
            predicted, rest = models[0].stateless_call(trainable, rest, x, training=True)
            loss = LOSS(y, predicted)
        return tape.gradient(loss, trainable), rest, loss

    def step(i: Any) -> Any:
        values = [[v.value.read_value() for v in group] for group in (weights, others)]
        grads, rest, loss = tf.vectorized_map(gradients, (*values, *batch(ORDER, i, size)))
        optimizer.apply(grads, weights)
        for variable, value in zip(others, rest, strict=True):
            variable.assign(value)
        return loss

    run = tf.function(lambda: loop(step, steps, (SEEDS,)), autograph=False)
    return lambda: run().numpy()


def one_at_a_time(
    network: MLP, size: int, steps: int, *, xla: bool, by: Optimizer = SGD
) -> Callable[[], object]:
    model, optimizer = network.build(), by.build()
    weights = model.trainable_variables
    optimizer.build(weights)

    def run_seed(order: Any) -> Any:
        def step(i: Any) -> Any:
            x, y = batch(order, i, size)
            with tf.GradientTape() as tape:
                loss = LOSS(y, model(x, training=True))
            optimizer.apply(tape.gradient(loss, weights), weights)
            return loss

        return loop(step, steps, ())

    run = tf.function(run_seed, autograph=False, jit_compile=xla)
    return lambda: [run(ORDER[seed]).numpy() for seed in range(SEEDS)]


def microseconds(engines: list[Callable[[], object]], steps: int) -> list[float]:
    """Best time of each engine per seed and step, the engines taking turns."""
    for engine in engines:
        engine()
    times: list[list[float]] = [[] for _ in engines]
    for _ in range(ROUNDS):
        for engine, kept in zip(engines, times, strict=True):
            started = time.perf_counter()
            engine()
            kept.append(time.perf_counter() - started)
    return [min(kept) / steps / SEEDS * 1e6 for kept in times]


def compare_engines() -> None:
    print("| network, batch | stacked | one at a time | stacked / one at a time |")
    print("|---|---|---|---|", flush=True)
    for layers, size, steps in ((0, 128, 100), (4, 128, 100), (0, 4, 400), (1, 4, 400)):
        network = MLP("sigmoid").with_batch_norm(layers)
        engines = [stacked(network, size, steps), one_at_a_time(network, size, steps, xla=False)]
        a, b = microseconds(engines, steps)
        print(f"| {layers} BN, {size} | {a:.0f} | {b:.0f} | {a / b:.2f} |", flush=True)


def compare_xla() -> None:
    sizes = {4: 200, 16: 100, 32: 80, 64: 50, 128: 30, 256: 20}
    article, deep = MLP("sigmoid"), MLP("relu", hidden=(64,) * 20)
    networks = {
        "article, 0 BN": article,
        "article, 1 BN": article.with_batch_norm(1),
        "article, 4 BN": article.with_batch_norm(4),
        "20 layers, 0 BN": deep,
        "20 layers, 20 BN": deep.with_batch_norm(20),
    }
    print(f"| with XLA / without, at batch | {' | '.join(map(str, sizes))} |")
    print(f"|---|{'---|' * len(sizes)}", flush=True)
    for optimizer in (SGD, Optimizer("Adam", learning_rate=0.01)):
        for name, network in networks.items():
            ratios = []
            for size, steps in sizes.items():
                plain, compiled = microseconds(
                    [
                        one_at_a_time(network, size, steps, xla=xla, by=optimizer)
                        for xla in (False, True)
                    ],
                    steps,
                )
                ratios.append(f"{compiled / plain:.2f}")
            print(f"| {name}, {optimizer.class_name} | {' | '.join(ratios)} |", flush=True)


if __name__ == "__main__":
    compare_engines()
    print()
    compare_xla()
