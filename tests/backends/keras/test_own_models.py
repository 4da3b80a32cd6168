"""Models of one's own: what must not leak, be shared, be lost, or go without a word."""

import random
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import pytest

from bnclaims.backends.keras import state
from bnclaims.backends.keras.training import train
from bnclaims.errors import ArmError, DescriptionError
from bnclaims.experiment.arm import TrainingArm
from bnclaims.experiment.data import Data
from bnclaims.experiment.history import History
from bnclaims.experiment.models import MLP, Remade
from bnclaims.experiment.protocol import KERAS_DEFAULTS, Optimizer
from bnclaims.language.fixtures import as_optimizer

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*is trained by Keras's fit"),
    pytest.mark.usefixtures("nothing_kept"),
]

RNG = np.random.default_rng(1)
X = RNG.normal(size=(48, 6)).astype(np.float32)
Y = RNG.integers(0, 3, 48)
TABLE = Data("table", X[:32], Y[:32], X[32:], Y[32:])
SGD = Optimizer("SGD", learning_rate=0.2)


def arm_of(model: Any, **changes: Any) -> TrainingArm:
    fields: dict[str, Any] = {
        "data": TABLE,
        "images": None,
        "epochs": 2,
        "optimizer": SGD,
        "batch_size": 16,
    }
    fields |= {"loss": "sparse_categorical_crossentropy"}
    return TrainingArm(model=model, **{**fields, **changes})


def trained(arm: TrainingArm, *seeds: int, threads: int = 1) -> list[History]:
    histories = dict(train(arm, seeds, threads=threads))
    return [histories[seed] for seed in seeds]


def assert_same(one: History, other: History) -> None:
    arrays = other.to_arrays()
    for name, array in one.to_arrays().items():
        if name != "seconds":
            np.testing.assert_array_equal(array, arrays[name], err_msg=name)


def network() -> Any:
    return keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(5, "tanh"), keras.layers.Dense(3, "softmax")]
    )


class Subclass(keras.Model):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.inside = network()

    def call(self, x: Any, training: bool = False) -> Any:
        return self.inside(x, training=training)


def subclass() -> Any:
    return Subclass()


# Global state


def with_settings() -> Any:
    keras.config.set_dtype_policy("bfloat16")
    keras.config.set_epsilon(0.5)
    keras.config.set_image_data_format("channels_first")
    random.seed(3)
    np.random.seed(3)
    return network()


@pytest.mark.parametrize("threads", [1, 2])
def test_what_one_builder_sets_does_not_reach_the_next(threads: int) -> None:
    before = trained(arm_of(network), 0, 1)
    trained(arm_of(with_settings), 0, 1, threads=threads)
    for ours, expected in zip(trained(arm_of(network), 0, 1, threads=threads), before, strict=True):
        assert_same(ours, expected)
    assert state.settings() == {}


def test_a_run_leaves_the_global_generators_alone() -> None:
    random.seed(5)
    np.random.seed(5)
    expected = random.random(), np.random.random()
    random.seed(5)
    np.random.seed(5)
    for model in (network, subclass):
        trained(arm_of(model), 0)
    assert (random.random(), np.random.random()) == expected


@pytest.fixture
def in_float64() -> Iterator[None]:
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx("float32")


def test_what_was_set_outside_of_a_builder_does_not_hold_and_is_told(in_float64: None) -> None:
    with pytest.warns(UserWarning, match="floatx=float64.* was set outside of a model's builder"):
        (history,) = trained(arm_of(network), 0)
    keras.config.set_floatx("float32")
    assert_same(history, trained(arm_of(network), 0)[0])


@pytest.mark.parametrize("model", [network, subclass])
def test_names_that_keras_counts_do_not_depend_on_what_was_built_before(model: Any) -> None:
    names = []

    def noted(model: Any, x: Any, y: Any) -> float:
        names.append([layer.name for layer in model._flatten_layers(include_self=False)])
        return 0.0

    trained(arm_of(model, measures={"names": noted}, epochs=1), 0)
    network()
    trained(arm_of(model, measures={"names": noted}, epochs=1, batch_size=8), 0)
    assert names[0] == names[1]


