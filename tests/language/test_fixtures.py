"""The `train` and `probe` fixtures: which arm they name, and what they refuse."""

import functools
import threading
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from bnclaims import (
    GLOROT_NORMAL,
    MLP,
    Layer,
    Optimizer,
    Probe,
    Train,
    TrainingProtocol,
    mean_loss,
)
from bnclaims.experiment.arm import BatchArm, FunctionArm, ProbeArm, TrainingArm
from bnclaims.experiment.data import Data
from bnclaims.experiment.history import History
from bnclaims.experiment.protocol import KERAS_DEFAULTS
from bnclaims.experiment.seeds import Seed
from bnclaims.experiment.sources import DataSource
from bnclaims.language.evidence import Trial
from bnclaims.language.fixtures import Session
from bnclaims.statistics.design import Sequential

ADAM = Optimizer("Adam", learning_rate=0.5, beta_1=0.8)
QUICK = TrainingProtocol("quick", epochs=6, images=100, batch_size=16, optimizer=ADAM, loss="mse")


def session(tmp_path: Path, protocol: TrainingProtocol = QUICK) -> Session:
    source = DataSource("digits", tmp_path, "digits", fingerprint="0" * 64)
    return Session(source, protocol, versions={"keras": "3"}, function_versions={"functions": "1"})


def trial() -> Trial:
    """Of a claim that computes nothing."""

    def nothing(*_: Any) -> Any:
        raise AssertionError("nobody is to compute this")

    return Trial(design=Sequential(), require=nothing, load=nothing)


@pytest.fixture
def name_it(tmp_path: Path) -> Probe:
    return Probe(trial(), session(tmp_path))


@pytest.fixture
def train(tmp_path: Path) -> Train:
    return Train(trial(), session(tmp_path))


class Locked(keras.callbacks.Callback):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()


def network() -> Any:
    raise AssertionError("nobody is to build this")


def answer(seed: int) -> float:
    return 1.0


def test_a_probe_is_of_a_layer_a_model_or_a_function(name_it: Probe) -> None:
    layer = Layer("tanh", GLOROT_NORMAL)
    assert name_it(layer).arm == ProbeArm(layer, versions={"keras": "3"})
    assert name_it(answer).arm == FunctionArm(answer, versions={"functions": "1"})
    assert name_it(functools.partial(pow, 2)).arm == FunctionArm(
        functools.partial(pow, 2), versions={"functions": "1"}
    )
    for model in (MLP(), network):
        arm = name_it(model, batch_size=4).arm
        assert isinstance(arm, BatchArm)
        assert (arm.images, arm.batch_size, arm.batches, arm.loss) == (100, 4, 64, "mse")
        assert name_it(model, batch_size=4, batches=8).arm != arm
    assert name_it.trial.named[0].arm == ProbeArm(layer, versions={"keras": "3"})


@pytest.mark.parametrize(
    ("subject", "arguments"),
    [
        (MLP(), {}),
        (network, {}),
        (float, {}),
        (3, {}),
        ("tanh", {}),
        (Layer("tanh", GLOROT_NORMAL), {"batch_size": 4}),
        (keras.layers.Dense(3), {}),
    ],
)
def test_other_subjects_are_told_the_three_forms(
    name_it: Probe, subject: Any, arguments: dict[str, Any]
) -> None:
    words = r"a model with a batch_size=, or a function of a seed, or of a seed and images$"
    with pytest.raises(TypeError, match=words):
        name_it(subject, **arguments)


CLAIMS = """
import sys
from bnclaims import MLP, claim, metric
from bnclaims.language.builtin_metrics import gradient_noise, measured

def half(seed):
    return {"half": seed / 2}

@claim("Noise is noise", source="here")
def test_noise(probe):
    assert metric(gradient_noise)(probe(MLP(hidden=(8,)), batch_size=4, batches=4)) > 0.0

@claim("A half is less than its whole", source="here")
def test_half(probe):
    assert metric(measured)(probe(half, first_seed=1), name="half") > 0.1

def test_tensorflow():
    assert "tensorflow" not in sys.modules
"""


