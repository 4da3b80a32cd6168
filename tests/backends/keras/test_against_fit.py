"""Whatever a model is made of: it is trained as `fit` trains it, or refused in words.

Each case is trained here and by `keras.Model.fit`, eagerly and from arrays, on the same initial
weights and batches. Their curves agree, or the case names the words that it is refused with.
`make test-jax` trains the quick ones on JAX.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import keras
import numpy as np
import pytest
from keras import Sequential, layers

from bnclaims.backends.keras import framework, state
from bnclaims.backends.keras.building import scaled, shaped
from bnclaims.backends.keras.initialisation import Initialisation
from bnclaims.backends.keras.training import train
from bnclaims.errors import ArmError, DataError
from bnclaims.experiment.arm import TrainingArm
from bnclaims.experiment.data import Data, mapped, rows
from bnclaims.experiment.models import Remade
from bnclaims.experiment.protocol import KERAS_DEFAULTS, Optimizer
from bnclaims.experiment.seeds import data_order, derive
from bnclaims.language.fixtures import as_optimizer

ON_TENSORFLOW = keras.config.backend() == "tensorflow"

EPOCHS = 2
BATCH = 8
SEED = 3
SGD = Optimizer("SGD", learning_rate=0.1)
SPARSE = "sparse_categorical_crossentropy"

pytestmark = pytest.mark.filterwarnings("ignore:.*is trained by Keras's fit", "ignore::UserWarning")


@dataclass(frozen=True)
class Case:
    """One model and how it is trained, and what is to come of it."""

    build: Callable[[], Any]
    data: Callable[[], Data]
    arm: dict[str, Any] = field(default_factory=dict)
    compiled: dict[str, Any] = field(default_factory=dict)
    """What `compile` gets in the oracle, where it is not what the arm says."""
    fit: dict[str, Any] = field(default_factory=dict)
    """What `fit` gets in the oracle."""
    by_fit: bool | None = None
    """Whether it is to be handed to `fit`; None where that is open."""
    refused: str = ""
    """The words that it is refused with, if it is."""
    tolerance: float = 1e-4
    eagerly: bool = True
    """Whether the oracle runs eagerly, which is quicker; where several outputs have a loss, Keras
    then weights their means by the sizes of the batches, which it does not otherwise."""
    leaves_others: bool = False
    """Whether `fit` ends with other weights than it last evaluated."""


# Data, a few dozen rows of each form


def made(x: Any, y: Any, train: int = 20, **more: Any) -> Data:
    first, rest = (lambda a: a[:train]), (lambda a: a[train:])
    return Data(
        "tiny", mapped(first, x), mapped(first, y), mapped(rest, x), mapped(rest, y), **more
    )


RNG = np.random.default_rng(0)
NUMBERS = RNG.normal(size=(30, 6)).astype(np.float32)
IMAGES = RNG.integers(0, 256, (30, 6, 6)).astype(np.uint8)
SEQUENCES = RNG.normal(size=(30, 5, 3)).astype(np.float32)
TOKENS = RNG.integers(0, 11, (30, 5)).astype(np.int32)
CLASSES = RNG.integers(0, 3, 30)
BINARY = RNG.integers(0, 2, 30)
TARGETS = np.abs(RNG.normal(size=(30, 3))).astype(np.float32)
ONE_HOT = np.eye(3, dtype=np.float32)[CLASSES]
WEIGHTS = RNG.uniform(0.2, 2, 30).astype(np.float32)
PADDED = np.where(np.arange(5) < RNG.integers(2, 6, (30, 1)), TOKENS + 1, 0)


def numbers() -> Data:
    return made(NUMBERS, CLASSES)


def images() -> Data:
    return made(IMAGES, CLASSES)


SOUND = (RNG.normal(size=(30, 400)) * np.where(np.arange(30) < 28, 1, 1e-5)[:, None]).astype("f")


def sound() -> Data:
    return made(SOUND, CLASSES)


def per_step() -> Data:
    return made(SEQUENCES, TOKENS % 3)


def sequences() -> Data:
    return made(SEQUENCES, CLASSES)


def tokens() -> Data:
    return made(TOKENS, CLASSES)


def padded() -> Data:
    return made(PADDED, CLASSES)


def labelled(y: Any, x: Any = NUMBERS) -> Callable[[], Data]:
    return lambda: made(x, y)


# Models


def dense(*inner: Callable[[], Any], units: int = 3, activation: str | None = "softmax") -> Any:
    """Returns what builds a small network with some layers inside."""
    return lambda: Sequential(
        [
            keras.Input((6,)),
            layers.Dense(5, "tanh"),
            *(make() for make in inner),
            layers.Dense(units, activation),
        ]
    )


def over(shape: tuple[int | None, ...], *inner: Callable[[], Any], flat: bool = True) -> Any:
    """Returns what builds a network on inputs of a shape."""
    end = [layers.Flatten] if flat else []
    return lambda: Sequential(
        [keras.Input(shape), *(make() for make in (*inner, *end)), layers.Dense(3, "softmax")]
    )


def of_tokens(*inner: Callable[[], Any], masked: bool = False) -> Any:
    return lambda: Sequential(
        [
            keras.Input((5,)),
            layers.Embedding(12, 4, mask_zero=masked),
            *(make() for make in inner),
            layers.Dense(3, "softmax"),
        ]
    )


def functional(body: Callable[[Any], Any], shape: tuple[int, ...] = (6,)) -> Callable[[], Any]:
    def build() -> Any:
        inputs = keras.Input(shape)
        return keras.Model(inputs, body(inputs))

    return build


def last(x: Any) -> Any:
    return layers.Dense(3, "softmax")(x)


class AddsLoss(layers.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        self.add_loss(0.1 * keras.ops.sum(keras.ops.square(x)))
        return x


class Counts(layers.Layer):  # type: ignore[misc]
    def build(self, shape: Any) -> None:
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, x: Any) -> Any:
        self.calls.assign_add(1.0)
        return x * (1 + self.calls / 10)


class Watches(layers.Layer):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.level = keras.metrics.Mean(name="level")

    def call(self, x: Any) -> Any:
        self.level.update_state(keras.ops.mean(x))
        return x


class MasksItself(layers.Layer):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.supports_masking = True

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return keras.ops.any(inputs > 0, axis=-1)

    def call(self, x: Any) -> Any:
        return x


class NoisyInTraining(layers.Layer):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.draws = keras.random.SeedGenerator(7)

    def call(self, x: Any, training: bool = False) -> Any:
        noise = keras.random.normal(keras.ops.shape(x), seed=self.draws)
        return x + noise if training else 2 * x


class Transposed(layers.Layer):  # type: ignore[misc]
    """The other way through a dense layer, by the same weights."""

    def __init__(self, of: Any) -> None:
        super().__init__()
        self.of = of

    def call(self, x: Any) -> Any:
        return x @ keras.ops.transpose(self.of.kernel)


def tied(x: Any) -> Any:
    encoder = layers.Dense(4)
    return last(Transposed(encoder)(encoder(x)))


def masked_and_joined() -> Any:
    inputs = keras.Input((5,))
    x = layers.Embedding(12, 4, mask_zero=True)(inputs)
    x = layers.Concatenate()([x, layers.Dense(4)(x)])
    return keras.Model(inputs, last(layers.LSTM(3)(x)))


def centred(x: Any) -> Any:
    """Takes off the mean of the batch."""
    return x - keras.ops.mean(x, axis=0)


def frozen(layer: Callable[[], Any]) -> Callable[[], Any]:
    def make() -> Any:
        made = layer()
        made.trainable = False
        return made

    return make


def of_sound() -> Any:
    rates = {"sampling_rate": 800, "max_freq": 400, "min_freq": 20}
    heard = layers.MelSpectrogram(fft_length=64, sequence_stride=32, num_mel_bins=8, **rates)
    return over((400,), lambda: heard, lambda: layers.Rescaling(0.01))()


def mask_given_outright() -> Any:
    inputs = keras.Input((5, 3))
    mask = keras.ops.any(inputs > 0.5, axis=-1)
    return keras.Model(inputs, last(layers.LSTM(4, return_sequences=True)(inputs, mask=mask)))


def mask_of_a_lambda() -> Any:
    def found(x: Any, mask: Any = None) -> Any:
        return keras.ops.any(x > 0.5, axis=-1)

    return over((5, 3), lambda: layers.Lambda(lambda x: x, mask=found), flat=False)()


def twice(x: Any) -> Any:
    shared = layers.Dense(6, "tanh")
    return last(shared(shared(x)))


def adapted() -> Any:
    return layers.Normalization(mean=0.3, variance=2.0)


IN_WHOLE_BATCHES = {"images": 2 * BATCH}
"""A partial last batch would be a second graph to trace; losses and forms of data have one."""

L = layers
LAYERS: dict[str, Case] = {
    name: Case(build, data, IN_WHOLE_BATCHES)
    for name, (build, data) in {
        "dense": (dense(), numbers),
        "bias alone": (dense(lambda: L.Dense(5, use_bias=False), L.ReLU), numbers),
        "batch norm": (dense(L.BatchNormalization), numbers),
        "frozen batch norm": (dense(frozen(L.BatchNormalization)), numbers),
        "layer norm": (dense(L.LayerNormalization), numbers),
        "group norm": (dense(lambda: L.GroupNormalization(1)), numbers),
        "rms norm": (dense(L.RMSNormalization), numbers),
        "unit norm": (dense(L.UnitNormalization), numbers),
        "spectral norm": (dense(lambda: L.SpectralNormalization(L.Dense(4))), numbers),
        "dropout": (dense(lambda: L.Dropout(0.4)), numbers),
        "alpha dropout": (dense(lambda: L.AlphaDropout(0.3)), numbers),
        "gaussian dropout": (dense(lambda: L.GaussianDropout(0.3)), numbers),
        "gaussian noise": (dense(lambda: L.GaussianNoise(0.3)), numbers),
        "frozen dense": (dense(frozen(lambda: L.Dense(4))), numbers),
        "prelu": (dense(L.PReLU), numbers),
        "lambda": (dense(lambda: L.Lambda(lambda x: x * 2)), numbers),
        "weight decay of a layer": (dense(lambda: L.Dense(4, kernel_regularizer="l2")), numbers),
        "bias regulariser": (dense(lambda: L.Dense(4, bias_regularizer="l1")), numbers),
        "max norm": (dense(lambda: L.Dense(4, kernel_constraint="max_norm")), numbers),
        "activity regulariser": (dense(lambda: L.Dense(4, activity_regularizer="l2")), numbers),
        "activity regularisation": (dense(lambda: L.ActivityRegularization(l2=0.1)), numbers),
        "normalization": (over((6,), adapted), numbers),
        "own layer with a loss": (dense(AddsLoss), numbers),
        "own layer with a counter": (dense(Counts), numbers),
        "own layer with a metric": (dense(Watches), numbers),
        "conv": (over((6, 6, 1), lambda: L.Conv2D(2, 3, activation="relu")), images),
        "separable conv": (over((6, 6, 1), lambda: L.SeparableConv2D(2, 3)), images),
        "depthwise conv": (over((6, 6, 1), lambda: L.DepthwiseConv2D(3)), images),
        "transposed conv": (over((6, 6, 1), lambda: L.Conv2DTranspose(2, 2)), images),
        "max pooling": (over((6, 6, 1), L.MaxPooling2D), images),
        "average pooling": (over((6, 6, 1), lambda: L.AveragePooling2D(2)), images),
        "global pooling": (
            over((6, 6, 1), lambda: L.Conv2D(2, 3), L.GlobalAveragePooling2D, flat=False),
            images,
        ),
        "random flip": (over((6, 6, 1), L.RandomFlip), images),
        "random translation": (over((6, 6, 1), lambda: L.RandomTranslation(0.2, 0.2)), images),
        "spatial dropout": (over((5, 3), lambda: L.SpatialDropout1D(0.4)), sequences),
        "conv 1d": (over((5, 3), lambda: L.Conv1D(2, 2)), sequences),
        "time distributed": (over((5, 3), lambda: L.TimeDistributed(L.Dense(2))), sequences),
        "simple rnn": (over((5, 3), lambda: L.SimpleRNN(3), flat=False), sequences),
        "lstm": (over((5, 3), lambda: L.LSTM(3), flat=False), sequences),
        "gru": (over((5, 3), lambda: L.GRU(3), flat=False), sequences),
        "bidirectional": (
            over((5, 3), lambda: L.Bidirectional(L.SimpleRNN(2)), flat=False),
            sequences,
        ),
        "rnn with dropout": (over((5, 3), lambda: L.GRU(3, dropout=0.3), flat=False), sequences),
        "attention": (
            functional(lambda x: last(L.Flatten()(L.MultiHeadAttention(2, 2)(x, x))), (5, 3)),
            sequences,
        ),
        "embedding": (of_tokens(L.Flatten), tokens),
        "masked embedding and lstm": (of_tokens(lambda: L.LSTM(3), masked=True), padded),
        "masked labels": (
            of_tokens(lambda: L.SimpleRNN(3, return_sequences=True), masked=True),
            labelled(PADDED % 3, PADDED),
        ),
        "masking layer": (over((5, 3), L.Masking, lambda: L.LSTM(3), flat=False), sequences),
        "masks that join": (masked_and_joined, padded),
        "mask in a mean": (of_tokens(L.GlobalAveragePooling1D, masked=True), padded),
        "masked batch norm": (
            of_tokens(L.BatchNormalization, lambda: L.GRU(3), masked=True),
            padded,
        ),
        "own mask": (
            over((5, 3), MasksItself, lambda: L.SimpleRNN(3), flat=False),
            sequences,
        ),
        "residual": (functional(lambda x: last(L.Add()([x, L.Dense(6, "relu")(x)]))), numbers),
        "layer used twice": (
            functional(twice),
            numbers,
        ),
        "model within": (
            functional(lambda x: last(Sequential([L.Dense(4), L.BatchNormalization()])(x))),
            numbers,
        ),
        "own layer with noise in training": (dense(NoisyInTraining), numbers),
        "tied weights": (functional(tied), numbers),
        "batch norm as in training, even in tests": (
            functional(lambda x: last(L.BatchNormalization()(L.Dense(4)(x), training=True))),
            numbers,
        ),
        "dropout even in tests": (
            functional(lambda x: last(L.Dropout(0.4)(L.Dense(4)(x), training=True))),
            numbers,
        ),
        "lambda over a batch": (dense(lambda: L.Lambda(centred)), numbers),
        "operation over a batch": (functional(lambda x: last(centred(L.Dense(4)(x)))), numbers),
        "activation over a batch": (dense(lambda: L.Dense(4, activation=centred)), numbers),
        "softmax over a batch": (dense(lambda: L.Softmax(axis=0)), numbers),
        "softmax over a batch, counted from the end": (dense(lambda: L.Softmax(axis=-2)), numbers),
        "layer that clips at the loudest of a batch": (of_sound, sound),
        "mask given outright": (mask_given_outright, per_step),
        "mask of a lambda": (mask_of_a_lambda, per_step),
        "unbuilt": (lambda: Sequential([L.Dense(4, "relu"), L.Dense(3, "softmax")]), numbers),
    }.items()
}


# Losses and labels


def regression() -> Any:
    return Sequential([keras.Input((6,)), layers.Dense(3, "softplus")])


def own_loss(y: Any, predicted: Any) -> Any:
    return keras.ops.mean(keras.ops.abs(y - predicted) ** 1.5, axis=-1)


class OwnLoss(keras.losses.Loss):  # type: ignore[misc]
    def __init__(self, power: float) -> None:
        super().__init__(name="own")
        self._power = power

    def call(self, y: Any, predicted: Any) -> Any:
        return keras.ops.mean(keras.ops.abs(y - predicted) ** self._power, axis=-1)


class CountsCalls(keras.losses.Loss):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(name="counted")
        self.calls = keras.Variable(1.0, trainable=False)

    def call(self, y: Any, predicted: Any) -> Any:
        self.calls.assign_add(1.0)
        return keras.ops.mean(keras.ops.square(y - predicted), axis=-1) * self.calls


def of_loss(loss: Any, build: Any, y: Any, **more: Any) -> Case:
    return Case(build, labelled(y), {"loss": loss}, **more)


PER_STEP = of_tokens(lambda: layers.SimpleRNN(3, return_sequences=True))
PER_PIXEL = over((6, 6, 1), lambda: layers.Conv2D(2, 3, padding="same"), flat=False)
ONE = dense(units=1, activation="sigmoid")
LOGIT = dense(units=1, activation=None)
LOGITS = dense(activation=None)
MOSTLY_BINARY = np.where(np.arange(30) < 28, BINARY, -1)


def single() -> Any:
    """Returns a network whose prediction of an example is a number, in no axis."""
    end = [layers.Dense(1, "sigmoid"), layers.Reshape(())]
    return Sequential([keras.Input((6,)), layers.Dense(5, "tanh"), *end])


K = keras.losses
LOSSES: dict[str, Case] = {
    "sparse, labels (n, 1)": of_loss(SPARSE, dense(), CLASSES[:, None], by_fit=False),
    "sparse, by class": of_loss("SparseCategoricalCrossentropy", dense(), CLASSES, by_fit=False),
    "sparse, floats": of_loss(SPARSE, dense(), CLASSES.astype(np.float64)),
    "sparse, of logits": of_loss(
        K.SparseCategoricalCrossentropy(from_logits=True), LOGITS, CLASSES, by_fit=False
    ),
    "sparse, ignoring a class": of_loss(
        K.SparseCategoricalCrossentropy(ignore_class=1), dense(), CLASSES
    ),
    "sparse, label too large": of_loss(
        SPARSE, dense(units=2), CLASSES, refused=r"has 2 classes, 0 to 1, but the labels of tiny"
    ),
    "sparse, booleans": of_loss(SPARSE, dense(units=2), BINARY.astype(bool)),
    "sparse, booleans of one unit": of_loss(
        SPARSE, ONE, BINARY.astype(bool), refused="has 1 classes, 0 to 0, but the labels of tiny"
    ),
    "sparse, negative label": of_loss(
        SPARSE, dense(), CLASSES - 1, refused=r"has 3 classes, .* of tiny go from -1 to 1"
    ),
    "crossentropy": of_loss("crossentropy", dense(), CLASSES),
    "categorical": of_loss("categorical_crossentropy", dense(), ONE_HOT, by_fit=False),
    "categorical, smoothed": of_loss(
        K.CategoricalCrossentropy(label_smoothing=0.2), dense(), ONE_HOT, by_fit=False
    ),
    "categorical, of logits": of_loss(
        K.CategoricalCrossentropy(from_logits=True), LOGITS, ONE_HOT, by_fit=False
    ),
    "categorical, labels of another rank": of_loss(
        "categorical_crossentropy", dense(), CLASSES, refused="cannot be trained by fit on tiny"
    ),
    "categorical focal": of_loss("categorical_focal_crossentropy", dense(), ONE_HOT, by_fit=False),
    "categorical hinge": of_loss("categorical_hinge", dense(), ONE_HOT, by_fit=False),
    "categorical generalized": of_loss(
        K.CategoricalGeneralizedCrossEntropy(), dense(), CLASSES, by_fit=False
    ),
    "kl": of_loss("kl_divergence", dense(), ONE_HOT, by_fit=False),
    "kl, by class": of_loss("KLDivergence", dense(), ONE_HOT),
    "binary": of_loss("binary_crossentropy", ONE, BINARY, by_fit=False),
    "binary, labels (n, 1)": of_loss("binary_crossentropy", ONE, BINARY[:, None], by_fit=False),
    "binary, booleans": of_loss("binary_crossentropy", ONE, BINARY.astype(bool)),
    "binary, of logits": of_loss(K.BinaryCrossentropy(from_logits=True), LOGIT, BINARY),
    "binary, several labels": of_loss("binary_crossentropy", dense(activation="sigmoid"), ONE_HOT),
    "binary focal": of_loss("binary_focal_crossentropy", ONE, BINARY, by_fit=False),
    "hinge": of_loss("hinge", LOGIT, 2 * BINARY - 1),
    "hinge, labels 0 and 1": of_loss("hinge", LOGIT, BINARY),
    "squared hinge": of_loss("squared_hinge", LOGIT, 2.0 * BINARY - 1),
    "mse": of_loss("mse", regression, TARGETS, by_fit=False),
    "mse, labels (n,)": of_loss("mse", LOGIT, TARGETS[:, 0]),
    "mse, an accuracy asked for": replace(
        of_loss("mse", dense(), ONE_HOT), arm={"loss": "mse", "metrics": ("accuracy",)}
    ),
    "mae": of_loss("mae", regression, TARGETS),
    "mape": of_loss("mean_absolute_percentage_error", regression, TARGETS + 1),
    "msle": of_loss("msle", regression, TARGETS),
    "huber": of_loss(K.Huber(delta=0.3), regression, TARGETS, by_fit=False),
    "log cosh": of_loss("log_cosh", regression, TARGETS),
    "poisson": of_loss("poisson", regression, TARGETS),
    "cosine": of_loss("cosine_similarity", regression, TARGETS),
    "cosine, over a batch": of_loss(K.CosineSimilarity(axis=0), regression, TARGETS, by_fit=True),
    "class of a loss": of_loss(K.MeanSquaredError, regression, TARGETS),
    "dice": of_loss("dice", dense(), ONE_HOT, by_fit=True),
    "tversky": of_loss("tversky", dense(), ONE_HOT, by_fit=True),
    "sum": of_loss(K.MeanSquaredError(reduction="sum"), regression, TARGETS, by_fit=True),
    "no reduction": of_loss(K.MeanSquaredError(reduction=None), regression, TARGETS, by_fit=True),
    "own class that counts its calls": of_loss(CountsCalls(), regression, TARGETS, by_fit=True),
    "function": of_loss(own_loss, regression, TARGETS, by_fit=True),
    "own class": of_loss(OwnLoss(1.5), regression, TARGETS, by_fit=True),
    "misspelt": of_loss("mesquared", regression, TARGETS, refused="mesquared"),
    "mse, one label for three outputs": of_loss("mse", regression, TARGETS[:, :1]),
    "mse, labels that meet other examples' outputs": of_loss(
        "mse", functional(lambda x: L.Reshape((1, 3))(L.Dense(3)(x))), TARGETS, by_fit=True
    ),
    "binary, outputs (n,)": of_loss("binary_crossentropy", single, BINARY, by_fit=True),
    "cosine, outputs (n,)": of_loss("cosine_similarity", single, TARGETS[:, 0], by_fit=True),
    "mse, rounded": of_loss(
        K.MeanSquaredError(dtype="float16"), regression, TARGETS, by_fit=True, tolerance=2e-3
    ),
    "hinge, labels like 0 and 1 in one batch": of_loss("hinge", LOGIT, MOSTLY_BINARY),
    "categorical, along another axis": of_loss(
        K.CategoricalCrossentropy(axis=1),
        functional(lambda x: L.Softmax(axis=1)(L.Reshape((3, 2))(L.Dense(6)(x)))),
        np.stack([ONE_HOT, ONE_HOT], axis=2),
    ),
    "labels that are words": of_loss(
        SPARSE, dense(), np.array(["a", "b", "c"])[CLASSES], refused="y_train has type <U1; expect"
    ),
    "labels (n, T)": Case(PER_STEP, lambda: made(TOKENS, TOKENS % 3), by_fit=False),
    "labels (n, T, 1)": Case(PER_STEP, lambda: made(TOKENS, TOKENS[..., None] % 3), by_fit=False),
    "labels (n, T, k)": Case(
        PER_STEP,
        lambda: made(TOKENS, np.eye(3)[TOKENS % 3]),
        {"loss": "categorical_crossentropy"},
        by_fit=False,
    ),
    "labels (n, H, W)": Case(PER_PIXEL, lambda: made(IMAGES, IMAGES % 3), by_fit=False),
    "binary labels (n, T)": Case(
        lambda: Sequential([*PER_STEP().layers[:-1], layers.Dense(1, "sigmoid")]),
        lambda: made(TOKENS, TOKENS % 2),
        {"loss": "binary_crossentropy"},
    ),
}


# Optimizers


class OwnOptimizer(keras.optimizers.SGD):  # type: ignore[misc]
    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        super().update_step(keras.ops.sign(gradient), variable, learning_rate)


@keras.saving.register_keras_serializable("tests")
class OwnSchedule(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    def __call__(self, step: Any) -> Any:
        return 0.1 / (1 + keras.ops.cast(step, "float32"))

    def get_config(self) -> dict[str, Any]:
        return {}


class WithoutConfig(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    def __init__(self, start: float) -> None:
        self.start = start

    def __call__(self, step: Any) -> Any:
        return self.start / (1 + keras.ops.cast(step, "float32"))


def by(make: Callable[[], Any], **more: Any) -> Case:
    """Returns a case whose optimizer is given as an object, as to `compile`."""
    optimizer = as_optimizer(make(), None, KERAS_DEFAULTS)
    return Case(
        dense(),
        numbers,
        {"optimizer": optimizer, **IN_WHOLE_BATCHES},
        {"optimizer": make},
        **more,
    )


def without_decay() -> Any:
    optimizer = keras.optimizers.AdamW(0.01, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["bias", "scale"])
    return optimizer


O = keras.optimizers  # noqa: E741
S = keras.optimizers.schedules
OPTIMIZERS: dict[str, Case] = {
    "sgd": by(lambda: O.SGD(0.1), by_fit=False),
    "momentum": by(lambda: O.SGD(0.1, momentum=0.9), by_fit=False),
    "nesterov": by(lambda: O.SGD(0.1, momentum=0.9, nesterov=True), by_fit=False),
    "rmsprop": by(lambda: O.RMSprop(0.01), by_fit=False),
    "centred rmsprop": by(lambda: O.RMSprop(0.01, centered=True, momentum=0.5), by_fit=False),
    "adam": by(lambda: O.Adam(0.01), by_fit=False),
    "amsgrad": by(lambda: O.Adam(0.01, amsgrad=True), by_fit=False),
    "adamw": by(lambda: O.AdamW(0.01, weight_decay=0.1), by_fit=False),
    "adadelta": by(lambda: O.Adadelta(1.0), by_fit=False),
    "adagrad": by(lambda: O.Adagrad(0.1), by_fit=False),
    "adamax": by(lambda: O.Adamax(0.01), by_fit=False),
    "nadam": by(lambda: O.Nadam(0.01), by_fit=False),
    "ftrl": by(lambda: O.Ftrl(0.1), by_fit=False),
    "lion": by(lambda: O.Lion(0.01), by_fit=False),
    "adafactor": by(lambda: O.Adafactor(0.01), by_fit=False),
    **{
        # Run eagerly, Keras's ScheduleFreeAdamW overwrites what it still reads.
        name.lower(): by(partial(getattr(O, name), 0.01), by_fit=True, eagerly=False)
        for name in ("Lamb", "Muon", "ScheduleFreeAdamW")  # of Keras's newer releases
        if hasattr(O, name)
    },
    "loss scaling": by(lambda: O.LossScaleOptimizer(O.SGD(0.1)), by_fit=True),
    "loss scale factor": by(lambda: O.SGD(0.1, loss_scale_factor=8.0), by_fit=False),
    "averaged": by(
        lambda: O.SGD(0.1, use_ema=True, ema_momentum=0.5), by_fit=True, leaves_others=True
    ),
    "averaged now and then": by(
        lambda: O.Adam(0.01, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=2),
        by_fit=True,
        leaves_others=True,
    ),
    "accumulated": by(lambda: O.SGD(0.1, gradient_accumulation_steps=2), by_fit=False),
    "clipped values": by(lambda: O.SGD(0.1, clipvalue=0.01), by_fit=False),
    "clipped norms": by(lambda: O.SGD(0.1, clipnorm=0.1), by_fit=False),
    "clipped norm": by(lambda: O.SGD(0.1, global_clipnorm=0.1), by_fit=False),
    "weight decay": by(lambda: O.Adam(0.01, weight_decay=0.1), by_fit=False),
    "weight decay but of biases": by(without_decay, by_fit=False),
    "exponential schedule": by(lambda: O.SGD(S.ExponentialDecay(0.1, 2, 0.5)), by_fit=False),
    "cosine schedule": by(lambda: O.Adam(S.CosineDecay(0.01, 4)), by_fit=False),
    "stepped schedule": by(lambda: O.SGD(S.PiecewiseConstantDecay([2], [0.1, 0.01]))),
    "own schedule": by(lambda: O.SGD(OwnSchedule())),
    "own schedule without a configuration": by(lambda: O.SGD(WithoutConfig(0.1)), by_fit=False),
    "schedule, accumulated": by(
        lambda: O.SGD(S.ExponentialDecay(0.1, 1, 0.5), gradient_accumulation_steps=2)
    ),
    "rate by a function": by(lambda: O.SGD(lambda: 0.05), by_fit=True),
    "own class": by(lambda: OwnOptimizer(0.01), by_fit=True),
    "misspelt": Case(
        dense(), numbers, {"optimizer": Optimizer("adm")}, refused="cannot be built: .*adm"
    ),
    "default": Case(dense(), numbers, {"optimizer": None}, {"optimizer": "rmsprop"}),
}


# Forms of data


def two_inputs() -> Any:
    first, other = keras.Input((6,), name="first"), keras.Input((6, 6), name="other")
    x = layers.Concatenate()([layers.Dense(4)(first), layers.Flatten()(other)])
    return keras.Model({"first": first, "other": other}, last(x))


def two_inputs_in_a_tuple() -> Any:
    first, other = keras.Input((6,)), keras.Input((6, 6))
    x = layers.Concatenate()([layers.Dense(4)(first), layers.Flatten()(other)])
    return keras.Model([first, other], last(x))


def two_outputs() -> Any:
    inputs = keras.Input((6,))
    x = layers.Dense(4, "tanh")(inputs)
    return keras.Model(
        inputs,
        {"kind": layers.Dense(3, "softmax", name="kind")(x), "size": layers.Dense(3)(x)},
    )


def two_outputs_in_a_list() -> Any:
    inputs = keras.Input((6,))
    x = layers.Dense(4, "tanh")(inputs)
    return keras.Model(inputs, [layers.Dense(3, "softmax")(x), layers.Dense(3)(x)])


INPUTS = {"first": NUMBERS, "other": IMAGES}
LABELS = {"kind": CLASSES, "size": TARGETS}
LOSS_OF_EACH = {"kind": SPARSE, "size": "mse"}


def weighted(train: Any = WEIGHTS[:20], test: Any = None) -> Callable[[], Data]:
    return lambda: made(NUMBERS, CLASSES, sample_weight_train=train, sample_weight_test=test)


def formed(x: Any, **more: Any) -> Callable[[], Data]:
    return lambda: made(x, CLASSES, **more)


DATA: dict[str, Case] = {
    "bytes": Case(over((36,)), images, by_fit=False),
    "bytes, as they are": Case(over((36,)), formed(IMAGES, scale=False), {"epochs": 1}),
    "floats of 64 bits": Case(dense(), formed(NUMBERS.astype(np.float64)), by_fit=False),
    "integers": Case(dense(), formed(TOKENS[:, [0, 1, 2, 3, 4, 0]].astype(np.int64))),
    "booleans": Case(dense(), formed(NUMBERS > 0)),
    "axis added": Case(over((6, 6, 1)), images, by_fit=False),
    "axis dropped": Case(over((6, 6)), formed(IMAGES[..., None]), by_fit=False),
    "flattened": Case(over((15,)), sequences, by_fit=False),
    "poured": Case(over((3, 5)), sequences, refused=r"takes inputs of shape \(3, 5\), but the im"),
    "unflattened": Case(
        over((6, 6)), formed(IMAGES.reshape(30, 36)), refused="takes inputs of sha"
    ),
    "too small": Case(over((7,)), numbers, refused=r"takes inputs of shape \(7,\), but the images"),
    "any length": Case(over((None, 3), lambda: L.GRU(3), flat=False), sequences, by_fit=False),
    "any size": Case(
        over((None, None, 1), lambda: L.Conv2D(2, 3), L.GlobalMaxPooling2D, flat=False), images
    ),
    "tokens in bytes": Case(of_tokens(L.Flatten), formed(TOKENS.astype(np.uint8)), by_fit=False),
    "tokens in bytes, unbuilt": Case(
        lambda: Sequential([L.Embedding(12, 4), L.Flatten(), L.Dense(3, "softmax")]),
        formed(TOKENS.astype(np.uint8)),
    ),
    "bytes that the model rescales": Case(over((6, 6), lambda: L.Rescaling(1 / 255)), images),
    "inputs by name": Case(two_inputs, formed(INPUTS), by_fit=True),
    "inputs in a tuple": Case(two_inputs_in_a_tuple, formed(tuple(INPUTS.values())), by_fit=True),
    "outputs by name": Case(
        two_outputs, lambda: made(NUMBERS, LABELS), {"loss": LOSS_OF_EACH}, eagerly=False
    ),
    "an output without a loss": Case(
        two_outputs, lambda: made(NUMBERS, LABELS), {"loss": {"kind": SPARSE}}, eagerly=False
    ),
    "outputs with metrics": Case(
        two_outputs,
        lambda: made(NUMBERS, LABELS),
        {"loss": LOSS_OF_EACH, "metrics": {"kind": ("accuracy",), "size": ("mae",)}},
        eagerly=False,
    ),
    "outputs in a list": Case(
        two_outputs_in_a_list,
        lambda: made(NUMBERS, (CLASSES, TARGETS)),
        {"loss": [SPARSE, "mse"]},
        eagerly=False,
    ),
    "weighted losses": Case(
        two_outputs,
        lambda: made(NUMBERS, LABELS),
        {"loss": LOSS_OF_EACH, "loss_weights": {"kind": 1.0, "size": 0.3}},
        eagerly=False,
    ),
    "weighted examples": Case(dense(), weighted(), by_fit=True),
    "weighted test examples": Case(dense(), weighted(test=WEIGHTS[20:]), by_fit=True),
    "weighted metrics": Case(
        dense(), weighted(test=WEIGHTS[20:]), {"weighted_metrics": ("accuracy",)}, by_fit=True
    ),
    "weighted classes": Case(
        dense(),
        numbers,
        {"class_weight": {0: 3.0, 1: 0.5}},
        fit={"class_weight": {0: 3.0, 1: 0.5}},
        by_fit=True,
    ),
    "weighted classes, one-hot": Case(
        dense(),
        labelled(ONE_HOT),
        {"class_weight": {2: 4.0}, "loss": "categorical_crossentropy"},
        fit={"class_weight": {2: 4.0}},
    ),
    "weighted classes and examples": Case(
        dense(), weighted(), {"class_weight": {0: 2.0}}, refused="class_weight is for a model of on"
    ),
    "batches of all": Case(dense(), numbers, {"batch_size": 64}),
    "batches with a rest": Case(dense(lambda: L.Dropout(0.3)), numbers, {"batch_size": 7}),
    "batches with a rest, normalised": Case(
        dense(L.BatchNormalization), numbers, {"batch_size": 7}
    ),
    "a last batch of one": Case(dense(L.BatchNormalization), numbers, {"images": 17}),
    "batches with a rest, recurrent": Case(
        over((5, 3), lambda: L.GRU(3, dropout=0.3), flat=False), sequences, {"batch_size": 7}
    ),
    "batches with a rest, by fit": Case(dense(), weighted(), {"batch_size": 7}),
}


# Hooks, and what a builder does


class Subclass(keras.Model):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.first = layers.Dense(5, "tanh")
        self.drop = layers.Dropout(0.3)
        self.last = layers.Dense(3, "softmax")

    def call(self, x: Any, training: bool = False) -> Any:
        return self.last(self.drop(self.first(x), training=training))


class Unready(keras.Model):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        return x["a"]


def calls_what_is_not_there() -> Any:
    return Unready()


class WithoutTraining(Subclass):
    def call(self, x: Any) -> Any:  # type: ignore[override]
        return self.last(self.first(x))


def subclass() -> Any:
    return Subclass()


def without_training() -> Any:
    return WithoutTraining()


class OfFunctional(keras.Model):  # type: ignore[misc]
    pass


def of_functional(kind: type) -> Callable[[], Any]:
    def build() -> Any:
        inputs = keras.Input((6,))
        return kind(inputs, last(layers.Dense(5, "tanh")(inputs)))

    return build


class VariationalAutoencoder(keras.Model):  # type: ignore[misc]
    """With a training step and metrics as in Keras's own example."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = layers.Dense(4), layers.Dense(6)
        self.total, self.spread = keras.metrics.Mean("loss"), keras.metrics.Mean("spread")
        self.draws = keras.random.SeedGenerator(1)

    @property
    def metrics(self) -> list[Any]:
        return [self.total, self.spread]

    def call(self, x: Any) -> Any:
        return self.decoder(self.encoder(x))

    def noted(self, x: Any) -> Any:
        code = self.encoder(x)
        noise = keras.random.normal(keras.ops.shape(code), seed=self.draws)
        spread = keras.ops.mean(code**2)
        loss = keras.ops.mean((self.decoder(code + noise / 10) - x) ** 2) + spread
        self.total.update_state(loss)
        self.spread.update_state(spread)
        return loss

    def train_step(self, data: Any) -> Any:
        import tensorflow as tf

        with tf.GradientTape() as tape:
            loss = self.noted(data[0])
        self.optimizer.apply(tape.gradient(loss, self.trainable_weights), self.trainable_weights)
        return {metric.name: metric.result() for metric in self.metrics}

    def test_step(self, data: Any) -> Any:
        self.noted(data[0])
        return {metric.name: metric.result() for metric in self.metrics}


