"""Stand-ins that tests share: arms and engines that train nothing, samples of known values."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from scipy import special

from bnclaims.experiment.arm import Arm
from bnclaims.experiment.history import History
from bnclaims.language.bounds import ANYTHING, Limits, Values
from bnclaims.language.evidence import Evidence, Trial
from bnclaims.language.sample import Endpoint, Runs, Sample
from bnclaims.language.terms import Term
from bnclaims.running.schedule import Request
from bnclaims.statistics.boundary import NormalBoundary
from bnclaims.statistics.design import Design, Sequential

# Arms and their runs


class FakeArm(Arm):
    """An arm that is its name."""

    def __init__(
        self, name: str, cost: float = 1.0, *, fresh: bool = False, data_note: str = ""
    ) -> None:
        self.digest = name
        self.fresh = fresh
        self.data_note = data_note
        self._cost = cost

    def __str__(self) -> str:
        return f"fake {self.digest}"

    @property
    def description(self) -> dict[str, Any]:
        return {"kind": "fake", "name": self.digest}

    @property
    def cost(self) -> float:
        return self._cost


CURVES = tuple(field.name for field in fields(History) if field.name not in {"metrics", "probes"})
"""What is measured in the course of each training."""


def history_of(seed: int, size: int = 3) -> History:
    """What a run with a seed leaves behind, in as many epochs."""
    return History(
        loss=np.full(size, seed + 0.5),
        seconds=np.arange(3.0),
        probes={"layers": np.array(["dense", "dense_1"]), "norm": np.full((2, 2), seed)},
    )


def assert_same(one: History | None, two: History) -> None:
    """Two histories hold the same arrays."""
    assert one is not None
    first, second = one.to_arrays(), two.to_arrays()
    assert first.keys() == second.keys()
    for name, array in first.items():
        assert array.dtype == second[name].dtype
        np.testing.assert_array_equal(array, second[name])


class FakeEngine:
    """Records what it trained; `before` is called with arm and seed before each run."""

    def __init__(self, before: Callable[[Arm, int], None] | None = None) -> None:
        self.trained: list[tuple[str, int]] = []
        self._before = before

    def __call__(self, arm: Arm, seeds: Iterable[int]) -> Iterator[tuple[int, History]]:
        for seed in seeds:
            if self._before is not None:
                self._before(arm, seed)
            self.trained.append((arm.digest, seed))
            yield seed, history_of(seed)


class FakeTrainer:
    """A backend that can travel: it does some work for each seed, and trains nothing."""

    name = "fake"

    def __init__(self, work: Callable[[int], object] | None = None, **versions: str) -> None:
        self.versions = versions
        self._work = work

    def prepare(self) -> None:
        pass

    def run(self, arm: Arm, seeds: Iterable[int]) -> Iterator[tuple[int, History]]:
        for seed in seeds:
            if self._work:
                self._work(seed)
            yield seed, history_of(seed)


# Samples of known values

SEEDS = 20
"""How many each has: as many as the last look of the default design."""


def no_training(_: Sequence[Request]) -> None:
    """Sees to runs that nobody needs."""


def no_run(arm: Arm, seed: int) -> History:
    """Has no run: these samples have values of their own."""
    raise LookupError(f"{arm} {seed}: these samples have values of their own")


def new_trial(
    design: Design | None = None, *, load: Callable[[Arm, int], History] = no_run, **about: Any
) -> Trial:
    """A claim's trial that trains nothing."""
    return Trial(design=design or Sequential(), load=load, **{"require": no_training} | about)


def fake_runs(name: str = "arm", *, trial: Trial | None = None, first_seed: int = 0) -> Runs:
    """Runs of a fake arm."""
    return Runs(FakeArm(name), first_seed, trial or new_trial())


def sample(
    data: Values,
    trial: Trial | None = None,
    number: int = 1,
    *,
    limits: Limits = ANYTHING,
    metric: str = "",
    first_seed: int = 0,
    unit: str = "",
) -> Sample:
    """A sample with known values, as if of a metric of the arm with this number."""
    runs = fake_runs(f"arm{number}", trial=trial, first_seed=first_seed)
    text = f"{metric or 's'}{number}"
    return Sample(
        lambda n: data[:n],
        (runs,),
        text,
        limits=limits,
        terms={Term(text, (runs,), metric or "s"): 1.0},
        unit=unit,
    )


def samples(trial: Trial, *data: Values) -> list[Sample]:
    """Samples of one trial, s1, s2 and so on."""
    return [sample(values, trial, number) for number, values in enumerate(data, start=1)]


def limited(limits: Limits, number: int = 1, metric: str = "m", first_seed: int = 0) -> Sample:
    """A sample of a metric with limits, whose comparisons are traced only."""
    tracing = new_trial(tracing=True)
    return sample(
        np.ones(SEEDS), tracing, number, limits=limits, metric=metric, first_seed=first_seed
    )


def endpoint(
    low: Sequence[float],
    high: Sequence[float] | None = None,
    trial: Trial | None = None,
    number: int = 1,
    *,
    unit: str = "",
) -> Endpoint:
    """Times known between two bounds."""
    ends = np.array(low), np.array(low if high is None else high)
    runs = fake_runs(f"arm{number}", trial=trial)
    text = f"time{number}"
    return Endpoint(
        lambda n: (ends[0][:n], ends[1][:n]),
        (runs,),
        text,
        terms={Term(text, (runs,), "time"): 1.0},
        unit=unit,
    )


# Simulated claims

ALPHA = 0.05
AT_ALPHA = Sequential(alpha=ALPHA, boundary=NormalBoundary())
"""Exact for the normal data of these simulations."""
STREAMS = 1500
"""How often a claim is simulated."""

LIMIT = float(np.ceil(special.bdtrik(1 - 1e-4, STREAMS, ALPHA))) / STREAMS
"""What a frequency of ALPHA exceeds once in ten thousand times."""


def normal(means: Sequence[float], seed: int) -> list[tuple[Values, ...]]:
    """Normal data of deviation 1 with these means, for each of the simulated claims."""
    rng = np.random.default_rng(seed)
    data = rng.normal(np.array(means)[:, None], 1.0, (STREAMS, len(means), SEEDS))
    return [tuple(rows) for rows in data]


def verdicts(
    compare: Callable[..., Evidence], streams: Sequence[tuple[Values, ...]]
) -> dict[str, float]:
    """The share of each verdict over simulated sets of runs."""
    counts = {"supported": 0, "refuted": 0, "inconclusive": 0}
    for data in streams:
        counts[compare(*samples(new_trial(AT_ALPHA), *data)).verdict] += 1
    return {verdict: count / len(streams) for verdict, count in counts.items()}
