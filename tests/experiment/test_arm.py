"""Arms: their digest follows from all that changes a number, and from nothing else."""

import dataclasses
import functools
import json
import subprocess
import sys
import textwrap
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bnclaims.errors import DescriptionError
from bnclaims.experiment import arm as arm_module
from bnclaims.experiment.arm import (
    Arm,
    BatchArm,
    FunctionArm,
    ProbeArm,
    TrainingArm,
    loss_name,
    model_name,
)
from bnclaims.experiment.data import Data
from bnclaims.experiment.models import GLOROT_NORMAL, GLOROT_UNIFORM, MLP, Layer
from bnclaims.experiment.protocol import Optimizer, TrainingProtocol
from bnclaims.experiment.seeds import Seed
from bnclaims.experiment.sources import DataSource

VERSIONS = {"engine": "4", "keras": "3"}
SGD = Optimizer("SGD", learning_rate=0.01, momentum=0.9, nesterov=True)


def data_of(value: int, name: str = "tiny") -> Data:
    x, y = np.full((4, 3), value, np.uint8), np.zeros(4, np.uint8)
    return Data(name=name, x_train=x, y_train=y, x_test=x, y_test=y)


def builder() -> Any:
    raise AssertionError("nobody is to build this")


def arm_of(**changes: Any) -> TrainingArm:
    fields: dict[str, Any] = {"model": MLP(), "data": data_of(1), "images": 3, "epochs": 2}
    return TrainingArm(**fields | changes)


class Halting:
    """Stands for a callback."""


def norm(model: Any, x: Any, y: Any) -> float:
    raise AssertionError("nobody is to measure this")


CHANGES: dict[str, list[Any]] = {
    "model": [MLP("sigmoid"), MLP().with_batch_norm(1), MLP(hidden=(512,)), builder],
    "data": [data_of(2)],
    "images": [4, None],
    "epochs": [3],
    "optimizer": [Optimizer("Adam"), SGD, Optimizer("SGD", **dict(SGD.arguments[1:]))],
    "batch_size": [64],
    "loss": ["mean_squared_error"],
    "loss_weights": [[2.0]],
    "metrics": [("mae",)],
    "weighted_metrics": [("mae",)],
    "class_weight": [{0: 2.0}],
    "callbacks": [(Halting(),)],
    "measures": [{"norm": norm}],
    "probes": [True],
    "fresh": [True],
    "versions": [VERSIONS],
}
NAMING_ONLY = {"protocol"}


def test_every_field_changes_the_digest() -> None:
    fields = {field.name for field in dataclasses.fields(TrainingArm)}
    assert CHANGES.keys() == fields - NAMING_ONLY
    arms = [arm_of()]
    arms += [arm_of(**{name: value}) for name, values in CHANGES.items() for value in values]
    assert len({arm.digest for arm in arms}) == len(arms)
    assert len(set(arms)) == len(arms)


def test_every_field_but_versions_changes_the_recipe() -> None:
    changes = {name: values for name, values in CHANGES.items() if name != "versions"}
    arms = [arm_of()]
    arms += [arm_of(**{name: value}) for name, values in changes.items() for value in values]
    assert len({arm.recipe for arm in arms}) == len(arms)
    assert arm_of(versions=VERSIONS).recipe == arm_of().recipe


def test_the_recipe_of_a_function_knows_no_version_of_what_it_uses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def measure(seed: int) -> float:
        return float(np.sqrt(seed)) + len(pytest.__version__)

    def arm() -> FunctionArm:
        return FunctionArm(measure, versions={"engine": "4"})

    now = arm()
    assert now.libraries_used.keys() == {"numpy", "pytest"}
    monkeypatch.setattr(metadata, "version", lambda _: "0")
    other = arm()
    assert other.digest != now.digest
    assert other.recipe == now.recipe


def test_every_field_of_a_probe_changes_the_digest() -> None:
    layer = Layer("tanh", GLOROT_NORMAL)
    changes: dict[str, Any] = {
        "activation": "relu", "initializer": GLOROT_UNIFORM, "units": 8, "inputs": 9, "samples": 2,
    }  # fmt: skip
    assert changes.keys() == {field.name for field in dataclasses.fields(Layer)}
    layers = [layer, *(dataclasses.replace(layer, **{k: v}) for k, v in changes.items())]
    assert len({ProbeArm(each).digest for each in layers}) == len(layers)


