"""Keras on PyTorch: our program trains what is Keras's own, and `fit` whatever else runs."""

from typing import Any

import keras
import numpy as np
import pytest

from bnclaims.backends.keras import probing, state, training
from bnclaims.backends.keras.compiling import compilation
from bnclaims.backends.keras.obstacles import AT_EACH_STEP, not_by_program
from bnclaims.backends.keras.training import trainer_of
from bnclaims.errors import ArmError
from bnclaims.experiment.arm import BatchArm
from bnclaims.experiment.data import Data
from tests.backends.keras import small
from tests.backends.keras.pairs import DATA, LOSS
from tests.backends.keras.small import arm_of, bits, of, trained

pytestmark = pytest.mark.skipif(
    keras.config.backend() != "torch", reason="of Keras on PyTorch: run `make test-torch`"
)

BY_FIT = "is trained by Keras's fit"


def test_our_program_trains_what_is_keras_s_own(recwarn: pytest.WarningsRecorder) -> None:
    trained(0)
    assert not [w for w in recwarn if BY_FIT in str(w.message)]


def regularized() -> Any:
    penalty = keras.regularizers.L1L2(0.01, 0.02)
    return small.convolutional(keras.layers.Dense(9, "tanh", kernel_regularizer=penalty))


def half_frozen() -> Any:
    model = small.steady()
    model.layers[0].trainable = False
    return model


def is_recorded(build: Any) -> bool:
    trainer = trainer_of(arm_of(build))
    steps = trainer.differentiated.values()  # type: ignore[attr-defined]
    assert len(steps) == 2, "150 images in batches of 32: full ones and the last"
    return all(step != trainer._differentiate for step in steps)  # type: ignore[attr-defined]