def autoencoder() -> Any:
    return VariationalAutoencoder()


class TrainsNothing(OfFunctional):
    def train_step(self, data: Any) -> Any:
        x, y = data
        self._loss_tracker.update_state(self.compute_loss(x, y, self(x, training=True)))
        return self.compute_metrics(x, y, self(x))


class TrainsWithItsOwnNames(OfFunctional):
    def train_step(self, data: Any) -> Any:
        return {"cost": super().train_step(data)["loss"]}


class TrainsTwice(OfFunctional):
    def train_step(self, data: Any) -> Any:
        super().train_step(data)
        return super().train_step(data)


class OtherwiseTested(OfFunctional):
    def test_step(self, data: Any) -> Any:
        return {name: value + 1 for name, value in super().test_step(data).items()}


class ComputesItsLoss(OfFunctional):
    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, **_: Any
    ) -> Any:
        return keras.ops.mean((keras.ops.one_hot(y, 3) - y_pred) ** 2)


class ComputesItsMetrics(OfFunctional):
    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        return super().compute_metrics(x, y, y_pred, sample_weight) | {"one": 1.0}


class CompilesItself(OfFunctional):
    def compile(self, step: float) -> None:
        super().compile(loss=SPARSE, optimizer=keras.optimizers.SGD(step), metrics=["accuracy"])


