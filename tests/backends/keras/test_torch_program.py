"""Keras on PyTorch: our program trains what is Keras's own, and `fit` whatever else runs."""

from typing import Any

import keras
import numpy as np
import pytest

from bnclaims.backends.keras import probing
from bnclaims.errors import ArmError
from bnclaims.experiment.arm import BatchArm
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
    runs = trained(3, 4, arm=arm_of(small.random))
    assert bits(runs[3]) != bits(runs[4])
    assert not [w for w in recwarn if BY_FIT in str(w.message)]


def test_a_measure_that_draws_leaves_the_run_as_it_is() -> None:
    import torch

    def drawing(model: Any, x: Any, y: Any) -> float:
        return float(torch.rand(()))

    measured = trained(3, arm=arm_of(small.random, measures={"draw": drawing}))[3]
    assert measured.loss.tobytes() == trained(3, arm=arm_of(small.random))[3].loss.tobytes()


def test_probes_refuse_what_they_would_draw_from_the_generator_of_the_process() -> None:
    arm = BatchArm(small.random, DATA, None, 32, batches=3, loss=LOSS)
    with pytest.raises(ArmError, match="it draws from the generator of torch, not from the run's"):
        list(probing.probe(arm, [0]))


def test_weights_without_a_gradient_stay_as_they_are() -> None:
    def frozen() -> Any:
        model = small.steady()
        model.layers[0].trainable = False
        return model

    assert np.isfinite(trained(0, arm=arm_of(frozen, probes=True))[0].loss).all()
