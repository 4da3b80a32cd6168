"""What must be trained again after a change, and what must not: the table of docs/reliability.md.

tests/experiment/test_fingerprint.py goes into every way in which code can hide a change.
"""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bnclaims.experiment.arm import TrainingArm
from bnclaims.experiment.data import Data

BUILDER = '''
from functools import partial
from pathlib import Path

UNITS = 8
WIDTHS = {"first": [UNITS]}

class Scale:
    """A custom object."""

    factor = 2

    def __call__(self, x):
        "Calls."
        return x * self.factor

def helper(x: int = 1) -> int:
    "Adds."
    return x + 1

def closing(over):
    def build():
        "Builds."
        class Inner:
            "Within."
        # a comment
        policy = "float32"
        return over, helper(), Scale(), WIDTHS["first"], policy
    return build

build = partial(closing(3), *[Path(FILE)][:0])
'''


def arm(folder: Path, source: str = BUILDER, **changes: Any) -> TrainingArm:
    """An arm of a builder with this source, as another session would meet it."""
    number = len(list(folder.iterdir()))
    path = folder / f"{number}" / "user.py"
    path.parent.mkdir()
    path.write_text(source.replace("FILE", repr(str(folder / "weights"))))
    spec = importlib.util.spec_from_file_location("user", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    settings: dict[str, Any] = {
        "data": data(), "images": None, "epochs": 1, "versions": {"keras": "3.5"},
    }  # fmt: skip
    return TrainingArm(module.build, **settings | changes)


def data(label: int = 1) -> Data:
    x, y = np.zeros((4, 3)), np.array([0, 0, 0, label])
    return Data(name="own", x_train=x, y_train=y, x_test=x, y_test=y)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x + 1", "x + 2"),
        ("return over,", "return over + 1,"),
        ("closing(3)", "closing(4)"),
        ("UNITS = 8", "UNITS = 16"),
        ("factor = 2", "factor = 3"),
        ("x * self.factor", "x / self.factor"),
        ("x: int = 1", "x: int = 2"),
        ('"float32"', '"mixed_float16"'),
    ],
    ids=["helper", "builder", "closure", "constant", "attribute of a custom object",
         "method of a custom object", "default", "dtype policy"],
)  # fmt: skip
def test_a_change_of_the_code_retrains(tmp_path: Path, old: str, new: str) -> None:
    assert BUILDER.count(old) == 1
    assert arm(tmp_path).digest != arm(tmp_path, BUILDER.replace(old, new)).digest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# a comment", "# another comment\n\n        # and one more"),
        ("A custom object.", "A custom object, documented."),
        ("x: int = 1) -> int", "x: float = 1) -> float"),
        ("return over, helper(),", "return over, \\\n            helper(),"),
        ("x + 1", "( x  +  1 )"),
        ("Adds.", "Adds one."),
        ("Calls.", "Scales."),
        ("Builds.", "Makes."),
        ("Within.", "Inside."),
        (" -> int:", " -> int:\n    # a comment"),
    ],
    ids=["comments", "docstrings", "annotations", "line breaks", "formatting",
         "docstring of a function", "of a method", "of a function within", "of a class within",
         "lines"],
)  # fmt: skip
def test_what_changes_no_number_does_not_retrain(tmp_path: Path, old: str, new: str) -> None:
    assert BUILDER.count(old) == 1
    assert arm(tmp_path).digest == arm(tmp_path, BUILDER.replace(old, new)).digest


def test_a_docstring_that_is_a_constant_too_retrains(tmp_path: Path) -> None:
    one, two = (BUILDER.replace("Builds.", text).replace("float32", text) for text in ("a", "b"))
    assert arm(tmp_path, one).digest != arm(tmp_path, two).digest


@pytest.mark.parametrize(
    "changes",
    [
        {"versions": {"keras": "3.6"}},
        {"versions": {"keras": "3.5", "numpy": "2.0"}},
        {"data": data(label=2)},
        {"epochs": 2},
        {"batch_size": 64},
    ],
    ids=["library version", "another library", "data", "epochs", "batch size"],
)
def test_a_change_beside_the_code_retrains(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert arm(tmp_path).digest != arm(tmp_path, **changes).digest


def test_the_same_again_does_not_retrain(tmp_path: Path) -> None:
    assert arm(tmp_path).digest == arm(tmp_path, data=data()).digest


def test_a_change_of_a_files_content_retrains_and_its_date_does_not(tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    weights.write_text("1")
    source = BUILDER.replace("[:0]", "").replace("def build():", "def build(path):")
    before = arm(tmp_path, source).digest
    weights.touch()
    assert arm(tmp_path, source).digest == before
    weights.write_text("2")
    assert arm(tmp_path, source).digest != before
