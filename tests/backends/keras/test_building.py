"""Data in the shape that a model takes, on the scale that it takes, with labels that it has."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from bnclaims.backends.keras.building import (
    _target,
    builder,
    check_labels,
    label_shapes,
    narrowed,
    sample_weights,
    scale,
    scaled,
    shaped,
)  # fmt: skip
from bnclaims.errors import ArmError
from bnclaims.experiment.arm import TrainingArm
from bnclaims.experiment.data import Data

BYTES = (np.arange(4 * 2 * 2) * 16).astype(np.uint8).reshape(4, 2, 2)
LABELS = np.array([0, 1, 2, 1])


def data(x: Any = BYTES, y: Any = LABELS, **more: Any) -> Data:
    return Data("pictures", x, y, x, y, **more)


def over(shape: tuple[int | None, ...], *inner: Any, classes: int = 3) -> Any:
    def build() -> Any:
        head = [keras.layers.Flatten(), keras.layers.Dense(classes, "softmax")]
        return keras.Sequential([keras.Input(shape), *inner, *head])

    return build


def arm_of(build: Any = None, **changes: Any) -> TrainingArm:
    usual: dict[str, Any] = {"images": None, "epochs": 1, "batch_size": 2, "loss": "crossentropy"}
    return TrainingArm(build or over((2, 2)), **{"data": data(), **usual, **changes})


# Shapes


@pytest.mark.parametrize(
    ("given", "taken", "target"),
    [
        ((28, 28), (784,), (784,)),
        ((28, 28), (28, 28), (28, 28)),
        ((28, 28), (28, 28, 1), (28, 28, 1)),
        ((28, 28, 1), (28, 28), (28, 28)),
        ((1, 28, 28), (28, 28, 1), (28, 28, 1)),
        ((28, 28), (None, 28), (28, 28)),
        ((28, 28), (None, None, 1), (28, 28, 1)),
        ((6,), (6, 1), (6, 1)),
        ((28, 28), (100,), None),
        ((28, 28), (28, 28, 3), None),
        ((28, 20), (20, 28), None),
        ((784,), (28, 28), None),
    ],
)
def test_axes_of_one_come_and_go_and_images_are_flattened(
    given: tuple[int, ...], taken: tuple[int | None, ...], target: tuple[int, ...] | None
) -> None:
    assert _target(given, taken) == target


def test_numbers_keep_their_order_in_another_shape() -> None:
    x = shaped(arm_of(), over((4,))(), tf.constant(BYTES))
    np.testing.assert_array_equal(x, BYTES.reshape(4, 4))


def test_another_shape_is_refused_with_both() -> None:
    with pytest.raises(ArmError, match=r"takes inputs of shape \(3,\), but the images of pictures"):
        shaped(arm_of(), over((3,))(), tf.constant(BYTES))


# Scale


def scales(build: Any, **more: Any) -> Any:
    return scale(arm_of(build, data=data(**more)), build())


def test_bytes_are_intensities_unless_it_is_said_or_a_layer_takes_numbers() -> None:
    assert scales(over((2, 2))) is True
    assert scales(over((2, 2), keras.layers.Rescaling(1 / 255))) is False
    assert scales(over((4,), keras.layers.Embedding(256, 2))) is False
    assert scales(over((2, 2)), scale=False) is False
    assert scales(over((2, 2), keras.layers.Rescaling(1 / 255)), scale=True) is True
    assert scales(over((2, 2)), x=BYTES.astype(np.float32)) is False


class Hidden(keras.Model):  # type: ignore[misc]
    """A model of which it cannot be seen what its input feeds."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.head = keras.layers.Embedding(256, 2), over((2, 2, 2))()

    def call(self, x: Any) -> Any:
        return self.head(self.embedding(x))


def hidden() -> Any:
    return Hidden()


def test_where_it_cannot_be_seen_it_must_be_said() -> None:
    words = r"it cannot be seen whether the bytes of pictures feed them: say Data\(..., scale=False"
    with pytest.raises(ArmError, match=words):
        scales(hidden)


def test_labels_have_a_shape_in_training_and_in_tests() -> None:
    assert label_shapes(arm_of()) == [(4,), (4,)]


def test_integers_that_fit_become_32_bits_and_others_stay() -> None:
    far = np.array([0, 2**40])
    given = {"a": np.array([3, 4], np.uint8), "b": far, "c": np.array([0.5]), "d": np.array([True])}
    tensors = narrowed({name: tf.constant(array) for name, array in given.items()})
    assert [tensor.dtype for tensor in tensors.values()] == [
        tf.int32, tf.int64, tf.float64, tf.bool,
    ]  # fmt: skip
    np.testing.assert_array_equal(tensors["b"], far)


def test_scaled_bytes_lie_between_0_and_1() -> None:
    x = scaled(tf.constant(np.array([0, 51, 255], np.uint8)))
    np.testing.assert_allclose(x, [0, 0.2, 1])
    named = {"a": tf.constant(BYTES), "b": tf.constant(BYTES)}
    found = scaled(named, {"a": True, "b": False})
    np.testing.assert_allclose(found["a"], BYTES / 255, rtol=1e-6)
    np.testing.assert_array_equal(found["b"], BYTES)


# Labels and weights


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([0, 1, 2, 3], r"has 3 classes, 0 to 2, but the labels of pictures go from 0 to 3"),
        ([-1, 0, 1, 2], r"has 3 classes, 0 to 2, but the labels of pictures go from -1 to 2"),
        ([0.5, 0, 1, 2], r"labels of pictures such as 0.5 are no classes; a sparse loss takes"),
    ],
)
def test_labels_that_are_no_class_are_refused(labels: list[float], words: str) -> None:
    arm = arm_of(data=data(y=np.array(labels)))
    with pytest.raises(ArmError, match=words):
        check_labels(arm, over((2, 2))())


def test_a_weight_of_a_class_is_that_of_its_examples() -> None:
    train, test = sample_weights(arm_of(class_weight={1: 3.0, 2: 0.5}))
    np.testing.assert_array_equal(train, [1.0, 3.0, 0.5, 3.0])
    assert test is None
    one_hot = arm_of(data=data(y=np.eye(3)[LABELS]), class_weight={1: 3.0})
    np.testing.assert_array_equal(sample_weights(one_hot)[0], [1.0, 3.0, 1.0, 3.0])


def test_weights_are_of_the_protocol_s_images() -> None:
    weights = np.array([1, 2, 3, 4], np.float32)
    train, _ = sample_weights(arm_of(data=data(sample_weight_train=weights), images=2))
    np.testing.assert_array_equal(train, [1, 2])


def test_weights_of_classes_and_of_examples_are_one_too_many() -> None:
    weighted = data(sample_weight_train=np.ones(4, np.float32))
    with pytest.raises(ArmError, match="class_weight is for a model of one output, and not beside"):
        sample_weights(arm_of(data=weighted, class_weight={1: 3.0}))


# Models


def test_a_model_without_an_input_gets_its_variables_from_the_data() -> None:
    def open_ended() -> Any:
        return keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3)])

    model = builder(arm_of(open_ended))()
    assert [tuple(variable.shape) for variable in model.variables] == [(4, 3), (3,)]


def test_a_model_that_cannot_be_called_on_the_data_is_refused() -> None:
    def unfit() -> Any:
        return keras.Sequential([keras.layers.Conv2D(2, 3)])

    with pytest.raises(ArmError, match="unfit cannot be called on a batch of pictures: "):
        builder(arm_of(unfit))()


def test_each_call_makes_a_new_model() -> None:
    build = builder(arm_of())
    assert build() is not build()
