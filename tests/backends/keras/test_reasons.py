"""Reasons: of an error that came through Keras, what the user has to know, in a line."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from bnclaims import tracebacks
from bnclaims.backends.keras.reasons import reason

pytestmark = pytest.mark.filterwarnings("ignore:Layer 'holding:UserWarning")

HERE = tracebacks.shown(Path(__file__))

NOISE = """Graph execution error:

Detected at node Cast
indices[0] = 9 is not in [0, 3)
\t [[{{node loss}}]]"""


CALLED = """Exception encountered when calling Own.call().

\x1b[1mno x\x1b[0m

Arguments received by Own.call():"""

INFERRED = """Could not automatically infer the output shape / dtype of 'own'. Error encountered:

no x"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (NOISE, "indices[0] = 9 is not in [0, 3)"),
        ("plain", "plain"),
        ("A sentence.", "A sentence."),
        (CALLED, "Own.call(): no x"),
        (INFERRED, "no x"),
        ("Exception encountered when calling A.call().",) * 2,
        ("Detected at node Cast", "Detected at node Cast"),
        ("", "ValueError"),
        ("x" * 900, "x" * 500),
    ],
)
def test_of_an_error_the_reason_is_kept(text: str, expected: str) -> None:
    assert reason(ValueError(text)) == expected


def test_a_missing_key_is_said_to_be_one() -> None:
    assert reason(KeyError("y")) == "KeyError: 'y'"
    assert reason(KeyError()) == "KeyError"


def test_what_keras_words_anew_may_be_a_missing_key_too() -> None:
    assert reason(KeyError(CALLED)) == "Own.call(): no x"


class Broken(keras.layers.Layer):  # type: ignore[misc]
    """Does something in its call that fails."""

    def __init__(self, fails: Callable[[Any], Any]) -> None:
        super().__init__()
        self.fails = fails

    def call(self, x: Any) -> Any:
        return self.fails(x)


class Holding(keras.Model):  # type: ignore[misc]
    """Calls a layer, whose shapes Keras learns by calling this."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.layer = layer

    def call(self, x: Any) -> Any:
        return self.layer(x)


def wrong_shapes(x: Any) -> Any:
    return keras.ops.matmul(x, keras.ops.zeros((7, 7)))


def missing_key(x: Any) -> Any:
    return vars(keras.layers)[f"a {len(x.shape)}"]


def unset(x: Any) -> Any:
    return x.nothing


def met(function: Callable[[], Any]) -> Exception:
    try:
        function()
    except Exception as error:  # noqa: BLE001  (whatever Keras makes of it)
        return error
    raise AssertionError


@pytest.mark.parametrize(
    ("fails", "words"),
    [(missing_key, "KeyError: 'a 2'"), (unset, "nothing")],
)
@pytest.mark.parametrize("outer", [Holding, lambda layer: layer])
@pytest.mark.parametrize("symbolic", [True, False])
def test_the_error_behind_keras_is_told_and_where_it_was_raised(
    fails: Callable[[Any], Any], words: str, outer: Callable[[Any], Any], symbolic: bool
) -> None:
    x = keras.KerasTensor((None, 3)) if symbolic else np.zeros((2, 3), np.float32)
    said = reason(met(lambda: outer(Broken(fails))(x)))
    line = inspect.getsourcelines(fails)[1] + 1
    assert said.startswith("Broken.call(): ")
    assert said.endswith(f", at {HERE}:{line}")
    assert words in said
    assert "\n" not in said


def test_what_a_library_raises_on_the_users_call_is_placed_at_that() -> None:
    said = reason(met(lambda: Holding(Broken(wrong_shapes))(keras.KerasTensor((None, 3)))))
    line = inspect.getsourcelines(wrong_shapes)[1] + 1
    assert said.startswith("Broken.call(): ")
    assert said.endswith(f", at {HERE}:{line}")
    assert "3" in said
    assert "7" in said