def compiled(**arguments: Any) -> Callable[[], Any]:
    def build() -> Any:
        model = dense()()
        made = {k: v() if callable(v) else v for k, v in arguments.items()}
        model.compile(**{"loss": SPARSE, **made})
        return model

    return build


def compiles_itself() -> Any:
    model = of_functional(CompilesItself)()
    model.compile(0.1)
    return model


def in_float16() -> Any:
    keras.config.set_dtype_policy("mixed_float16")
    model = dense()()
    model.compile(keras.optimizers.SGD(0.001), SPARSE, auto_scale_loss=False)
    return model


def trained_before() -> Any:
    model = compiled(optimizer=lambda: keras.optimizers.Adam(0.05))()
    model.train_on_batch(NUMBERS[:8], CLASSES[:8])
    return model


def with_lora() -> Any:
    model = dense()()
    model.layers[0].enable_lora(2)
    return model


def frozen_when_built() -> Any:
    model = dense(lambda: layers.Dense(4))()
    model.layers[1].trainable = False
    return model


def of_stateful_rows() -> Any:
    return Sequential(
        [
            keras.Input(batch_shape=(8, 5, 3)),
            layers.SimpleRNN(3, stateful=True),
            layers.Dense(3, "softmax"),
        ]
    )


def eights() -> Data:
    return Data("tiny", SEQUENCES[:16], CLASSES[:16], SEQUENCES[16:24], CLASSES[16:24])


