"""Records: the runs of a claim's arms as plain data, with metrics that the claim is not about."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from bnclaims.experiment.arm import TrainingArm
from bnclaims.experiment.history import History
from bnclaims.language import builtin_metrics
from bnclaims.language.evidence import Trial
from bnclaims.language.sample import Runs

METRICS: dict[str, Callable[[History], float]] = {
    "mean_loss": builtin_metrics.mean_loss,
    "final_loss": builtin_metrics.final_loss,
    "val_loss": builtin_metrics.val_loss,
    "val_accuracy": builtin_metrics.val_accuracy,
}
"""What is shown of every training, whatever the claim compares."""

CURVES = ("loss", "val_loss", "val_accuracy")


@dataclass(frozen=True)
class Record:
    """The runs of one training arm that a claim was judged by."""

    arm: str
    digest: str
    first_seed: int
    metrics: dict[str, list[float]]
    """Each metric of each seed; NaN where a run diverged."""
    curves: dict[str, list[list[float]]]
    """Each curve of each seed, epoch by epoch; NaN after a run diverged."""
    seconds: list[float]
    """How long each seed took to train, without making its program."""
    diverged: list[int]
    """The seeds of the runs that diverged."""

    def to_plain(self) -> dict[str, Any]:
        """Returns plain Python data."""
        converted: dict[str, Any] = plain(asdict(self))
        return converted


def records(trial: Trial) -> list[Record]:
    """Returns the records of a claim's training arms, as far as its evidence has looked."""
    looked = [evidence.look for evidence in trial.evidence if evidence.look is not None]
    if not looked:
        return []
    count = trial.design.looks[max(looked)]
    handles = [runs for runs in dict.fromkeys(trial.named) if isinstance(runs.arm, TrainingArm)]
    return [_record(runs, _histories(trial, runs, count)) for runs in handles]


def plain(value: Any) -> Any:
    """Returns a value without NumPy in it, infinite and missing numbers as None."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    number = float(value)
    return number if math.isfinite(number) else None


def _histories(trial: Trial, runs: Runs, count: int) -> list[History]:
    """Returns the histories, fewer where another comparison of the claim looked further."""
    found: list[History] = []
    for seed in runs.seeds(count):
        try:
            found.append(trial.load(runs.arm, seed))
        except LookupError:
            break
    return found


def _record(runs: Runs, histories: Sequence[History]) -> Record:
    return Record(
        arm=str(runs),
        digest=runs.arm.digest,
        first_seed=runs.first_seed,
        metrics={
            name: [float(metric(history)) for history in histories]
            for name, metric in METRICS.items()
        },
        curves={
            name: [np.asarray(getattr(history, name)).tolist() for history in histories]
            for name in CURVES
        },
        seconds=[float(np.nansum(history.seconds)) for history in histories],
        diverged=[
            runs.first_seed + i for i, h in enumerate(histories) if h.diverged_epoch is not None
        ],
    )
