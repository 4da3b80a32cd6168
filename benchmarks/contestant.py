"""One process of `make benchmark`: trains a workload in one way and prints what it took as JSON.

Started by `benchmarks/performance.py` with a job in JSON. Where two processes train side by side
they wait for each other once they are warm, so that each is measured beside the other.
"""

import json
import os
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import Any

Job = dict[str, Any]
Measured = dict[str, float]

EPOCHS = 2
"""Measured epochs, after one or more that warm up."""


def main() -> None:
    job: Job = json.loads(sys.argv[1])
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, job["cores"])
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["KERAS_BACKEND"] = job["backend"]
    measured = {"ours": ours, "fit": fit, "jax": by_jax, "hardware": by_hardware}[job["way"]](job)
    say(measured | {"peak": peak_megabytes()})


def say(message: Measured | str) -> None:
    print(json.dumps(message), flush=True)


def meet() -> None:
    """Waits until every process of the contestant is warm."""
    say("warm")
    sys.stdin.readline()


def peak_megabytes() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def loaded(job: Job) -> tuple[Any, Any]:
    """Returns the workload and its share of the images."""
    from benchmarks.workloads import WORKLOADS
    from bnclaims.experiment.sources import resolve

    work = WORKLOADS[job["workload"]]
    source = resolve(job["data"], cache=Path(job["cache"]))
    return work, work.cut(source.load(), job["share"])


def ours(job: Job) -> Measured:
    """Trains two seeds by the engine, as a worker does; the second one is measured."""
    from bnclaims.backends.keras.backend import BACKENDS
    from bnclaims.experiment.arm import TrainingArm
    from claims.protocols import LOSS

    work, data = loaded(job)
    BACKENDS[job["backend"]](threads=1).start()
    from bnclaims.backends.keras import training

    if job["backend"] == "tensorflow":
        from bnclaims.backends.keras import tensorflow_program

        tensorflow_program.XLA_STEPS = work.xla_steps(tensorflow_program.XLA_STEPS)
    arm = TrainingArm(work.network, data, None, EPOCHS, work.optimizer, work.batch, LOSS)

    begun = time.perf_counter()
    runs = training.train(arm, range(2))
    _, first = next(runs)
    start = time.perf_counter() - begun - float(first.seconds.sum())
    meet()
    begun = time.perf_counter()
    _, second = next(runs)
    restart = time.perf_counter() - begun - float(second.seconds.sum())
    return {
        "epoch": statistics.median(second.seconds),
        "images": len(data.x_train),
        "start": start,
        "restart": restart,
        "loss": float(second.loss[-1]),
    }


def epoch_clock() -> Any:
    """Returns a callback that keeps the seconds of each epoch, and meets the others after one."""
    import keras

    class Clock(keras.callbacks.Callback):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.seconds: list[float] = []
            self.last = time.perf_counter()

        def on_epoch_end(self, epoch: int, logs: object = None) -> None:  # noqa: ARG002
            self.seconds.append(time.perf_counter() - self.last)
            if epoch == 0:
                meet()
            self.last = time.perf_counter()

    return Clock()


def fit(job: Job) -> Measured:
    """Trains by `fit`: a model, `compile`, and the images as numbers from 0 to 1."""
    import numpy as np

    if job["threads"]:
        use_threads(job["backend"], job["threads"])
    work, data = loaded(job)
    x, x_test = (
        a.reshape(len(a), -1).astype(np.float32) / 255 for a in (data.x_train, data.x_test)
    )
    clock = epoch_clock()
    model = work.network.build()
    model.compile(
        optimizer=work.optimizer.build(),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        **job["compile"],
    )
    history = model.fit(
        x,
        data.y_train,
        batch_size=work.batch,
        epochs=1 + EPOCHS,
        validation_data=(x_test, data.y_test),
        validation_batch_size=job["evaluation_batch"],
        callbacks=[clock],
        verbose=0,
    ).history
    epoch = statistics.median(clock.seconds[1:])
    return {
        "epoch": epoch,
        "images": len(x),
        "start": max(clock.seconds[0] - epoch, 0.0),
        "restart": 0.0,
        "loss": history["loss"][EPOCHS - 1],
    }


def use_threads(backend: str, threads: int) -> None:
    """Gives a framework its threads; JAX keeps to its process's cores."""
    if backend == "tensorflow":
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    elif backend == "torch":
        import torch

        torch.set_num_threads(threads)


def by_jax(job: Job) -> Measured:
    """Trains by the JAX program."""
    work, data = loaded(job)
    from benchmarks.jax_training import program

    begun = time.perf_counter()
    train_an_epoch = program(work, data, seeds=job["seeds"])
    train_an_epoch()
    first = time.perf_counter() - begun
    meet()
    seconds = []
    for _ in range(EPOCHS):
        begun = time.perf_counter()
        loss = train_an_epoch()
        seconds.append(time.perf_counter() - begun)
        if len(seconds) == EPOCHS - 1:
            kept = loss
    epoch = statistics.median(seconds)
    return {
        "epoch": epoch / job["seeds"],
        "images": len(data.x_train),
        "start": max(first - epoch, 0.0),
        "restart": 0.0,
        "loss": kept,
    }


def by_hardware(job: Job) -> Measured:
    """Measures what no engine can do without, and the engine's parts, on one thread."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    from benchmarks.floor import measure

    return measure(*loaded(job))


if __name__ == "__main__":
    main()