class NoisyByNumPy(layers.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        return x + np.random.normal()


class CountsByItself(layers.Layer):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        import tensorflow as tf

        self.calls = tf.Variable(0.0, trainable=False)

    def call(self, x: Any) -> Any:
        return x * self.calls.assign_add(1.0)


class AddsLossInTraining(layers.Layer):  # type: ignore[misc]
    def call(self, x: Any, training: bool = False) -> Any:
        if training:
            self.add_loss(keras.ops.mean(keras.ops.square(x)))
        return x


class CountsEvaluations(layers.Layer):  # type: ignore[misc]
    def build(self, shape: Any) -> None:
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, x: Any, training: bool = False) -> Any:
        if not training:
            self.calls.assign_add(1.0)
        return x * (1 + self.calls / 5)


class UnitKernel(layers.Layer):  # type: ignore[misc]
    """Assigns its own trainable weight whenever it is called."""

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(shape=(shape[-1], 4), initializer="glorot_uniform")

    def call(self, x: Any) -> Any:
        self.kernel.assign(self.kernel / keras.ops.norm(self.kernel))
        return x @ self.kernel


class HoldsADense(layers.Layer):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.within = layers.Dense(4, kernel_regularizer="l2", activity_regularizer="l2")

    def call(self, x: Any) -> Any:
        return self.within(x)