def batches_of(**changes: Any) -> BatchArm:
    fields: dict[str, Any] = {
        "model": MLP(), "data": data_of(1), "images": 3, "batch_size": 2, "batches": 5,
    }  # fmt: skip
    return BatchArm(**fields | changes)


def test_every_field_of_a_look_at_batches_changes_the_digest() -> None:
    names = [field.name for field in dataclasses.fields(BatchArm)]
    changes: dict[str, list[Any]] = {
        **{name: CHANGES[name] for name in names if name in CHANGES}, "batches": [6],
    }  # fmt: skip
    assert changes.keys() == set(names)
    arms = [batches_of()]
    arms += [batches_of(**{name: value}) for name, values in changes.items() for value in values]
    assert len({arm.digest for arm in arms}) == len(arms)


def test_a_function_s_code_and_what_it_reaches_change_the_digest() -> None:
    def factory(scale: float) -> Callable[[int], float]:
        return lambda seed: scale * seed

    assert FunctionArm(factory(1.0)) == FunctionArm(factory(1.0))
    assert FunctionArm(factory(1.0)) != FunctionArm(factory(2.0))
    assert FunctionArm(float) != FunctionArm(int)


def test_a_function_is_the_one_that_was_named() -> None:
    scale = [1.0]

    def measure(seed: int) -> float:
        return scale[0] * seed

    arm = FunctionArm(measure)
    assert arm.measure(Seed(3)) == 3.0
    scale[0] = 2.0
    with pytest.raises(DescriptionError, match="function measure has changed since"):
        arm.measure(Seed(3))


def test_only_fresh_arms_say_so() -> None:
    assert "fresh" not in arm_of().description
    assert arm_of(fresh=True).description == arm_of().description | {"fresh": True}
    assert not any(arm.fresh for arm in (Arm(), arm_of(), batches_of(), FunctionArm(float)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"batch_size": 0}, "batch_size=0: give an integer of 1 or more"),
        ({"batches": 1}, "batches=1: give an integer of 2 or more"),
        ({"images": 0}, "images=0: give an integer of 1 or more"),
    ],
)
def test_batches_are_counted(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        batches_of(**change)


def test_the_versions_of_what_computes_change_the_digest() -> None:
    layer = Layer("tanh", GLOROT_NORMAL)
    kinds: list[Callable[[dict[str, str]], Arm]] = [
        lambda versions: arm_of(versions=versions),
        lambda versions: batches_of(versions=versions),
        lambda versions: ProbeArm(layer, versions=versions),
        lambda versions: FunctionArm(float, versions=versions),
    ]
    for kind in kinds:
        one, other = (kind({"keras": version}) for version in ("3.5", "3.6"))
        assert one.description["versions"] == {"keras": "3.5"}
        assert one != other


@pytest.mark.parametrize("package", ["keras", "numpy", "tensorflow"])
def test_a_function_depends_on_the_versions_of_what_it_uses_only(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def by_numpy(seed: int) -> float:
        import numpy as np

        return float(np.random.default_rng(seed).normal())

    def by_keras(seed: int) -> float:
        import keras

        return float(keras.random.normal((), seed=seed))

    def by_nothing(seed: int) -> float:
        return seed / 2

    uses = {by_numpy: {"numpy"}, by_keras: {"keras", "tensorflow"}, by_nothing: set()}
    before = {function: FunctionArm(function).digest for function in uses}
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "99.0" if name == package else real(name))
    for function, libraries in uses.items():
        assert FunctionArm(function).libraries == libraries
        assert (FunctionArm(function).digest != before[function]) == (package in libraries)


def test_the_version_of_another_package_that_a_model_reaches_changes_the_digest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def build() -> Any:
        return pytest.approx(8)  # stands for a package of layers

    before = arm_of(model=build).digest
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "99" if name == "pytest" else real(name))
    assert arm_of(model=build).digest != before