# Parts that models share

LAYER = keras.layers.Dense(6, "tanh", name="shared")
INSIDE = keras.Sequential([keras.Input((6,)), keras.layers.Dense(6, "tanh")])
RATE = keras.optimizers.SGD(0.1)


def with_layer() -> Any:
    return keras.Sequential([keras.Input((6,)), LAYER, keras.layers.Dense(3, "softmax")])


def with_model() -> Any:
    return keras.Sequential([keras.Input((6,)), INSIDE, keras.layers.Dense(3, "softmax")])


UNNAMED = keras.layers.Dense(6, "tanh", name="dense")


def with_a_name_twice() -> Any:
    return keras.Sequential([keras.Input((6,)), UNNAMED, keras.layers.Dense(3, "softmax")])


def with_optimizer() -> Any:
    model = network()
    model.compile(RATE, "sparse_categorical_crossentropy")
    return model


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("model", "words"),
    [
        (
            with_layer,
            r"a model with the layer 'shared' of another: make every part of it",
        ),
        (with_a_name_twice, "of two layers with one name, as where one is of another: make every"),
        (with_model, "returned a model with the layer 'sequential.*' of another"),
        (with_optimizer, "returned a model with the variable 'iteration' of another"),
    ],
)
def test_parts_that_models_share_are_refused(model: Any, words: str, threads: int) -> None:
    with pytest.raises(ArmError, match=words):
        trained(arm_of(model, optimizer=None, loss=None), 0, 1, threads=threads)


@pytest.mark.parametrize("threads", [1, 2])
def test_each_thread_is_told_of_a_layer_that_nobody_had_built(threads: int) -> None:
    """The second thread met it built, and said that something had been reassigned."""
    layer = keras.layers.Dense(6, "tanh", name="shared")

    def with_it() -> Any:
        return keras.Sequential([keras.Input((6,)), layer, keras.layers.Dense(3, "softmax")])

    with pytest.raises(ArmError, match="with_it returned a model with the layer 'shared' of anoth"):
        trained(arm_of(with_it, optimizer=None, loss=None), 0, 1, threads=threads)


COUNTED = keras.Variable(0.0, trainable=False)
DRAWS = keras.random.SeedGenerator(3)


class Counting(Subclass):
    def call(self, x: Any, training: bool = False) -> Any:
        COUNTED.assign_add(1.0)
        return super().call(x + COUNTED, training=training)


class Drawing(Subclass):
    def call(self, x: Any, training: bool = False) -> Any:
        noise = keras.random.normal(keras.ops.shape(x), seed=DRAWS)
        return super().call(x + noise, training=training)


def counting() -> Any:
    return Counting()


def drawing_elsewhere() -> Any:
    return Drawing()


@pytest.mark.parametrize("model", [counting, drawing_elsewhere])
def test_what_lives_outside_of_a_model_and_changes_is_refused(model: Any) -> None:
    with pytest.raises(
        DescriptionError, match=f"model {model.__name__} has changed since the clai"
    ):
        trained(arm_of(model), 0, 1)


class DrawsItsWeights(keras.layers.Layer):  # type: ignore[misc]
    """A layer whose weights no Keras initialiser explains."""

    def build(self, shape: Any) -> None:
        start = np.random.normal(size=(shape[-1], 4)).astype("float32")
        self.kernel = self.add_weight(shape=start.shape, initializer=lambda *_, **__: start)

    def call(self, x: Any) -> Any:
        return x @ self.kernel


def drawing() -> Any:
    return keras.Sequential(
        [keras.Input((6,)), DrawsItsWeights(), keras.layers.Dense(3, "softmax")]
    )


def seeding(seed: Callable[[], object], build: Callable[[], Any]) -> Callable[[], Any]:
    def build_it() -> Any:
        seed()
        return build()

    return build_it


def by_numpy() -> None:
    np.random.seed(0)


def by_keras() -> None:
    keras.utils.set_random_seed(0)