class Shrinks(keras.callbacks.Callback):  # type: ignore[misc]
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        for variable in self.model.trainable_variables:
            variable.assign(variable * 0.9)


class StopsWithinAnEpoch(keras.callbacks.Callback):  # type: ignore[misc]
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.model.stop_training = batch == 1


def hooked_instance() -> Any:
    model = dense()()
    model.train_step = lambda data: {"loss": keras.ops.mean(data[0])}
    return model


def in_state(**settings: Any) -> Callable[[], Any]:
    def build() -> Any:
        for name, value in settings.items():
            getattr(keras.config, f"set_{name}")(value)
        return dense()()

    return build


def without_weights() -> Any:
    return Sequential([keras.Input((6,)), layers.Dense(3, "softmax", trainable=False)])


def in_bfloat16() -> Any:
    return Sequential(
        [keras.Input((6,)), layers.Dense(5, dtype="bfloat16"), layers.Dense(3, "softmax")]
    )


ITS_OWN = {"optimizer": None, "loss": None}
SHARED = layers.Dense(6, name="shared")


def with_shared_layer() -> Any:
    return Sequential([keras.Input((6,)), SHARED, layers.Dense(3, "softmax")])


def of_callback(make: Callable[[], Any], **more: Any) -> Case:
    arm = {"callbacks": (make(),), "epochs": 4, **more.pop("arm", {})}
    return Case(dense(), numbers, arm, fit={"callbacks": make}, **more)


