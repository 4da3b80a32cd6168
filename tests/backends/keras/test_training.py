"""The engine, with Keras's own `fit` as oracle."""

import contextlib
import dataclasses
import functools
import gc
import queue
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from bnclaims.backends.keras import building, program, tensorflow_program, training
from bnclaims.backends.keras.initialisation import Initialisation
from bnclaims.backends.keras.program import Program
from bnclaims.backends.keras.training import train
from bnclaims.errors import ArmError
from bnclaims.experiment.arm import TrainingArm
from bnclaims.experiment.data import Data
from bnclaims.experiment.history import History
from bnclaims.experiment.models import MLP
from bnclaims.experiment.protocol import Optimizer
from bnclaims.experiment.seeds import data_order
from bnclaims.experiment.sources import DataSource
from claims.protocols import LOSS, SGD

pytestmark = pytest.mark.usefixtures("nothing_kept")

EPOCHS = 3
# Adam's first steps have the size of its learning rate whatever the gradient's, float noise
# included: at the article's 0.01 two runs of `fit` itself part by percents within three epochs.
ADAM = Optimizer("Adam", learning_rate=0.001)


def slow(value: Any) -> Any:
    """A parameter beside which a quick run has another of its kind."""
    return pytest.param(value, marks=pytest.mark.slow)


def arm_of(data: Data | DataSource, model: Any, **changes: Any) -> TrainingArm:
    usual = {"images": None, "optimizer": SGD, "batch_size": 128, "loss": LOSS}
    fields = usual | {"epochs": EPOCHS, **changes}
    return TrainingArm(model=model, data=data, **fields)


def trained(arm: TrainingArm, *seeds: int, threads: int = 1) -> list[History]:
    histories = dict(train(arm, seeds, threads=threads))
    return [histories[seed] for seed in seeds]


def fitted(arm: TrainingArm, data: Data, seed: int) -> dict[str, list[float]]:
    """Trains by `keras.Model.fit`: same initial weights, same batches, nothing else of ours."""
    model = arm.build()
    if not model.built:
        model.build((None, *data.x_train.shape[1:]))
    Initialisation(model, arm.build).assign(seed)
    assert arm.optimizer is not None
    model.compile(optimizer=arm.optimizer.build(), loss=arm.loss, metrics=["accuracy"])
    shape = (-1, *model.input_shape[1:])
    x, x_test = (a.reshape(shape).astype("float32") / 255 for a in (data.x_train, data.x_test))
    curves: dict[str, list[float]] = {}
    for epoch in range(arm.epochs):
        order = data_order(seed, epoch, len(x))
        history = model.fit(
            x[order],
            data.y_train[order],
            batch_size=arm.batch_size,
            shuffle=False,
            validation_data=(x_test, data.y_test),
            validation_batch_size=1000,
            verbose=0,
        ).history
        for name, (value,) in history.items():
            curves.setdefault(name, []).append(value)
    return curves


def assert_agree(history: History, oracle: dict[str, list[float]], tolerance: float) -> None:
    for name in ("loss", "val_loss"):
        np.testing.assert_allclose(getattr(history, name), oracle[name], rtol=tolerance)
    for name in ("accuracy", "val_accuracy"):
        # One image more or less may be right: the answers are a step function of the weights.
        np.testing.assert_allclose(getattr(history, name), oracle[name], atol=0.0051)


@pytest.mark.parametrize("optimizer", [SGD, ADAM], ids=["sgd", "adam"])
@pytest.mark.parametrize("layers", [slow(0), slow(1), 4])
@pytest.mark.parametrize("activation", ["sigmoid", "relu"])
def test_agrees_with_fit(
    small_data: Data, activation: str, layers: int, optimizer: Optimizer
) -> None:
    network = MLP(activation, hidden=(64, 32, 16, 16)).with_batch_norm(layers)
    arm = arm_of(small_data, network, optimizer=optimizer, batch_size=64)
    assert len(small_data.x_train) % arm.batch_size  # a partial batch ends each epoch
    history, other = trained(arm, 0, 3)
    assert_agree(history, fitted(arm, small_data, 0), 1e-3 if optimizer is ADAM else 1e-4)
    assert not np.array_equal(history.loss, other.loss)


