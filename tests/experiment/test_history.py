"""Histories: taken apart and put together, and when a run diverged."""

import numpy as np
import pytest
from hypothesis import given

from bnclaims.experiment.history import History
from tests.fakes import CURVES, assert_same, history_of
from tests.strategies import histories


@given(histories)
def test_a_history_survives_being_taken_apart(history: History) -> None:
    arrays = history.to_arrays()
    assert set(CURVES) <= arrays.keys()
    assert {name.removeprefix("probes/") for name in arrays.keys() - set(CURVES)} == set(
        history.probes
    )
    assert_same(History.from_arrays(arrays), history)


@pytest.mark.parametrize("name", CURVES)
def test_a_history_without_a_curve_is_none(name: str) -> None:
    arrays = history_of(0).to_arrays()
    del arrays[name]
    with pytest.raises(KeyError, match=name):
        History.from_arrays(arrays)


@pytest.mark.parametrize(
    ("loss", "epoch"),
    [
        ([], None),
        ([1.0, 0.5], None),
        ([np.nan, np.nan], 1),
        ([1.0, np.inf, np.nan], 2),
        ([1.0, -np.inf, 1.0], 2),
        ([1e149, 1.0, np.nan], 3),
        ([1.0, 1e308, 1.0], 2),
    ],
)
def test_a_run_diverged_when_its_loss_was_first_no_number(
    loss: list[float], epoch: int | None
) -> None:
    assert History(loss=np.array(loss)).diverged_epoch == epoch


def test_only_the_training_loss_says_that_a_run_diverged() -> None:
    assert History(loss=np.ones(2), val_loss=np.full(2, np.nan)).diverged_epoch is None