def rate_of_epoch(epoch: int) -> float:
    return 0.2 / (epoch + 1)


def of_metric(metrics: Any, build: Any = None, y: Any = CLASSES, **arm: Any) -> Case:
    return Case(build or dense(), labelled(y), {"metrics": metrics, **arm}, by_fit=True)


def as_64_bits(y: Any, predicted: Any) -> Any:
    """Compares with labels as they were given; TensorFlow's argmax has 64 bits."""
    import tensorflow as tf

    return tf.cast(tf.equal(tf.argmax(predicted, axis=-1), y), tf.float32)


class NotesAnArray(keras.callbacks.Callback):  # type: ignore[misc]
    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs["noted"] = np.zeros(3)


def of_metric_object(make: Callable[[], Any], build: Any, y: Any) -> Case:
    said = {"metrics": (Remade.of(make()),), "loss": "binary_crossentropy"}
    return Case(build, labelled(y), said, {"metrics": lambda: [make()]}, by_fit=True)


def spread(y: Any, predicted: Any) -> Any:
    return keras.ops.std(predicted, axis=-1)


C = keras.callbacks
HOOKS: dict[str, Case] = {
    "subclass": Case(subclass, numbers, by_fit=True),
    "subclass without a training argument": Case(without_training, numbers, by_fit=True),
    "functional subclass": Case(of_functional(OfFunctional), numbers, by_fit=True),
    "steps and metrics of its own": Case(
        autoencoder, numbers, {"loss": None}, by_fit=True, eagerly=False
    ),
    "train_step that trains nothing": Case(of_functional(TrainsNothing), numbers, by_fit=True),
    "train_step that trains twice": Case(of_functional(TrainsTwice), numbers, by_fit=True),
    "train_step without a loss": Case(
        of_functional(TrainsWithItsOwnNames), numbers, refused="reports .*'cost'.* and no 'loss'"
    ),
    "train_step of an instance, which updates no metric": Case(
        hooked_instance, numbers, refused="by fit on tiny: Cannot get result.. since the metric has"
    ),
    "test_step": Case(of_functional(OtherwiseTested), numbers, by_fit=True),
    "compute_loss": Case(of_functional(ComputesItsLoss), numbers, by_fit=True),
    "compute_metrics": Case(of_functional(ComputesItsMetrics), numbers, by_fit=True),
    "compile of its own": Case(compiles_itself, numbers, ITS_OWN, by_fit=True),
    "builder compiles": Case(
        compiled(optimizer=lambda: O.Adam(0.01), loss="mse"), labelled(ONE_HOT), ITS_OWN
    ),
    "builder compiles with metrics": Case(
        compiled(optimizer=lambda: O.Adam(0.01), metrics=["accuracy"]), numbers, ITS_OWN
    ),
    "builder compiles with other metrics": Case(
        compiled(metrics=["sparse_top_k_categorical_accuracy"]), numbers, ITS_OWN, by_fit=True
    ),
    "builder compiles in float16, and scales no loss": Case(
        in_float16, lambda: made(NUMBERS * 30, CLASSES), ITS_OWN, by_fit=True, tolerance=2e-2
    ),
    "builder compiles eagerly": Case(compiled(run_eagerly=True), numbers, ITS_OWN, by_fit=True),
    "builder compiles several steps": Case(
        compiled(steps_per_execution=2), numbers, ITS_OWN, by_fit=True
    ),
    "builder compiles, and the arm says another optimizer": Case(
        compiled(optimizer="adam"), numbers, {"loss": None}, refused="compiles its model with the o"
    ),
    "builder compiles, and the arm says another loss": Case(
        compiled(), numbers, {"optimizer": None, "loss": "mse"}, refused="with the loss sparse.*mse"
    ),
    "builder compiles, and the arm says the same": Case(
        compiled(optimizer=lambda: O.SGD(0.1)), numbers, {"loss": SPARSE}, by_fit=False
    ),
    "builder trains before": Case(trained_before, numbers, ITS_OWN, by_fit=True),
    "builder freezes a layer": Case(frozen_when_built, numbers, by_fit=False),
    "builder adds lora": Case(with_lora, numbers),
    "state of each row": Case(of_stateful_rows, eights, by_fit=True),
    "state of each row, and a rest": Case(
        of_stateful_rows, sequences, refused=r"by fit on tiny: Incompatible shapes: .4,3. vs. .8,3."
    ),
    "layer that adds a loss in training": Case(dense(AddsLossInTraining), numbers),
    "layer that counts evaluations": Case(dense(CountsEvaluations), numbers),
    "layer that assigns a weight, in tests too": Case(dense(UnitKernel), numbers),
    "regularised layer within an own one": Case(dense(HoldsADense), numbers, by_fit=True),
    "layer that draws by NumPy": Case(
        dense(NoisyByNumPy), numbers, refused="draws from the generator of NumPy, not from the"
    ),
    "layer that keeps a tf.Variable": Case(
        dense(CountsByItself), numbers, refused=r"uses variables .* Make them with self.add_weight"
    ),
    "no loss": Case(dense(), numbers, {"loss": None}, refused="has no loss: name one"),
    "mixed precision": Case(
        in_state(dtype_policy="mixed_bfloat16"), numbers, by_fit=True, tolerance=2e-2
    ),
    "layer in bfloat16": Case(in_bfloat16, numbers, by_fit=True, tolerance=2e-2),
    "float64": Case(in_state(floatx="float64"), numbers, by_fit=True),
    "another epsilon": Case(in_state(epsilon=0.1), numbers),
    "nothing to train": Case(without_weights, numbers, by_fit=True),
    "layer of another model": Case(with_shared_layer, numbers, refused="with the layer 'shared"),
    "early stopping": of_callback(
        lambda: C.EarlyStopping("val_loss", patience=0, min_delta=9), by_fit=True
    ),
    "early stopping, the best restored": of_callback(
        lambda: C.EarlyStopping("loss", mode="max", patience=1, restore_best_weights=True),
        leaves_others=True,
    ),
    "rate reduced on a plateau": of_callback(
        lambda: C.ReduceLROnPlateau("loss", patience=0, min_delta=9, factor=0.1)
    ),
    "rate scheduled": of_callback(lambda: C.LearningRateScheduler(rate_of_epoch)),
    "averages swapped in": of_callback(
        lambda: C.SwapEMAWeights(swap_on_epoch=True),
        arm={"optimizer": Optimizer("SGD", learning_rate=0.1, use_ema=True, ema_momentum=0.5)},
        leaves_others=True,
    ),
    "weights changed after each batch": of_callback(Shrinks),
    "stopped within an epoch": of_callback(StopsWithinAnEpoch),
    "stopped at NaN": of_callback(C.TerminateOnNaN),
    "checkpoints": of_callback(
        lambda: C.ModelCheckpoint("here.keras"), refused="ModelCheckpoint reads or writes files"
    ),
    "backups": of_callback(
        lambda: C.BackupAndRestore("here"), refused="BackupAndRestore reads or writes files"
    ),
    "callback that notes an array": of_callback(
        NotesAnArray, refused=r"noted is array\(.0., 0., 0..\) after an epoch; report one number"
    ),
    "class of a callback": Case(
        dense(),
        numbers,
        {"callbacks": (C.TerminateOnNaN,)},
        refused="is no Keras callback: give objects, as in callbacks=.keras",
    ),
    "no callback": Case(dense(), numbers, {"callbacks": (3,)}, refused="3 is no Keras callback"),
    "metric by name": of_metric(("accuracy", "sparse_top_k_categorical_accuracy")),
    "metric by a function": of_metric((spread,)),
    "metric by its class": of_metric((keras.metrics.SparseTopKCategoricalAccuracy,)),
    "metrics that are no list": replace(
        of_metric("accuracy"), refused="cannot be built: Expected `metrics` argument to be a list"
    ),
    "call of a subclass that raises": Case(
        calls_what_is_not_there, numbers, refused="be called on a batch of tiny: Unready.call"
    ),
    "metric object": of_metric_object(lambda: keras.metrics.AUC(20, name="auc"), ONE, BINARY),
    "precision": of_metric_object(lambda: keras.metrics.Precision(thresholds=0.4), ONE, BINARY),
    "f1": of_metric_object(
        lambda: keras.metrics.F1Score("macro"), dense(activation="sigmoid"), ONE_HOT
    ),
    "f1 of each class": replace(
        of_metric_object(keras.metrics.F1Score, dense(activation="sigmoid"), ONE_HOT),
        refused=r"f1_score is .* after an epoch; report one number, as F1Score\(average='macro'\)",
    ),
    "metric of labels as they are": of_metric((as_64_bits,)),
    "metric of the loss": of_metric(("mse",), loss="mse", build=regression, y=TARGETS),
    "probes of a subclass": Case(
        subclass, numbers, {"probes": True}, refused="probes=True is for what our own program"
    ),
}