def functional_with_layer_norm() -> Any:
    inputs = keras.Input((28, 28, 1))
    x = keras.layers.Conv2D(4, 3, strides=2, activation="relu")(inputs)
    x = keras.layers.LayerNormalization()(keras.layers.Flatten()(x))
    return keras.Model(inputs, keras.layers.Dense(10, activation="softmax")(x))


def with_clipped_norms() -> Any:
    return keras.Sequential([keras.Input((784,)), keras.layers.Dense(10, "softmax")])


def unbuilt_with_regulariser() -> Any:
    return keras.Sequential(
        [
            keras.layers.Flatten(),
            keras.layers.Dense(16, "relu", kernel_regularizer="l2"),
            keras.layers.Dense(10, "softmax"),
        ]
    )


@pytest.mark.parametrize(
    ("build", "optimizer"),
    [
        (functional_with_layer_norm, SGD),
        (unbuilt_with_regulariser, SGD),
        (with_clipped_norms, Optimizer("SGD", learning_rate=1.0, global_clipnorm=0.1)),
        (with_clipped_norms, Optimizer("AdamW", learning_rate=0.01, clipnorm=0.1)),
    ],
    ids=["layer norm and convolution", "unbuilt, regularised", "global clipnorm", "clipnorm"],
)
def test_any_keras_model_agrees_with_fit(
    small_data: Data, build: Callable[[], Any], optimizer: Optimizer
) -> None:
    arm = arm_of(small_data, build, optimizer=optimizer)
    assert_agree(trained(arm, 1)[0], fitted(arm, small_data, 1), 1e-3)


