"""Choosing a setting on seeds of its own."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from bnclaims import choose, diverged, mean_loss
from bnclaims.errors import ClaimError
from bnclaims.experiment.history import History
from bnclaims.language.evidence import Trial
from bnclaims.language.sample import Runs, Sample
from bnclaims.running.schedule import Request
from bnclaims.statistics.design import Sequential
from tests.fakes import FakeArm

LOSSES = {0.01: 0.9, 0.1: 0.4, 1.0: 0.5, 10.0: np.nan}
"""Of each learning rate, at the seeds of the choice; at the others it is the opposite."""


class Fake:
    """A trial whose runs are as `LOSSES` says."""

    def __init__(self, *, tracing: bool = False) -> None:
        self.asked: list[tuple[str, tuple[int, ...]]] = []
        self.trial = Trial(Sequential(), self.require, self.load, tracing=tracing)

    def require(self, requests: Sequence[Request]) -> None:
        self.asked += [(request.arm.digest, request.seeds) for request in requests]

    def load(self, arm: Any, seed: int) -> History:
        loss = LOSSES[float(arm.digest)]
        return History(loss=np.array([loss if seed >= 1_000 else -loss]))

    def loss(self, rate: float, first_seed: int) -> Sample:
        return mean_loss(Runs(FakeArm(str(rate)), first_seed, self.trial))


def test_the_best_mean_on_other_seeds_is_chosen() -> None:
    fake = Fake()
    assert choose((0.01, 0.1, 1.0), fake.loss) == 0.1
    assert fake.asked == [(rate, (1000, 1001, 1002, 1003, 1004)) for rate in ("0.01", "0.1", "1.0")]
    assert choose((0.01, 0.1, 1.0), fake.loss, highest=True, seeds=2) == 0.01
    assert fake.asked[-1] == ("1.0", (1000, 1001))


def test_what_diverges_is_not_chosen() -> None:
    assert choose((10.0, 1.0), Fake().loss) == 1.0
    with pytest.raises(ClaimError, match=r"^choose: on seeds 1000 to 1004 each of 10.0, 10.0 has"):
        choose((10.0, 10.0), Fake().loss)


def test_of_equal_settings_it_is_the_first() -> None:
    fake = Fake()
    named = [("one", 0.1), ("other", 0.1)]
    assert choose(named, lambda setting, seed: fake.loss(setting[1], seed)) == ("one", 0.1)


def test_a_trace_names_all_and_trains_none() -> None:
    fake = Fake(tracing=True)
    assert choose((0.01, 0.1), fake.loss) == 0.01
    assert fake.asked == []


def test_a_choice_on_the_seeds_of_the_verdict_is_refused() -> None:
    with pytest.raises(
        ClaimError, match=r"seeds from 19 are seeds of the verdict, which come to 20"
    ):
        choose((0.01, 0.1), Fake().loss, first_seed=19)
    fake = Fake()
    with pytest.raises(ClaimError, match=r"0.01 starts at seed 0, not at 1000: pass the second"):
        choose((0.01, 0.1), lambda rate, _: fake.loss(rate, 0))
    assert fake.asked == []


def test_what_cannot_be_chosen_from_is_refused() -> None:
    fake = Fake()
    with pytest.raises(ValueError, match="at least two settings"):
        choose((0.1,), fake.loss)
    with pytest.raises(ValueError, match="and one seed"):
        choose((0.1, 1.0), fake.loss, seeds=0)
    with pytest.raises(TypeError, match="is an endpoint, which has no mean"):
        choose((0.1, 1.0), lambda r, s: diverged(Runs(FakeArm(str(r)), s, fake.trial)))