MATRIX = {
    f"{part}: {name}": case
    for part, cases in {
        "layers": LAYERS,
        "losses": LOSSES,
        "optimizers": OPTIMIZERS,
        "data": DATA,
        "hooks": HOOKS,
    }.items()
    for name, case in cases.items()
}

REPRESENTATIVE = {
    "layers": (
        "batch norm", "frozen batch norm", "spectral norm", "dropout", "activity regulariser",
        "own layer with a loss", "conv", "random flip", "gru", "masked labels", "embedding",
        "layer used twice", "model within", "unbuilt",
    ),
    "losses": (
        "sparse, labels (n, 1)", "sparse, label too large", "categorical, smoothed",
        "binary, of logits", "hinge, labels 0 and 1", "mse", "sum", "own class", "labels (n, T)",
    ),
    "optimizers": ("nesterov", "adam", "averaged", "accumulated", "own schedule", "misspelt"),
    "data": (
        "bytes", "poured", "any length", "inputs by name", "outputs by name", "weighted examples",
        "weighted classes", "batches with a rest", "a last batch of one",
    ),
    "hooks": (
        "subclass", "train_step that trains nothing", "train_step without a loss",
        "builder compiles", "builder compiles, and the arm says another loss",
        "mixed precision", "layer of another model", "early stopping, the best restored",
        "rate reduced on a plateau", "checkpoints", "metric object",
    ),
}  # fmt: skip
"""What a quick run of the tests looks at: one of each kind, and of each outcome."""

