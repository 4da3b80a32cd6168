"""What a claim's test came to, with the runs of its arms and metrics that it is not about."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bnclaims.errors import NotFiniteError
from bnclaims.experiment.history import History
from bnclaims.language import builtin_metrics
from bnclaims.language.claim import Claim
from bnclaims.language.evidence import Measured, Trial
from bnclaims.language.finding import Finding, Values, Verdict, finite
from bnclaims.language.sample import Runs
from bnclaims.reporting.results import ArmRecord, Curves, Identity, MetricRecord, Outcome


@dataclass(frozen=True)
class ShownMetric:
    """A metric that is shown of every training, whatever the claim compares."""

    of_run: Callable[[History], float]
    curve: str
    """The curve of a history that it needs."""
    words: str


METRICS = {
    "mean_loss": ShownMetric(builtin_metrics.mean_loss, "loss", "mean training loss"),
    "final_loss": ShownMetric(builtin_metrics.final_loss, "loss", "final training loss"),
    "val_loss": ShownMetric(builtin_metrics.val_loss, "val_loss", "test loss"),
    "val_accuracy": ShownMetric(builtin_metrics.val_accuracy, "val_accuracy", "test accuracy"),
}
"""By the names that claims call them by."""


def outcome_of(
    claim: Claim,
    name: str,
    verdict: Verdict,
    trial: Trial,
    *,
    test: str,
    code: str,
    command: str,
    protocol: str,
    data: str,
    data_note: str,
    declared: int,
) -> Outcome:
    """Returns the outcome of a claim's test.

    Args:
        claim: As declared.
        name: Its id, with its parameters where it has some.
        verdict: How its test ended.
        trial: What it compared.
        test: The test, as pytest names it.
        code: The test's source code.
        command: Judges this claim alone, for a shell.
        protocol: Name of the protocol.
        data: Name of the data set.
        data_note: What they are and how they were chosen.
        declared: How many claims the collected files declare.
    """
    return Outcome(
        id=name,
        statement=claim.statement,
        source=claim.source,
        test=test,
        code=code,
        command=command,
        verdict=verdict,
        expected=claim.expected_under(protocol, data),
        because=claim.because,
        protocol=protocol,
        data=data,
        data_note=data_note,
        declared=declared,
        explanation=tuple(str(evidence) for evidence in trial.evidence),
        arms=_arm_records(trial),
        measured=_metric_records(trial),
        findings=_deciding_first(trial, verdict),
    )


def _deciding_first(trial: Trial, verdict: Verdict) -> tuple[Finding, ...]:
    """Returns the findings, those of the claim's verdict first and the weakest of these at the top.

    A claim is as strong as its weakest part; a refuted one is refuted by its strongest. Where no
    part has the claim's verdict, it says that they are not so.
    """
    findings = [finding for evidence in trial.evidence for finding in evidence.findings]
    if verdict != "inconclusive" and all(finding.verdict != verdict for finding in findings):
        findings = [finding.negated() for finding in findings]
    sign = 1 if verdict == "refuted" else -1

    def weakness(finding: Finding) -> tuple[bool, float]:
        return finding.verdict != verdict, sign * (0.0 if finding.p is None else finding.p)

    return tuple(sorted(findings, key=weakness))


def _arm_records(trial: Trial) -> tuple[ArmRecord, ...]:
    """Returns the records of a claim's training arms, as far as its evidence has looked."""
    count = _most_seeds(trial)
    found = ((runs, _histories(trial, runs, count)) for runs in dict.fromkeys(trial.named))
    # A trainer of one's own may leave no curve, and what is probed leaves none.
    return tuple(
        _arm_record(runs, histories)
        for runs, histories in found
        if any(len(history.loss) for history in histories)
    )


def _metric_records(trial: Trial) -> tuple[MetricRecord, ...]:
    """Returns what the claim measured, arm by arm, each metric once."""
    count = _most_seeds(trial)
    found = []
    for measured in {str(item.sample): item for item in trial.measured}.values():
        name, sample, runs = measured.name, measured.sample, measured.runs
        of = sample.text.removeprefix(f"{name}(").removesuffix(")")
        try:
            values = sample.values(len(_histories(trial, runs, count)))
        except NotFiniteError:  # a comparison may count what diverged by itself
            continue
        numbers = tuple(map(finite, values))
        record = MetricRecord(name, of, runs.first_seed, numbers, sample.unit, _identity(measured))
        found.append(record)
    return tuple(record for record in found if record.values)


def _identity(measured: Measured) -> Identity | None:
    if not measured.compares:
        return None
    low, high = map(finite, measured.sample.limits)
    recipe = measured.runs.arm.recipe
    return Identity(recipe, measured.arguments, measured.better, low, high)


def _most_seeds(trial: Trial) -> int:
    """Returns how many seeds the evidence has looked at; 0 where it has not."""
    looked = [evidence.look for evidence in trial.evidence if evidence.look is not None]
    return trial.design.looks[max(looked)] if looked else 0


def _histories(trial: Trial, runs: Runs, count: int) -> list[History]:
    """Returns the histories, fewer where another comparison of the claim looked further."""
    found: list[History] = []
    for seed in runs.seeds(count):
        try:
            found.append(trial.load(runs.arm, seed))
        except LookupError:
            break
    return found


def _arm_record(runs: Runs, histories: Sequence[History]) -> ArmRecord:
    def curve(name: str) -> tuple[Values, ...]:
        return tuple(tuple(map(finite, getattr(history, name))) for history in histories)

    return ArmRecord(
        arm=str(runs),
        digest=runs.arm.digest,
        first_seed=runs.first_seed,
        metrics={
            name: tuple(
                finite(metric.of_run(history)) if len(getattr(history, metric.curve)) else None
                for history in histories
            )
            for name, metric in METRICS.items()
        },
        curves=Curves(curve("loss"), curve("val_loss"), curve("val_accuracy")),
        seconds=tuple(float(np.nansum(history.seconds)) for history in histories),
        diverged=tuple(
            runs.first_seed + i for i, h in enumerate(histories) if h.diverged_epoch is not None
        ),
    )