@pytest.mark.parametrize("seed", [by_numpy, by_keras])
def test_a_builder_that_makes_seeds_alike_is_refused(seed: Any) -> None:
    with pytest.raises(ArmError, match=r"sets a random seed, so that .* would start alike"):
        trained(arm_of(seeding(seed, drawing)), 0)
    one, other = trained(arm_of(seeding(seed, network)), 0, 1)
    assert not np.array_equal(one.loss, other.loss)


def test_weights_that_a_layer_draws_follow_from_the_seed_alone() -> None:
    one, other = trained(arm_of(drawing), 0, 1)
    assert not np.array_equal(one.loss, other.loss)
    assert_same(trained(arm_of(drawing), 1, threads=2)[0], other)


# By fit itself


@pytest.mark.parametrize("threads", [1, 2])
def test_a_run_by_fit_does_not_know_its_company(threads: int) -> None:
    alone = trained(arm_of(subclass), 2)[0]
    in_company = trained(arm_of(subclass), 0, 1, 2, threads=threads)[2]
    assert_same(in_company, alone)


def test_both_ways_start_from_the_same_weights_and_see_the_same_batches() -> None:
    ours, theirs = (trained(arm_of(model), 4)[0] for model in (network, subclass))
    np.testing.assert_allclose(ours.loss, theirs.loss, rtol=1e-5)
    np.testing.assert_allclose(ours.fine_loss, theirs.fine_loss, rtol=1e-4)
    np.testing.assert_allclose(ours.fine_accuracy, theirs.fine_accuracy, atol=1e-6)
    np.testing.assert_array_equal(ours.fine_epochs, theirs.fine_epochs)