def with_dropout() -> Any:
    return keras.Sequential(
        [
            keras.Input((784,)),
            keras.layers.Dense(32, "relu"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(10, "softmax"),
        ]
    )


@pytest.mark.slow
def test_dropout_has_the_distribution_that_fit_has(small_data: Data) -> None:
    """Masks differ, so seeds are compared as samples: their means differ by chance only."""
    arm = arm_of(small_data, with_dropout)
    ours = np.array([h.loss[-1] for h in trained(arm, *range(12))])
    theirs = np.array([fitted(arm, small_data, seed)["loss"][-1] for seed in range(12)])
    error = np.hypot(ours.std(ddof=1), theirs.std(ddof=1)) / np.sqrt(12)
    assert abs(ours.mean() - theirs.mean()) < 4 * error
    without = trained(arm_of(small_data, MLP("relu", hidden=(32,))), 0)[0].loss[-1]
    assert ours.mean() > without + 4 * error  # dropout was at work


@pytest.mark.parametrize("build", [MLP("relu", hidden=(64, 32)).with_batch_norm(1), with_dropout])
def test_a_run_does_not_know_its_company(small_data: Data, build: Any) -> None:
    """Bit for bit the same alone, in other company, in another order and on two threads."""
    arm = arm_of(small_data, build)
    alone = trained(arm, 2)[0]
    in_company = trained(arm, 0, 1, 2)[2]
    reversed_order = trained(arm, 3, 2)[1]
    on_threads = trained(arm, 4, 3, 2, 1, threads=2)[2]
    for other in (in_company, reversed_order, on_threads):
        for name in ("loss", "accuracy", "val_loss", "val_accuracy", "fine_loss"):
            np.testing.assert_array_equal(getattr(alone, name), getattr(other, name))


def test_curves_have_the_documented_shapes(small_data: Data) -> None:
    arm = arm_of(small_data, MLP("relu", hidden=(16,)), batch_size=16, probes=True)
    history = trained(arm, 0)[0]
    for name in ("loss", "accuracy", "val_loss", "val_accuracy", "seconds"):
        assert getattr(history, name).shape == (EPOCHS,)
    assert history.fine_loss.shape == history.fine_epochs.shape == (EPOCHS * 20,)
    assert history.fine_epochs[-1] == EPOCHS
    assert history.diverged_epoch is None
    sizes = np.diff(history.fine_epochs, prepend=0.0)[:20]
    np.testing.assert_allclose(np.average(history.fine_loss[:20], weights=sizes), history.loss[0])


def test_probes_leave_the_training_alone(small_data: Data) -> None:
    network = MLP("sigmoid", hidden=(32, 16)).with_batch_norm(1)
    plain = trained(arm_of(small_data, network), 0)[0]
    probed = trained(arm_of(small_data, network, probes=True), 0)[0]
    np.testing.assert_array_equal(plain.loss, probed.loss)
    np.testing.assert_array_equal(plain.val_loss, probed.val_loss)
    assert probed.probes["gradient_norm"].shape == (EPOCHS + 1, 4)
    assert probed.probes["layers"].tolist() == [
        "Dense 1", "BatchNormalization 1", "Dense 2", "Dense 3",
    ]  # fmt: skip
    assert (probed.probes["update_norm"] > 0).all()
    assert np.isnan(probed.probes["saturated_share"][:, 1]).all()  # BN has no bounded range


def test_probes_measure_what_they_say(small_data: Data) -> None:
    """Plain SGD moves by the learning rate times the gradient; a first layer's output is known."""
    sgd = Optimizer("SGD", learning_rate=0.5)
    arm = arm_of(small_data, MLP("tanh", hidden=(16,)), optimizer=sgd, probes=True)
    probes = trained(arm, 0)[0].probes
    np.testing.assert_allclose(probes["update_norm"], 0.5 * probes["gradient_norm"], rtol=1e-4)
    model = arm.build()
    Initialisation(model, arm.build).assign(0)
    x = small_data.x_test.reshape(-1, 784).astype("float32") / 255
    activations = model.layers[0](tf.constant(x)).numpy()
    np.testing.assert_allclose(probes["activation_mean"][0, 0], activations.mean(), rtol=1e-5)
    np.testing.assert_allclose(probes["activation_std"][0, 0], activations.std(), rtol=1e-5)
    assert probes["saturated_share"][0, 0] == pytest.approx((np.abs(activations) > 0.9).mean())


class ByTexts(keras.layers.Layer):  # type: ignore[misc]
    """Changes nothing, by way of texts, which XLA does not have."""

    def call(self, x: Any) -> Any:
        return x + 0.0 * tf.cast(tf.strings.length(tf.strings.as_string(x)), x.dtype)


@pytest.fixture
def xla(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has every arm compiled with XLA, as those are whose runs have many steps."""
    monkeypatch.setattr(tensorflow_program, "XLA_STEPS", 1)
    monkeypatch.setattr(program, "EVALUATION_BATCH", 64)  # of 200 test images: a loop and a rest


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[bool | None]:
    """Whether XLA was to compile, for each function made so far: epochs, and loops within them."""
    seen: list[bool | None] = []
    real = tf.function

    def function(*args: Any, **kwargs: Any) -> Any:
        seen.append(kwargs.get("jit_compile"))
        return real(*args, **kwargs)

    monkeypatch.setattr(tf, "function", function)
    return seen


@pytest.mark.parametrize("optimizer", [SGD, ADAM], ids=["sgd", "adam"])
@pytest.mark.parametrize("layers", [slow(0), 1])
def test_with_xla_it_agrees_with_fit(
    small_data: Data, xla: None, compiled: list[bool | None], layers: int, optimizer: Optimizer
) -> None:
    network = MLP("sigmoid", hidden=(64, 32)).with_batch_norm(layers)
    arm = arm_of(small_data, network, optimizer=optimizer, batch_size=64)
    history = trained(arm, 2)[0]
    assert compiled == [None, True]  # the training by XLA, the evaluation without
    assert_agree(history, fitted(arm, small_data, 2), 1e-3 if optimizer is ADAM else 1e-4)


@pytest.mark.parametrize("build", [MLP("sigmoid", hidden=(64,)).with_batch_norm(1), with_dropout])
def test_with_xla_a_run_does_not_know_its_company(small_data: Data, xla: None, build: Any) -> None:
    arm = arm_of(small_data, build)
    alone = trained(arm, 2)[0]
    on_threads = trained(arm, 0, 1, 2, threads=2)[2]  # which compile at the same time
    np.testing.assert_array_equal(alone.fine_loss, on_threads.fine_loss)
    np.testing.assert_array_equal(alone.val_loss, on_threads.val_loss)


def test_an_arm_of_many_steps_compiles_with_xla_and_agrees_with_fit(
    small_data: Data, compiled: list[bool | None]
) -> None:
    """At batch 4 an epoch has 125 steps, and 24 epochs are 3,000: where XLA starts to pay."""
    network = MLP("sigmoid", hidden=(16, 8)).with_batch_norm(1)
    slow = Optimizer("SGD", learning_rate=0.001)  # 3,000 steps amplify float noise, too
    short, long = (
        arm_of(small_data, network, optimizer=slow, batch_size=4, epochs=epochs)
        for epochs in (23, 24)
    )
    trained(short, 0)
    assert compiled == [None]
    history = trained(long, 0)[0]
    assert compiled == [None, None, True]
    assert_agree(history, fitted(long, small_data, 0), 1e-4)


@pytest.mark.usefixtures("xla")
def test_what_xla_cannot_compile_trains_without_it(small_data: Data) -> None:
    network = MLP("relu", hidden=(32,))

    def by_texts() -> Any:
        return keras.Sequential([keras.Input((784,)), ByTexts(), *network.build().layers])

    with pytest.warns(UserWarning, match="by_texts does not compile with XLA and trains without"):
        history = trained(arm_of(small_data, by_texts), 0)[0]
    expected = trained(arm_of(small_data, network), 0)[0]
    np.testing.assert_allclose(history.loss, expected.loss, rtol=1e-4)
    np.testing.assert_allclose(history.val_loss, expected.val_loss, rtol=1e-4)


def test_a_diverged_run_says_when(small_data: Data) -> None:
    arm = arm_of(
        small_data,
        MLP("relu", hidden=(16,)),
        optimizer=Optimizer("SGD", learning_rate=1e30),
    )
    history = trained(arm, 0)[0]
    assert history.diverged_epoch == 1
    assert np.isnan(history.val_loss[1:]).all()
    assert history.loss.shape == (EPOCHS,)


class StatefulNoise(keras.layers.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        return x + tf.random.normal(tf.shape(x))


class GlobalNoise(keras.layers.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        return x + keras.random.normal(keras.ops.shape(x))


def noisy(layer: Any) -> Callable[[], Any]:
    return lambda: keras.Sequential(
        [keras.Input((784,)), layer(), keras.layers.Dense(10, "softmax")]
    )


def no_model() -> Any:
    return "a model"


def wrong_input() -> Any:
    return keras.Sequential([keras.Input((100,)), keras.layers.Dense(10, "softmax")])


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (noisy(StatefulNoise), "which no seed decides: use keras.random with"),
        (noisy(GlobalNoise), "neither the model's nor its optimizer's"),
        (no_model, "no_model returned str, not a keras.Model"),
        (MLP(classes=9), "has 9 classes, 0 to 8, but the labels of small go from 0 to 9"),
        (wrong_input, r"takes inputs of shape \(100,\), but the images of small are \(28, 28\)"),
    ],
    ids=["stateful op", "global generator", "no model", "few classes", "wrong input"],
)
def test_refuses_what_it_cannot_train(small_data: Data, build: Any, words: str) -> None:
    with pytest.raises(ArmError, match=words):
        trained(arm_of(small_data, build), 0)


def test_labels_that_32_bits_do_not_hold_are_refused_as_they_are(small_data: Data) -> None:
    wrapping = dataclasses.replace(small_data, y_train=small_data.y_train.astype(np.int64) + 2**32)
    with pytest.raises(ArmError, match=r"0 to 9, but the labels of small go from 4\.29497e\+09"):
        trained(arm_of(wrapping, MLP(hidden=(4,))), 0)


@pytest.mark.parametrize("threads", [1, 2])
def test_images_are_read_once_and_held_as_tensors_only(
    images: DataSource, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    building._held.cache_clear()
    read, loaded = DataSource.load, []

    def load(self: DataSource) -> Data:
        data = read(self)
        loaded.append(weakref.ref(data))
        return data

    monkeypatch.setattr(DataSource, "load", load)
    for units in (4, 5):
        trained(arm_of(images, MLP(hidden=(units,))), 0, 1, threads=threads)
    assert [data() for data in loaded] == [None]


@functools.lru_cache(maxsize=1)
def always_the_same() -> Any:
    return with_dropout()


def test_refuses_a_model_that_is_not_new(small_data: Data) -> None:
    always_the_same()
    with pytest.raises(ArmError, match="returned a model that it had returned before"):
        trained(arm_of(small_data, always_the_same), 0, 1, threads=2)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": MLP("rleu")}, "rleu no BN, .*epochs 3, on small cannot be built: .*rleu"),
        ({"optimizer": Optimizer("adm")}, "cannot be built: .*adm"),
        ({"optimizer": Optimizer("SGD", speed=1)}, "cannot be built: .*speed"),
        ({"loss": "cross"}, "cannot be built: .*cross"),
    ],
)
def test_misspelt_names_are_told_in_words(
    small_data: Data, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(ArmError, match=words):
        trained(arm_of(small_data, **{"model": MLP(), **change}), 0)


def test_refuses_more_images_than_there_are(small_data: Data) -> None:
    arm = dataclasses.replace(arm_of(small_data, MLP()), images=501)
    with pytest.raises(ArmError, match="small has 500 training images, not 501"):
        trained(arm, 0)


def test_an_error_on_a_thread_reaches_the_caller(small_data: Data) -> None:
    with pytest.raises(ArmError, match="no_model returned str"):
        trained(arm_of(small_data, no_model), 0, 1, threads=2)


def test_an_interrupt_waits_for_epochs_not_for_runs(
    small_data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    epochs: list[int] = []
    run_epoch = Program._run_epoch

    def counted(trainer: Any, order: Any) -> Any:
        epochs.append(1)
        return run_epoch(trainer, order)

    def interrupted(_: Any) -> None:
        late = time.monotonic() + 60
        while not epochs and time.monotonic() < late:
            time.sleep(0.01)
        raise KeyboardInterrupt

    monkeypatch.setattr(Program, "_run_epoch", counted)
    monkeypatch.setattr(queue.Queue, "get", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trained(arm_of(small_data, MLP(hidden=(4,)), epochs=500), 0, 1, threads=2)
    assert 1 <= len(epochs) < 500


def test_threads_that_do_not_end_are_waited_for_together(
    small_data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were one after the other, so that sixteen took over a minute."""
    waited: list[float] = []

    class Hanging:
        def train(self, seed: int, stop: threading.Event) -> History:
            if seed > 0:
                threading.Event().wait(60)
            raise ValueError("broken")

    @contextlib.contextmanager
    def borrowed(_: TrainingArm) -> Iterator[Callable[[], Hanging]]:
        yield Hanging

    def join(thread: threading.Thread, timeout: float) -> None:
        waited.append(timeout)
        time.sleep(timeout)

    monkeypatch.setattr(training, "_borrowed", borrowed)
    monkeypatch.setattr(training, "_LAST_EPOCH", 0.3)
    monkeypatch.setattr(threading.Thread, "join", join)
    with pytest.raises(ValueError, match="broken"):
        trained(arm_of(small_data, MLP()), 0, 1, 2, threads=3)
    assert len(waited) == 3
    assert sum(waited) <= 0.3


@pytest.mark.parametrize("threads", [1, 2])
def test_a_kept_program_trains_as_a_new_one(
    small_data: Data, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    network = MLP("relu", hidden=(16, 16)).with_batch_norm(2)
    arm = arm_of(small_data, network, optimizer=ADAM, probes=True)
    new = [trained(arm, seed)[0] for seed in (1, 2)]
    kept: deque[Any] = deque(maxlen=2)
    monkeypatch.setattr(training, "_rested", kept)
    trained(arm, 0, threads=threads)
    first = set(map(id, kept))
    trained(arm_of(small_data, network), 0)
    again = trained(arm, 1, 2, threads=threads)
    assert first & set(map(id, kept))
    for history, expected in zip(again, new, strict=True):
        for name, array in expected.to_arrays().items():
            if name != "seconds":
                np.testing.assert_array_equal(history.to_arrays()[name], array)


def test_a_program_that_failed_is_not_kept(
    small_data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: deque[Any] = deque(maxlen=2)
    monkeypatch.setattr(training, "_rested", kept)

    def fail(*_: Any) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(Program, "_run_epoch", fail)
    with pytest.raises(RuntimeError, match="boom"):
        trained(arm_of(small_data, MLP(hidden=(4,))), 0)
    assert not kept


def test_a_program_goes_with_its_trainer(small_data: Data) -> None:
    def programs() -> int:
        gc.collect()
        return sum(type(thing).__name__ == "FuncGraph" for thing in gc.get_objects())

    before = programs()
    trained(arm_of(small_data, MLP(hidden=(4,)), probes=True), 0)
    assert programs() <= before


def test_a_program_remembers_no_stack_of_its_caller(small_data: Data) -> None:
    trainer: Any = training.trainer_of(arm_of(small_data, MLP(hidden=(4,))))
    graph = trainer.epoch.graph
    stacks = [op.traceback for op in graph.get_operations() if op.traceback]
    assert stacks
    assert not [f for stack in stacks for f in stack if "_pytest" in f.filename]
