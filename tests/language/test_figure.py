"""Figures: what a drawing may hold."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from bnclaims import Figure, History, Layer
from bnclaims.experiment.arm import Arm, FunctionArm, ProbeArm
from bnclaims.experiment.models import GLOROT_NORMAL
from bnclaims.language.figure import Line, drawn
from bnclaims.language.sample import Runs
from tests.fake_results import CURVES, HISTOGRAM
from tests.fakes import new_trial


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"edges": (0.0,)}, "the edges of the bins do not increase"),
        ({"edges": (0.0, 1.0, 1.0)}, "the edges of the bins do not increase"),
        ({"lines": (Line("a", ((0.5,),)),)}, "line 'a' has not one share a bin"),
        ({"lines": (Line("a", ()),)}, "line 'a' has not one share a bin"),
        ({"lines": (Line("a", ((0.5, None),)),)}, "line 'a' lacks a share"),
    ],
)
def test_a_histogram_has_a_share_for_each_bin(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(HISTOGRAM, **changes)


def test_curves_may_end_early() -> None:
    assert CURVES.lines[0].values[0][-1] is None


def trainer(seed: int) -> History:
    return History(loss=np.array([2.0, 1.0]) + seed)


def runs_of(arm: Arm) -> Any:
    return Runs(arm, 0, new_trial())


def test_trainers_of_ones_own_give_curves() -> None:
    figure = Figure("Own", "own", {"one": runs_of(FunctionArm(trainer))})
    drawing = drawn(figure, lambda arm, seed: trainer(seed), seeds=2)
    assert drawing is not None
    assert drawing.kind == "curves"
    assert drawing.lines[0].values == ((2.0, 1.0), (3.0, 2.0))


def test_a_function_that_leaves_no_curve_cannot_be_drawn() -> None:
    figure = Figure("Own", "own", {"one": runs_of(FunctionArm(trainer))})
    with pytest.raises(ValueError, match="runs of 'one' have no curve of the training loss; have"):
        drawn(figure, lambda arm, seed: History(), seeds=2)


def test_curves_and_histograms_do_not_mix() -> None:
    lines = {
        "one": runs_of(FunctionArm(trainer)),
        "other": runs_of(ProbeArm(Layer("tanh", GLOROT_NORMAL))),
    }
    with pytest.raises(ValueError, match="trainings only or layers only"):
        Figure("Mixed", "own", lines)