def test_nothing_else_changes_the_digest(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    arm = arm_of()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONHASHSEED", "5")
    explicit = arm_of(
        model=MLP(activation="relu", hidden=(512, 256, 128, 64), initializer=GLOROT_UNIFORM),
        data=data_of(1, "called otherwise"),
        batch_size=32,
        protocol=TrainingProtocol("another", epochs=7),
    )
    assert explicit.digest == arm.digest
    assert explicit == arm
    assert hash(explicit) == hash(arm)
    assert arm != MLP()
    assert len(arm.digest) == 64


def test_two_kinds_of_arms_are_never_equal() -> None:
    assert arm_of() != ProbeArm(Layer("tanh", GLOROT_NORMAL))
    layer = ProbeArm(Layer("tanh", GLOROT_NORMAL))
    kinds = [arm.description["kind"] for arm in (arm_of(), layer, batches_of(), FunctionArm(float))]
    assert kinds == ["training", "probe", "batches", "function"]


def test_a_description_is_plain_data() -> None:
    layer = ProbeArm(Layer("tanh", GLOROT_NORMAL))
    for arm in (arm_of(), arm_of(model=builder), layer, batches_of(), FunctionArm(float)):
        assert json.loads(json.dumps(arm.description)) == arm.description


@pytest.mark.parametrize("name", ["epochs", "batch_size"])
@pytest.mark.parametrize("value", [0, -1, 1.0, "3", None])
def test_epochs_and_batches_are_whole_numbers(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match="give an integer of 1 or more") as info:
        arm_of(**{name: value})
    assert str(info.value).startswith(f"{name}={value!r}: ")


class AKerasModel:
    def __call__(self) -> None: ...

    def build(self) -> None: ...

    def get_config(self) -> dict[str, Any]:
        return {}


@pytest.mark.parametrize("model", [AKerasModel(), AKerasModel, "relu", 3, None])
def test_a_model_that_is_no_recipe_is_refused(model: Any) -> None:
    with pytest.raises(TypeError, match="a function that returns a new Keras model each time"):
        arm_of(model=model)


def test_a_model_that_cannot_be_described_is_named() -> None:
    thing = object()

    def reaches_it() -> Any:
        return thing

    with pytest.raises(DescriptionError, match=r"^model reaches_it: cannot describe <object"):
        _ = arm_of(model=reaches_it).digest


def test_an_arm_is_called_by_what_is_special_about_it() -> None:
    session = DataSource("mnist", Path(), "MNIST", "0" * 64)
    article = TrainingProtocol(
        "article", images=60_000, epochs=10, batch_size=128, optimizer=SGD, loss="mse"
    )
    usual = arm_of(
        data=session, images=60_000, epochs=10, batch_size=128, optimizer=SGD, loss="mse",
        protocol=article,
    )  # fmt: skip
    assert str(usual) == "relu no BN"
    assert str(dataclasses.replace(usual, epochs=11)) == "relu no BN, epochs 11"
    by_keras = arm_of(data=session, epochs=1, loss=MLP.loss)
    assert str(by_keras) == "relu no BN"
    adam = Optimizer("Adam", learning_rate=0.1)
    assert str(arm_of(optimizer=adam, batch_size=8, loss="mse")) == (
        "relu no BN, Adam(learning_rate=0.1), batch 8, epochs 2, mse, on tiny"
    )
    assert str(arm_of(model=builder, images=None, epochs=10)) == "builder, epochs 10, on tiny"
    assert model_name(builder) == "builder"
    assert str(arm_of(model=MLP("tanh"), batch_size=4)) == "tanh no BN, batch 4, epochs 2, on tiny"
    assert str(ProbeArm(Layer("tanh", GLOROT_NORMAL))) == "tanh layer, GlorotNormal"
    assert str(batches_of()) == "relu no BN untrained, batch 2"
    assert str(FunctionArm(float)) == "float"


def test_an_arm_builds_what_its_model_says() -> None:
    @dataclasses.dataclass(frozen=True)
    class Recipe:
        def build(self) -> str:
            return "built"

    assert arm_of(model=Recipe()).build() == "built"
    assert arm_of(model=lambda: "called").build() == "called"
    assert arm_of(model=Recipe().build).build() == "built"


def test_an_arm_never_builds_another_model_than_its_digest_says() -> None:
    units = [8]
    arm = arm_of(model=lambda: units[0])
    digest, built = arm.digest, arm.build()
    units[0] = 16  # as another test's body may, between planning and training
    try:
        again = arm.build()
    except (DescriptionError, RuntimeError):
        return
    assert again == built or arm.digest != digest


def test_longer_runs_are_more_work() -> None:
    base = arm_of().cost
    assert arm_of(epochs=4).cost == 2 * base
    assert arm_of(images=None).cost > base
    assert arm_of(batch_size=8).cost > base
    assert ProbeArm(Layer("tanh", GLOROT_NORMAL, samples=5)).cost == 5
    assert batches_of(batches=10).cost == 2 * batches_of().cost
    assert FunctionArm(float).cost > 0


def test_a_bare_arm_is_no_arm() -> None:
    with pytest.raises(TypeError, match="Arm describes nothing: use TrainingArm or its like"):
        _ = Arm().description
    with pytest.raises(TypeError, match="Arm has no cost: use TrainingArm or its like"):
        _ = Arm().cost


def test_neither_importing_nor_describing_imports_tensorflow(tmp_path: Path) -> None:
    (tmp_path / "nets.py").write_text(
        textwrap.dedent(
            """
            def build():
                import keras

                return keras.Sequential([keras.layers.Dense(10)])
            """
        )
    )
    code = """
        import sys
        import numpy as np
        import bnclaims
        from bnclaims.experiment.arm import ProbeArm, TrainingArm
        import nets
        x, y = np.zeros((3, 2)), np.zeros(3)
        data = bnclaims.Data("d", x, y, x, y)
        for model in (bnclaims.MLP().with_batch_norm(2), nets.build):
            TrainingArm(model, data, 3, 1).digest
        ProbeArm(bnclaims.Layer("tanh", bnclaims.GLOROT_NORMAL)).digest
        print([name for name in ("tensorflow", "keras", "jax", "torch") if name in sys.modules])
    """
    root = Path(arm_module.__file__).parents[2]
    program = f"import sys; sys.path[:0] = {[str(tmp_path), str(root)]!r}\n{textwrap.dedent(code)}"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_a_function_is_called_by_its_name_and_arguments() -> None:
    def network(units: Any, *, depth: Any = 1) -> Any:
        return units, depth

    partial = functools.partial(network, 8, depth=2)
    assert model_name(partial) == "network(8, depth=2)"
    assert model_name(functools.partial(network, builder, depth=len)) == (
        "network(builder, depth=len)"
    )
    assert str(arm_of(model=partial)) == "network(8, depth=2), epochs 2, on tiny"
    unnamed: Callable[[], Any] = lambda: network(8)  # noqa: E731
    assert str(arm_of(model=unnamed)).startswith("lambda of line ")


def test_a_loss_is_called_by_what_is_special_about_it() -> None:
    import keras

    def weighted(share: float, y: Any, predicted: Any) -> Any:
        return share * (y - predicted)

    smoothed = keras.losses.CategoricalCrossentropy(label_smoothing=0.2, name="mine")
    assert loss_name(smoothed) == "CategoricalCrossentropy(label_smoothing=0.2)"
    assert loss_name(keras.losses.CategoricalCrossentropy()) == "CategoricalCrossentropy"
    assert loss_name(keras.losses.Huber(delta=2.0)) == "Huber(delta=2.0)"
    assert loss_name(functools.partial(weighted, 0.3)) == "weighted(0.3)"
    assert loss_name(weighted) == "weighted"
    assert loss_name({"one": "mse", "two": smoothed}) == f"one: mse, two: {loss_name(smoothed)}"


def test_an_arm_is_what_its_model_reached_when_it_was_named() -> None:
    units = {"units": 8}

    def build() -> Any:
        return units["units"]

    one = arm_of(model=build)
    units["units"] = 64
    other = arm_of(model=build)
    assert one != other
    assert other.build() == 64
    with pytest.raises(DescriptionError, match="model build has changed since the claim named it"):
        one.build()


def test_what_a_run_costs_reads_the_images_once(
    images: DataSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time that arms were put in order, each read them again: half a second for ten arms."""
    source, reads = dataclasses.replace(images), []

    def load(self: DataSource) -> Data:
        reads.append(self)
        return read(self)

    read = DataSource.load
    monkeypatch.setattr(DataSource, "load", load)
    arms = [TrainingArm(MLP(hidden=(n,)), source, None, 2) for n in (1, 2, 3)]
    visits = 2 * 500 * (1 + 16 / 32)
    assert {arm.cost for arm in arms for _ in range(3)} == {
        visits * MLP(hidden=(n,)).size for n in (1, 2, 3)
    }
    assert len(reads) == 1
