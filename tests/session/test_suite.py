"""A session's claims: what tracing them tells, and what is planned."""

import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bnclaims import MLP, History, Train, mean_loss
from bnclaims.experiment.arm import Arm, FunctionArm
from bnclaims.experiment.protocol import KERAS_DEFAULTS
from bnclaims.experiment.sources import DataSource
from bnclaims.running.local_store import LocalStore
from bnclaims.session.options import Settings
from bnclaims.session.suite import Suite
from bnclaims.statistics.design import Sequential


class FakeBackend:
    """Trains nothing: a run's loss is its seed."""

    name = "fake"

    def __init__(self) -> None:
        self.versions = {"fake": "1"}
        self.prepared = 0

    def prepare(self) -> None:
        self.prepared += 1

    def run(self, arm: Arm, seeds: Iterable[int]) -> Iterator[tuple[int, History]]:
        for seed in seeds:
            yield seed, History(loss=np.array([float(seed)]))


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    settings = Settings("digits", KERAS_DEFAULTS, tmp_path, Sequential(), threads=1, chosen=True)
    return Suite(settings, None, FakeBackend(), LocalStore(tmp_path))


def traced(suite: Suite, body: Callable[..., None], **others: Any) -> int:
    suite.trace("a claim", body, others)
    trace = suite.traces.get("a claim")
    return len(trace.runs) if trace else 0


def test_a_trace_names_arms_and_trains_nothing(suite: Suite) -> None:
    def body(train: Train) -> None:
        assert mean_loss(train(MLP())) < mean_loss(train(MLP("tanh")))

    assert traced(suite, body) == 2
    assert suite.traces["a claim"].edges == 1
    assert [len(request.seeds) for request in suite.planned()] == [5, 5]
    assert not list(suite.settings.store.glob("runs/*"))


def test_a_body_with_other_fixtures_waits_for_them(suite: Suite) -> None:
    def body(train: Train, units: int) -> None:
        assert mean_loss(train(MLP(hidden=(units,)))) < 1

    assert traced(suite, body) == 0
    assert traced(suite, body, units=3) == 1


def test_the_way_on_from_a_comparison_that_fails_is_traced(suite: Suite) -> None:
    def body(train: Train) -> None:
        assert not mean_loss(train(MLP())) < 1
        assert mean_loss(train(MLP("tanh"))) < 1

    assert traced(suite, body) == 2


def test_a_body_that_breaks_is_known_as_far_as_it_got(suite: Suite) -> None:
    def body(train: Train) -> None:
        train(MLP())
        raise RuntimeError("boom")

    assert traced(suite, body) == 1


@pytest.mark.filterwarnings("error")
def test_a_trace_says_nothing(suite: Suite, capfd: pytest.CaptureFixture[str]) -> None:
    """What a body printed or warned of was said twice or more."""

    def body(train: Train) -> None:
        sys.stdout.write("printed")
        sys.stderr.write("written")
        warnings.warn("warned", stacklevel=1)
        assert mean_loss(train(MLP())) < 1

    assert traced(suite, body) == 1
    assert suite.untraced == {}
    assert capfd.readouterr() == ("", "")


def test_functions_of_a_seed_are_called_and_models_trained_by_the_backend(suite: Suite) -> None:
    arm = FunctionArm(lambda seed: float(seed) + 0.5)
    assert [h.probes["value"] for _, h in suite._run(arm, [1])] == [1.5]
    network = suite.train(suite.trial(tracing=True))(MLP()).arm
    assert [h.loss[0] for _, h in suite._run(network, [4])] == [4.0]


def test_a_run_that_has_gone_from_the_store_is_told(suite: Suite) -> None:
    runs = suite.train(suite.trial(tracing=True))(MLP())
    with pytest.raises(LookupError, match="the run of relu no BN with seed 3 is no longer in"):
        suite._load(runs.arm, 3)


@pytest.mark.parametrize(("given", "named"), [("auto", "digits"), ("images.npz", "images.npz")])
def test_what_auto_found_can_be_asked_for_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, named: str
) -> None:
    found = DataSource("digits", tmp_path, "digits", "fingerprint")
    monkeypatch.setattr("bnclaims.session.suite.resolve", lambda *_, **__: found)
    settings = Settings(given, KERAS_DEFAULTS, tmp_path, Sequential(), threads=1, chosen=True)
    suite = Suite(settings, None, FakeBackend(), LocalStore(tmp_path))
    assert suite.chosen_data == given  # nobody has looked for it yet
    assert suite.source is found
    assert suite.chosen_data == named