OF_TENSORFLOW = {
    "hooks: steps and metrics of its own", "hooks: train_step that trains nothing",
    "hooks: train_step that trains twice", "hooks: train_step without a loss",
    "hooks: train_step of an instance, which updates no metric", "hooks: test_step",
    "hooks: layer that keeps a tf.Variable", "hooks: metric of labels as they are",
}  # fmt: skip
"""Cases that are written for TensorFlow: on JAX a training step takes the state, too."""

FAILS_ON_TORCH = {
    "losses: no reduction", "losses: labels (n, H, W)", "hooks: builder compiles several steps",
    "hooks: builder compiles with other metrics", "hooks: metric by name",
    "hooks: metric by its class", "hooks: state of each row, and a rest",
}  # fmt: skip
"""Cases that Keras's own `fit` fails at on PyTorch."""

FITTED_ON_TORCH = {
    "optimizers: own schedule without a configuration",
    "hooks: layer that draws by NumPy",
}
"""Cases that `fit` trains there, and elsewhere our program or nobody."""

QUICK = {f"{part}: {name}" for part, names in REPRESENTATIVE.items() for name in names}


# Both ways to train


def arm_of(case: Case) -> TrainingArm:
    usual: dict[str, Any] = {
        "optimizer": SGD,
        "loss": SPARSE,
        "batch_size": BATCH,
        "epochs": EPOCHS,
    }
    return TrainingArm(model=case.build, data=case.data(), **{"images": None, **usual, **case.arm})


class InOrder(keras.utils.PyDataset):  # type: ignore[misc]
    """The training data in the order of each epoch, by Keras's own means."""

    def __init__(self, parts: tuple[Any, ...], size: int) -> None:
        super().__init__()
        self.parts, self.size, self.epoch = parts, size, 0

    def __len__(self) -> int:
        return int(np.ceil(rows(self.parts[0]) / self.size))

    def __getitem__(self, number: int) -> Any:
        order = data_order(SEED, self.epoch, rows(self.parts[0]))
        chosen = order[number * self.size : (number + 1) * self.size]
        return mapped(lambda array: array[chosen], self.parts)


class Begins(keras.callbacks.Callback):  # type: ignore[misc]
    def __init__(self, data: InOrder) -> None:
        super().__init__()
        self.data = data

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.data.epoch = epoch


def fed(arm: TrainingArm, model: Any, x: Any, scale: bool) -> Any:
    """Returns inputs as this data set's rule says: in floats, bytes from 0 to 1."""
    tensors = mapped(framework.current().held, x)
    rule = mapped(lambda a: scale and a.dtype == np.uint8, x)
    return mapped(np.asarray, scaled(shaped(arm, model, tensors), rule))


def fitted(case: Case) -> dict[str, list[float]]:
    """Trains by `keras.Model.fit`: same initial weights, same batches, nothing else of ours."""
    arm = arm_of(case)
    data = arm.data.load()
    raw = isinstance(data, Data) and data.scale is False
    with state.known(derive(SEED, "build")):
        # A builder may set what must not reach the next test.
        keeps_bytes = raw or any(
            isinstance(layer, layers.Embedding | layers.Rescaling)
            for layer in arm.build()._flatten_layers()
        )
    with state.known(derive(SEED, "build")):
        model = arm.build()
        x, x_test = (fed(arm, model, a, not keeps_bytes) for a in (data.x_train, data.x_test))
        if not model.built:
            model(mapped(lambda a: a[:2], x))
        Initialisation(model, arm.build).assign(SEED)
        keras.utils.set_random_seed(derive(SEED, "fit"))
        if not model.compiled:
            # On JAX an operation is compiled even where it runs by itself: that takes longer.
            eagerly = case.eagerly and ON_TENSORFLOW
            model.compile(**compile_arguments(case, arm), run_eagerly=eagerly)
        test: tuple[Any, ...] = (x_test, data.y_test)
        train_on: tuple[Any, ...] = (x, data.y_train)
        if data.sample_weight_train is not None:
            train_on += (data.sample_weight_train,)
        train_on = tuple(mapped(lambda a: a[: arm.images], part) for part in train_on)
        if data.sample_weight_test is not None:
            test += (data.sample_weight_test,)
        batches = InOrder(train_on, arm.batch_size)
        arguments = dict(case.fit)
        more = [arguments.pop("callbacks")()] if "callbacks" in arguments else []
        curves = model.fit(
            batches,
            epochs=arm.epochs,
            shuffle=False,
            validation_data=test,
            validation_batch_size=arm.batch_size,
            callbacks=[Begins(batches), *more],
            verbose=0,
            **arguments,
        ).history
        if case.leaves_others:
            left = model.evaluate(*test[:2], batch_size=arm.batch_size, return_dict=True, verbose=0)
            for name, value in left.items():
                curves[f"val_{name}"][-1] = value
    return {name: [float(value) for value in values] for name, values in curves.items()}


def compile_arguments(case: Case, arm: TrainingArm) -> dict[str, Any]:
    def listed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: listed(item) for key, item in value.items()}
        return [listed(item) for item in value] if isinstance(value, tuple) else value

    default = ["accuracy"] if arm.has_accuracy and not arm.weighted_metrics else None
    arguments = {
        "optimizer": arm.optimizer.build() if arm.optimizer else None,
        "loss": arm.loss,
        "loss_weights": arm.loss_weights,
        "metrics": listed(arm.metrics) or default,
        "weighted_metrics": listed(arm.weighted_metrics) or None,
    }
    given = {name: value() if callable(value) else value for name, value in case.compiled.items()}
    return arguments | given


def trained(case: Case) -> dict[str, Any]:
    ((_, history),) = train(arm_of(case), [SEED])
    curves = {
        name: getattr(history, name) for name in ("loss", "val_loss", "accuracy", "val_accuracy")
    }
    known = {name: curve for name, curve in curves.items() if not np.isnan(curve).all()}
    return known | dict(history.metrics)


@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in MATRIX],
)
def test_agrees_with_fit_or_is_refused_in_words(
    name: str, recwarn: pytest.WarningsRecorder
) -> None:
    if name in OF_TENSORFLOW and not ON_TENSORFLOW:
        pytest.skip("written for TensorFlow")
    case = MATRIX[name]
    if keras.config.backend() == "torch":
        if name in FAILS_ON_TORCH:
            with pytest.raises(ArmError):
                trained(case)
            with pytest.raises((RuntimeError, ValueError)):
                fitted(case)
            return
        if name in FITTED_ON_TORCH:
            case = replace(case, by_fit=True, refused="")
    if case.refused:
        with pytest.raises((ArmError, DataError), match=case.refused):
            trained(case)
        return
    ours = trained(case)
    handed_on = any("is trained by Keras's fit" in str(warning.message) for warning in recwarn)
    assert case.by_fit in (None, handed_on)
    oracle = fitted(case)
    # Where a builder compiles without metrics, an accuracy is added.
    assert ours.keys() - {"accuracy", "val_accuracy"} == oracle.keys() - {
        "accuracy",
        "val_accuracy",
    }
    assert oracle.keys() <= ours.keys()
    for curve, values in oracle.items():
        tolerance = 1e-6 if curve.endswith("accuracy") else case.tolerance
        np.testing.assert_allclose(ours[curve], values, rtol=tolerance, atol=1e-6, err_msg=curve)


def test_the_matrix_is_as_large_as_it_says() -> None:
    assert len(MATRIX) >= 200
    assert MATRIX.keys() >= QUICK | OF_TENSORFLOW