@pytest.mark.filterwarnings("default")
def test_what_the_slow_way_costs_is_told() -> None:
    words = (
        r"subclass, SGD.* is trained by Keras's fit, one seed at a time and slower than by our "
        "program, as the model is of a class of its own"
    )
    with pytest.warns(UserWarning, match=words):
        trained(arm_of(subclass), 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trained(arm_of(network), 0)


def test_curves_of_a_run_that_a_callback_ended_end_there() -> None:
    stop = keras.callbacks.EarlyStopping("loss", patience=0, min_delta=9.0)
    (history,) = trained(arm_of(network, callbacks=(stop,), epochs=5), 0)
    assert len(history.loss) == len(history.val_loss) == len(history.seconds) == 2
    assert history.fine_epochs[-1] == 2
    assert history.diverged_epoch is None


def test_curves_of_a_run_that_diverged_by_fit_are_nan_from_there() -> None:
    far = Optimizer("SGD", learning_rate=1e38)
    (history,) = trained(arm_of(subclass, optimizer=far, epochs=3), 0)
    assert history.loss.shape == (3,)
    assert history.diverged_epoch == 2


def mean_weight(model: Any, x: Any, y: Any) -> float:
    return float(np.mean([np.abs(w.numpy()).mean() for w in model.trainable_weights]))


def test_averaged_weights_are_put_in_before_the_last_evaluation() -> None:
    averaging = Optimizer("SGD", learning_rate=0.2, use_ema=True, ema_momentum=0.9)
    changes = {"optimizer": averaging, "measures": {"weight": mean_weight}}
    ours, plain = trained(arm_of(network, **changes), 0)[0], trained(arm_of(network), 0)[0]
    np.testing.assert_allclose(ours.loss, plain.loss, rtol=1e-5)
    np.testing.assert_allclose(ours.val_loss[0], plain.val_loss[0], rtol=1e-5)
    assert abs(ours.val_loss[1] - plain.val_loss[1]) > 1e-3


# Measures


def disturbing(model: Any, x: Any, y: Any) -> float:
    for variable in model.variables:
        variable.assign(variable * 0)
    return float(np.random.random())


@pytest.mark.parametrize("model", [network, subclass])
def test_measures_are_taken_after_each_epoch_and_leave_the_training_alone(model: Any) -> None:
    measures = {"weight": mean_weight, "zero": disturbing}
    (history,) = trained(arm_of(model, measures=measures), 0)
    (plain,) = trained(arm_of(model), 0)
    np.testing.assert_array_equal(history.val_loss, plain.val_loss)
    assert history.metrics.keys() == measures.keys()
    assert history.metrics["weight"].shape == (2,)
    again = History.from_arrays(history.to_arrays())
    np.testing.assert_array_equal(again.metrics["weight"], history.metrics["weight"])


def test_a_measure_is_a_number() -> None:
    def nothing(model: Any, x: Any, y: Any) -> Any:
        return np.zeros(2)

    with pytest.raises(ArmError, match=r"the measure 'nothing' returned array\(.*returns one numb"):
        trained(arm_of(network, measures={"nothing": nothing}), 0)


def spread(y: Any, predicted: Any) -> Any:
    return keras.ops.std(predicted, axis=-1)


def test_a_measure_is_no_metric_of_keras_s() -> None:
    with pytest.raises(ArmError, match="'val_spread' is a measure and what fit reports: rename"):
        trained(arm_of(network, metrics=(spread,), measures={"val_spread": mean_weight}), 0)


def test_the_code_of_a_measure_is_part_of_the_digest() -> None:
    def measure(factor: float) -> Any:
        return lambda model, x, y: factor

    digests = {arm_of(network, measures={"m": measure(f)}).digest for f in (1.0, 1.0, 2.0)}
    assert len(digests) == 2


# Objects


def test_optimizers_that_are_alike_are_one_arm() -> None:
    arms = [
        arm_of(
            network,
            optimizer=as_optimizer(keras.optimizers.SGD(0.1, momentum=0.9), None, KERAS_DEFAULTS),
        )
        for _ in range(3)
    ]
    assert len({arm.digest for arm in arms}) == 1
    assert as_optimizer(None, 0.1, KERAS_DEFAULTS) == Optimizer("RMSprop", learning_rate=0.1)
    assert as_optimizer(None, None, KERAS_DEFAULTS) is None


class Forgets(keras.optimizers.SGD):  # type: ignore[misc]
    def __init__(self, factor: float = 1.0, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.factor = factor


def test_an_optimizer_that_forgets_what_it_was_made_with_is_refused() -> None:
    words = r"Forgets cannot be made anew for each run: made from its get_config\(\) it has another"
    with pytest.raises(TypeError, match=words + " factor"):
        as_optimizer(Forgets(2.0), None, KERAS_DEFAULTS)
    assert isinstance(as_optimizer(Forgets(), None, KERAS_DEFAULTS), Remade)


class KeepsAList(keras.optimizers.SGD):  # type: ignore[misc]
    def __init__(self, factors: tuple[float, ...] = (), **arguments: Any) -> None:
        super().__init__(**arguments)
        self.factors = list(factors)


class WithoutConfig(keras.metrics.Mean):  # type: ignore[misc]
    def get_config(self) -> Any:
        raise NotImplementedError("get_config() is to be written")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: KeepsAList((1.0,)), "KeepsAList cannot be made anew .* it has another factors"),
        (lambda: keras.metrics.CosineSimilarity(axis=0), "it has another _fn_kwargs.* the builder"),
        (WithoutConfig, "WithoutConfig cannot be made anew for each run: get_config.. is to be"),
    ],
)
def test_what_its_configuration_leaves_out_is_refused(make: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        Remade.of(make())


def test_losses_that_differ_in_what_keras_does_not_say_are_two_arms() -> None:
    arms = [arm_of(network, loss=keras.losses.Huber(delta)) for delta in (0.3, 0.3, 0.5)]
    assert len({arm.digest for arm in arms}) == 2


def test_a_callback_is_as_it_was_named_for_every_seed() -> None:
    stop = keras.callbacks.EarlyStopping("loss", patience=0, min_delta=9.0)
    arm = arm_of(network, callbacks=(stop,), epochs=4)
    stop.patience = 9
    assert [len(h.loss) for h in trained(arm, 0, 1)] == [2, 2]


def test_descriptions_of_ours_are_not_built_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[int] = []
    build = MLP.build

    def counted(network: MLP) -> Any:
        built.append(1)
        return build(network)

    monkeypatch.setattr(MLP, "build", counted)
    trained(arm_of(MLP("relu", hidden=(4,), inputs=6, classes=3)), 0, 1)
    assert len(built) == 1
