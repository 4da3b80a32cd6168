"""`train` and `probe`: they name arms, and compute nothing."""

from pathlib import Path
from typing import Any

import pytest

from bnclaims import MLP, Layer, Optimizer, Probe, Train
from bnclaims.experiment.arm import PROTOCOLS, TrainingArm
from bnclaims.experiment.data import DataSource
from bnclaims.experiment.models import GLOROT_NORMAL
from bnclaims.language.evidence import Trial
from tests.fakes import new_trial


@pytest.fixture
def trial() -> Trial:
    return new_trial()


@pytest.fixture
def source(tmp_path: Path) -> DataSource:
    return DataSource("digits", tmp_path, "digits", fingerprint="0" * 64)


@pytest.fixture
def train(trial: Trial, source: DataSource) -> Train:
    return Train(trial, source, PROTOCOLS["quick"])


@pytest.fixture
def probe(trial: Trial, source: DataSource) -> Probe:
    return Probe(trial, source, PROTOCOLS["quick"])


def training_arm(train: Train, **training: Any) -> TrainingArm:
    arm = train(MLP(), **training).arm
    assert isinstance(arm, TrainingArm)
    return arm


def test_an_arm_follows_the_protocol_but_for_what_is_said(train: Train) -> None:
    usual = training_arm(train)
    assert (usual.epochs, usual.images) == (PROTOCOLS["quick"].epochs, PROTOCOLS["quick"].images)
    assert training_arm(train, epochs=1).epochs == 1
    assert training_arm(train, batch_size=4).batch_size == 4


def test_what_a_claim_names_is_noted_in_its_trial(train: Train, probe: Probe, trial: Trial) -> None:
    handles = [train(MLP()), probe(Layer("tanh", GLOROT_NORMAL)), train(MLP(), first_seed=1000)]
    assert trial.named == handles
    assert all(runs.trial is trial for runs in handles)
    assert list(handles[2].seeds(2)) == [1000, 1001]


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
    ],
)
def test_a_training_that_makes_no_sense_is_refused(train: Train, given: Any, words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        train(MLP(), **given)


@pytest.mark.parametrize("subject", [3, MLP, lambda: None, lambda seed, other: 0])
def test_a_probe_is_of_a_layer_a_model_or_a_function_of_a_seed(probe: Probe, subject: Any) -> None:
    with pytest.raises(TypeError, match=r"give a Layer\(activation, initializer\), a model with a"):
        probe(subject)