def test_a_rerun_of_probes_imports_no_tensorflow(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    monkeypatch.setenv("BNCLAIMS_DATA", "digits")
    pytester.makeconftest("pytest_plugins = ['bnclaims.plugin']")
    pytester.makepyfile(test_probes=CLAIMS)
    first = pytester.runpytest_subprocess("--claims-store=store", "-n0")
    first.assert_outcomes(passed=2, failed=1)  # it takes TensorFlow to look
    again = pytester.runpytest_subprocess("--claims-store=store", "-n0")
    again.assert_outcomes(passed=3)


def test_what_a_claim_leaves_out_is_the_protocol_s(train: Train) -> None:
    arm = train(MLP()).arm
    assert isinstance(arm, TrainingArm)
    assert (arm.epochs, arm.images, arm.batch_size) == (6, 100, 16)
    assert (arm.optimizer, arm.loss) == (ADAM, "mse")
    assert arm.versions == {"keras": "3"}


def test_without_a_protocol_it_is_keras_s(tmp_path: Path) -> None:
    train = Train(trial(), session(tmp_path, KERAS_DEFAULTS))
    arm = train(network).arm
    assert isinstance(arm, TrainingArm)
    assert (arm.epochs, arm.images, arm.batch_size) == (1, None, 32)
    assert (arm.optimizer, arm.loss) == (None, None)  # as the builder compiled it
    softmax = train(MLP()).arm
    assert isinstance(softmax, TrainingArm)
    assert softmax.loss == MLP.loss


def test_a_learning_rate_alone_is_of_the_usual_optimizer(train: Train, tmp_path: Path) -> None:
    arm = train(MLP(), learning_rate=0.1).arm
    assert isinstance(arm, TrainingArm)
    assert arm.optimizer == Optimizer("Adam", learning_rate=0.1, beta_1=0.8)
    by_keras = Train(trial(), session(tmp_path, KERAS_DEFAULTS))(MLP(), learning_rate=0.1).arm
    assert isinstance(by_keras, TrainingArm)
    assert by_keras.optimizer == Optimizer("RMSprop", learning_rate=0.1)


def test_numbers_may_be_numpy_s(train: Train) -> None:
    ours = train(network, epochs=3, batch_size=8).arm
    assert train(network, epochs=np.int64(3), batch_size=np.uint8(8)).arm == ours  # type: ignore[arg-type]


def test_one_callback_needs_no_list(train: Train) -> None:
    stop = keras.callbacks.TerminateOnNaN()
    assert train(network, callbacks=stop).arm == train(network, callbacks=[stop]).arm


def test_a_metric_may_be_given_as_its_class(train: Train) -> None:
    arm = train(network, metrics=[keras.metrics.AUC]).arm
    assert isinstance(arm, TrainingArm)
    assert arm.metrics == (keras.metrics.AUC,)


def test_a_trainer_of_ones_own_is_a_function_of_a_seed(train: Train) -> None:
    def trainer(seed: Seed) -> History:
        return History()

    def with_default(units: int = 8) -> Any:
        return units

    arm = train(trainer, first_seed=3).arm
    assert arm == FunctionArm(trainer, versions={"functions": "1"})
    assert isinstance(train(with_default).arm, TrainingArm)
    with pytest.raises(TypeError, match="a function of a seed trains by itself"):
        train(trainer, epochs=3)


def test_a_function_may_take_the_images_too(train: Train, name_it: Probe, small_data: Data) -> None:
    def trainer(seed: Seed, images: Data) -> History:
        return History()

    def measure(seed: int, *, units: int, images: Data) -> float:
        return 0.0

    def of_seed(seed: int, images: Data | None = None) -> float:
        return 0.0

    session = train.session
    arm = train(trainer).arm
    assert arm == FunctionArm(trainer, session.data, QUICK.images, versions={"functions": "1"})
    assert arm.description["data"] == session.data.fingerprint
    assert arm.description["images"] == QUICK.images
    assert arm.data_note == session.data.note
    own = train(trainer, data=small_data).arm
    assert own == FunctionArm(trainer, small_data, versions={"functions": "1"})
    assert own != arm
    looked_at = name_it(functools.partial(measure, units=3), data=small_data).arm
    assert isinstance(looked_at, FunctionArm)
    assert looked_at.data is small_data
    assert name_it(of_seed).arm == FunctionArm(of_seed, versions={"functions": "1"})
    with pytest.raises(TypeError, match=r"data='small': of_seed takes a seed only; give it an"):
        name_it(of_seed, data=small_data)


def training_arm(train: Train, **training: Any) -> TrainingArm:
    arm = train(MLP(), **training).arm
    assert isinstance(arm, TrainingArm)
    return arm


def test_what_a_claim_names_is_noted_in_its_trial(train: Train) -> None:
    trial, probe = train.trial, Probe(train.trial, train.session)
    handles = [train(MLP()), probe(Layer("tanh", GLOROT_NORMAL)), train(MLP(), first_seed=1000)]
    assert trial.named == handles
    assert all(runs.trial is trial for runs in handles)
    assert list(handles[2].seeds(2)) == [1000, 1001]


def test_arms_that_are_called_alike_and_are_not_are_numbered(train: Train) -> None:
    def of(units: int) -> Any:
        def build() -> Any:
            raise AssertionError(units)

        return build

    one, again, other = train(of(8)), train(of(8)), train(of(16), first_seed=5)
    assert [str(runs) for runs in (one, again, other)] == [
        "build",
        "build",
        "build (2), seeds from 5",
    ]
    assert str(mean_loss(one) - mean_loss(train(of(16)))) == (
        "mean_loss(build) - mean_loss(build (2))"
    )


@pytest.mark.parametrize(
    ("given", "optimizer"),
    [
        ({"optimizer": "adam"}, Optimizer("adam")),
        ({"optimizer": "adam", "learning_rate": 0.1}, Optimizer("adam", learning_rate=0.1)),
        ({"optimizer": Optimizer("SGD", momentum=0.5)}, Optimizer("SGD", momentum=0.5)),
    ],
)
def test_an_optimizer_is_a_name_or_a_description(
    train: Train, given: Any, optimizer: Optimizer
) -> None:
    assert training_arm(train, **given).optimizer == optimizer


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"data": [1, 2]}, r"data=list: give bnclaims\.Data\(name=\.\.\., x_train="),
        ({"optimizer": 3}, r"optimizer=3: give a name such as 'adam', bnclaims\.Optimizer"),
        ({"optimizer": Optimizer("SGD"), "learning_rate": 1}, "learning_rate=1: .* has its own"),
        ({"epochs": 0}, "epochs=0: give an integer of 1 or more"),
        ({"class_weight": "balanced"}, "class_weight='balanced': give a dictionary of the classes"),
        ({"class_weight": [1.0, 2.0]}, "class_weight=.1.0, 2.0.: give a dictionary"),
        ({"class_weight": {"0": 2.0}}, "class_weight={'0': 2.0}: give a dictionary"),
        ({"class_weight": {0: "2"}}, "class_weight={0: '2'}: give a dictionary"),
        ({"callbacks": [Locked()]}, "Locked cannot be copied for each run: .* its on_train_begin"),
        ({"measures": [answer]}, "measures=.<function answer .*: give a dictionary of names and"),
        ({"measures": {"a": 1.0}}, "measures={'a': 1.0}: give a dictionary of names and functions"),
        ({"measures": {1: answer}}, "measures={1: <.*: give a dictionary of names and functions"),
        ({"measures": {"val_loss": answer}}, "measures: 'val_loss' is the name of a curve; choose"),
    ],
)
def test_a_training_that_makes_no_sense_is_refused(train: Train, given: Any, words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        train(MLP(), **given)