@pytest.mark.parametrize("build", [small.steady, regularized, half_frozen])
def test_a_recorded_step_has_the_bits_of_keras_s_own(
    build: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert is_recorded(build)
    recorded = bits(trained(3, arm=arm_of(build))[3])
    monkeypatch.setattr("bnclaims.backends.keras.torch_program._graph", lambda *_: None)
    training._rested.clear()
    assert not is_recorded(build)
    assert bits(trained(3, arm=arm_of(build))[3]) == recorded


def drawing() -> Any:
    return small.convolutional(keras.layers.GaussianNoise(0.3, seed=4))


def normalizing() -> Any:
    layer = keras.layers.SpectralNormalization(small.dense())
    return keras.Sequential([keras.Input((144,)), layer])


@pytest.mark.parametrize("build", [drawing, normalizing], ids=["draws", "assigns a weight"])
def test_what_is_no_function_of_the_batch_and_the_weights_is_not_recorded(build: Any) -> None:
    assert not is_recorded(build)


def test_only_a_function_of_its_arguments_is_a_graph() -> None:
    import torch

    from bnclaims.backends.keras.torch_program import _graph

    numbers = torch.arange(4.0)
    for function in (torch.sin, lambda x: x + sum(x.tolist()), lambda x: x[x > 1].sum()):
        graph = _graph(function, numbers)
        assert graph is not None
        assert torch.equal(graph(numbers - 1), function(numbers - 1))
    for function in (
        torch.rand_like,
        lambda x: x + float(x.sum()),
        lambda x: x + x.numpy().sum(),
        lambda x: x / len(x[x > 1]),
        lambda x: x if x.any() else -x,
        lambda x: torch.normal(x, 1.0, generator=torch.Generator()),
    ):
        assert _graph(function, numbers) is None


class Counts(keras.layers.Layer):  # type: ignore[misc]
    """Fades out, call by call: each run must start from its first call."""

    calls = 0

    def call(self, x: Any) -> Any:
        self.calls += 1
        return x / self.calls


class Wraps(keras.layers.Layer):  # type: ignore[misc]
    """Has a module of PyTorch's own within."""

    def __init__(self) -> None:
        import torch

        super().__init__()
        self.norm = torch.nn.BatchNorm1d(144)

    def call(self, x: Any) -> Any:
        return self.norm(x)


@pytest.mark.parametrize("layer", [Counts, Wraps])
def test_code_that_may_keep_a_state_is_trained_by_fit_from_a_new_model_each(layer: Any) -> None:
    arm = arm_of(of(layer))
    with pytest.warns(UserWarning, match=f"{BY_FIT}.*, as code that is not Keras's own runs at"):
        after_another = trained(1, 3, arm=arm)[3]
    assert bits(trained(3, arm=arm)[3]) == bits(after_another)


def test_what_a_builder_sets_holds_at_each_step() -> None:
    def blunt() -> Any:
        keras.config.set_epsilon(0.1)
        return small.steady()

    with pytest.warns(UserWarning, match="as its builder changes a setting that each step reads"):
        found = trained(3, arm=arm_of(blunt))[3]
    assert found.loss[0] != trained(3)[3].loss[0]


def test_dropout_draws_what_a_run_s_seed_says(recwarn: pytest.WarningsRecorder) -> None:
    runs = trained(3, 4, arm=arm_of(seeded))
    assert bits(runs[3]) != bits(runs[4])
    assert not [w for w in recwarn if BY_FIT in str(w.message)]


def test_a_measure_that_draws_leaves_the_run_as_it_is() -> None:
    import torch

    def drawing(model: Any, x: Any, y: Any) -> float:
        return float(torch.rand(()))

    measured = trained(3, arm=arm_of(small.random, measures={"draw": drawing}))[3]
    assert measured.loss.tobytes() == trained(3, arm=arm_of(small.random))[3].loss.tobytes()


def seeded() -> Any:
    return small.convolutional(keras.layers.Dropout(0.3, seed=4))


def looked(build: Any, *seeds: int) -> dict[int, Any]:
    arm = BatchArm(build, DATA, None, 32, batches=3, loss=LOSS)
    return {seed: bits(history) for seed, history in probing.probe(arm, seeds)}


NAMED = "draws from the generator of torch, not from the run's seed: give dropout a seed"


def test_probes_refuse_what_they_would_draw_from_the_generator_of_the_process() -> None:
    with pytest.raises(ArmError, match=NAMED):
        looked(small.random, 0)
    with pytest.raises(ArmError, match="probes=True is for what our own program trains"):
        trained(0, arm=arm_of(small.random, probes=True))
    looked(seeded, 0)
    trained(0, arm=arm_of(seeded, probes=True))


def test_probes_look_at_a_new_model_each() -> None:
    assert looked(of(Counts), 1, 3)[3] == looked(of(Counts), 3)[3]


def test_probes_refuse_a_builder_that_changes_settings() -> None:
    def blunt() -> Any:
        keras.config.set_epsilon(0.1)
        return small.steady()

    with pytest.raises(ArmError, match="its builder sets epsilon, which each look would have to"):
        looked(blunt, 0)


def test_a_bad_token_in_a_later_batch_is_refused_in_words() -> None:
    def of_tokens() -> Any:
        return keras.Sequential(
            [
                keras.Input((5,)),
                keras.layers.Embedding(12, 4),
                keras.layers.Flatten(),
                small.dense(),
            ]
        )

    tokens = np.ones((64, 5), np.int32)
    tokens[-1] = 12
    data = Data("tokens", tokens, DATA.y_train[:64], tokens, DATA.y_train[:64])
    with pytest.raises(ArmError, match=r"cannot be trained on .*index out of range"):
        trained(*range(3), arm=arm_of(of_tokens, data))


class Doubles(keras.Operation):  # type: ignore[misc]
    """An operation of one's own, which is no layer."""

    def call(self, x: Any) -> Any:
        return x * 2

    def compute_output_spec(self, x: Any) -> Any:
        return keras.KerasTensor(x.shape, x.dtype)


def with_operation() -> Any:
    inputs = keras.Input((144,))
    return keras.Model(inputs, small.dense()(Doubles()(inputs)))


def with_call() -> Any:
    model = of(keras.layers.Identity)()
    model.layers[0].call = lambda x: x
    return model


def with_constraint() -> Any:
    model = small.steady()
    model.trainable_variables[0].constraint = lambda weight: weight
    return model


def with_cell() -> Any:
    inputs = keras.Input((144,))
    output, _ = keras.layers.GRUCell(4)(inputs, keras.ops.zeros_like(inputs[:, :4]))
    return keras.Model(inputs, small.dense()(output))


def with_two_of_one_path() -> Any:
    def inner() -> Any:
        inputs = keras.Input((144,))
        return keras.Model(inputs, keras.layers.Dense(144, name="one")(inputs))

    return keras.Sequential([keras.Input((144,)), inner(), inner(), small.dense()])


def compiled_by_torch() -> Any:
    model = small.steady()
    model.compile("sgd", LOSS, jit_compile=True)
    return model


def with_recurrent_dropout() -> Any:
    layers = [keras.layers.Reshape((12, 12)), keras.layers.GRU(3, dropout=0.3), small.dense()]
    return keras.Sequential([keras.Input((144,)), *layers])


def with_epsilon() -> Any:
    keras.config.set_epsilon(0.1)
    return small.steady()


REASONS = {
    small.random: "its dropout has no seed, and draws from the process's generator",
    with_recurrent_dropout: "its dropout has no seed, and draws from the process's generator",
    with_cell: "a recurrent cell is called by itself",
    with_two_of_one_path: "two of its weights have one path",
    with_operation: "code that is not Keras's own runs at each step",
    with_call: "code that is not Keras's own runs at each step",
    with_constraint: "code that is not Keras's own runs at each step",
    with_epsilon: "its builder changes a setting that each step reads",
    compiled_by_torch: "it is compiled by torch.compile",
}


def test_each_reason_has_an_example() -> None:
    assert set(REASONS.values()) == AT_EACH_STEP.keys()


@pytest.mark.parametrize("build", REASONS)
def test_why_fit_trains_it_is_said(build: Any) -> None:
    arm = arm_of(build, optimizer=None if build is compiled_by_torch else arm_of().optimizer)
    with state.known():
        model = build()
        assert not_by_program(arm, model, compilation(arm, model)) == REASONS[build]


def test_weights_without_a_gradient_stay_as_they_are() -> None:
    assert np.isfinite(trained(0, arm=arm_of(half_frozen, probes=True))[0].loss).all()
