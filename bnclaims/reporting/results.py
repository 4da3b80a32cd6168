"""Results: what the claims of a session came to, from a worker to the page.

These types are also the form of results.json, see `bnclaims.reporting.wire`.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Literal, Self, get_args

from msgspec import Meta

from bnclaims.experiment.protocol import size_text
from bnclaims.language.figure import Drawing
from bnclaims.language.finding import (
    Better,
    Count,
    Finding,
    Number,
    Positive,
    Series,
    Status,
    Values,
    Verdict,
)
from bnclaims.statistics import contrasts


@dataclass(frozen=True)
class Curves:
    """The curves of an arm's runs, epoch by epoch."""

    loss: Series
    """Training loss."""
    val_loss: Series
    """Loss on the test images."""
    val_accuracy: Series
    """Accuracy on the test images."""


@dataclass(frozen=True)
class ArmRecord:
    """The runs of one training arm that a claim was judged by."""

    arm: str
    digest: str
    first_seed: int
    metrics: dict[str, Values]
    """Each metric of each seed, whatever the claim compares; None where a run diverged."""
    curves: Curves
    seconds: tuple[Number, ...]
    """How long each seed took to train, without making its program."""
    diverged: tuple[int, ...]
    """The seeds of the runs that diverged."""


@dataclass(frozen=True)
class Identity:
    """What tells a metric of an arm from others, whatever the release that trained it."""

    recipe: str
    """Digest of the arm's description without versions."""
    arguments: str
    """Of the metric, as they were written; '' for none."""
    better: Better
    """Which way the metric improves; '' where nobody says."""
    low: Number | None
    """The least value that the metric can have; None where there is none."""
    high: Number | None
    """The largest."""


@dataclass(frozen=True)
class MetricRecord:
    """A metric that a claim names, in the runs of one arm."""

    metric: str
    arm: str
    """What it is of: the arm, and the metric's arguments."""
    first_seed: Count
    values: Values
    """One a seed."""
    unit: str
    """Of the values; '' where they have none."""
    identity: Identity | None = None
    """None for what another session cannot be compared by, such as wall times."""


@dataclass(frozen=True)
class Outcome:
    """What a claim's test came to."""

    id: str
    statement: str
    source: str
    test: str
    """The test, as pytest names it."""
    code: str
    """The test's source code; empty where it is not available."""
    command: str
    """Judges this claim alone, for a shell."""
    verdict: Verdict
    expected: Verdict
    because: str
    """The measured reason of an expected verdict other than supported."""
    protocol: str
    data: str
    data_note: str
    """What the data are and how they were chosen."""
    declared: Count
    """How many claims the collected files declare, whether selected or not."""
    explanation: tuple[str, ...]
    """The evidence in words, an item for each comparison."""
    arms: tuple[ArmRecord, ...]
    """The runs of its training arms."""
    measured: tuple[MetricRecord, ...]
    """The metrics that it names, as far as all of their runs have a value."""
    findings: tuple[Finding, ...]
    """What the evidence found, the deciding finding first; empty for an exact claim."""

    @property
    def data_name(self) -> str:
        """What the data are, without the path and the reason that their note may say."""
        return re.split(" from |[,:]", self.data_note)[0]

    @property
    def deciding(self) -> Finding | None:
        """The finding that decides; None for an exact claim."""
        return self.findings[0] if self.findings else None

    @property
    def as_expected(self) -> bool:
        """Whether the verdict is the one that the claim declares."""
        return self.verdict == self.expected

    @property
    def kind_without_numbers(self) -> str:
        """What a claim without findings is: exact, or without a value to judge."""
        return "no value" if self.verdict == "inconclusive" else "exact"

    @property
    def refuting(self) -> bool:
        """Whether evidence refuted the claim, rather than an assertion about plain values."""
        return any(finding.verdict == "refuted" for finding in self.findings)


@dataclass(frozen=True)
class ClaimResult(Outcome):
    """What a claim's test came to, beside the other claims of its session."""

    holm_p: Number | None
    """The p adjusted for looks and, by Holm, for all declared claims; None for an exact claim."""
    fdr: Number | None
    """The false discovery rate among all declared claims at which e-BH keeps the verdict; None for
    an exact claim, and for planned looks, which have no e-values."""

    @classmethod
    def beside(cls, outcomes: Sequence[Outcome], *, e_values: bool = False) -> tuple[Self, ...]:
        """Returns the results of a session's claims, sorted by id.

        Args:
            outcomes: Of the session.
            e_values: Whether their p are reciprocals of e-values, as in an open design.
        """
        ordered = sorted(outcomes, key=lambda outcome: outcome.id)
        rates = fdr(ordered) if e_values else [None] * len(ordered)
        return tuple(
            cls(
                **{field.name: getattr(outcome, field.name) for field in fields(outcome)},
                holm_p=p,
                fdr=rate,
            )
            for outcome, p, rate in zip(ordered, holm_p(ordered), rates, strict=True)
        )


@dataclass(frozen=True)
class ErrorRecord:
    """A claim whose test went wrong, so that it has no verdict."""

    id: str
    message: str


@dataclass(frozen=True)
class Check:
    """What a metric of the reference came to in this session."""

    name: str
    """As claims write it, with the arm."""
    status: Status
    before: Number | None
    """Its earlier mean over the seeds compared; None where none were."""
    unit: str
    """Of the metric; '' where it has none."""
    finding: Finding | None
    """Of the mean change; None where there is no number."""
    problem: str
    """Why there is none; '' where there is one."""

    @property
    def is_fine(self) -> bool:
        """Whether a session may pass with it: nothing is worse, and nothing left open."""
        return self.status in {"as before", "better", "not compared"}

    @property
    def is_identical(self) -> bool:
        """Whether each seed compared has the value that it had."""
        return self.finding is not None and not any(self.finding.values)


@dataclass(frozen=True)
class ReferenceRecord:
    """The earlier release that a session was compared with, and what came of it."""

    file: str
    created: str
    """When its metrics were measured, UTC, in ISO 8601."""
    versions: dict[str, str]
    """Of Python and the packages that its numbers depend on."""
    checks: tuple[Check, ...]
    """Of the metrics that it has, sorted by name."""
    unknown: tuple[str, ...]
    """Metrics of this session that it does not have."""

    @property
    def is_fine(self) -> bool:
        """Whether a session may pass with all of them."""
        return all(check.is_fine for check in self.checks)

    @property
    def counts(self) -> list[tuple[Status, int]]:
        """How many metrics came to what, each that occurs."""
        found = Counter(check.status for check in self.checks)
        return [(status, found[status]) for status in get_args(Status) if found[status]]


@dataclass(frozen=True)
class ProtocolRecord:
    """How much data and how many epochs the claims' trainings took unless they say otherwise."""

    name: str
    images: Positive | None
    """None for all of the data's."""
    epochs: Positive

    @property
    def size(self) -> str:
        """How much was trained, in words."""
        return size_text(self.images, self.epochs)


@dataclass(frozen=True)
class DesignRecord:
    """When the evidence was looked at, and with which error rate."""

    kind: Literal["sequential", "open"]
    looks: Annotated[tuple[Positive, ...], Meta(min_length=1)]
    """After how many seeds."""
    alpha: Annotated[float, Meta(gt=0, lt=0.5)]
    """Error rate of a claim, each way."""
    spending: str | None
    """How planned looks share alpha out; None for an open design."""
    boundary: str | None
    """For which contrasts planned looks keep alpha; None for an open design."""
    futility: Annotated[float, Meta(ge=0, lt=1)]
    """The chance of a verdict by the last look below which a claim stopped, undecided."""


@dataclass(frozen=True)
class MachineRecord:
    """Where the claims were judged."""

    platform: str
    cores: Positive


@dataclass(frozen=True)
class SessionRecord:
    """How the session ended."""

    exit_status: int
    """Pytest's: 0 where every test passed."""
    interrupted: bool
    """Whether it ended before all selected claims had been tested."""
    unfinished: Count
    """How many selected claims were not tested, or not to the end; each is among the errors."""
    ended: bool = True
    """Whether it came to an end: not yet while it runs, and never if its process was killed."""


@dataclass(frozen=True)
class Results:
    """Everything that the claims of a session came to."""

    created: str
    """Date and time, UTC, in ISO 8601."""
    versions: dict[str, str]
    """Of Python and the packages that the numbers depend on."""
    machine: MachineRecord
    session: SessionRecord
    protocol: ProtocolRecord
    design: DesignRecord
    declared: Count
    """How many claims the collected files declare, whether selected or not."""
    claims: tuple[ClaimResult, ...]
    """Sorted by id."""
    errors: tuple[ErrorRecord, ...]
    """Sorted by id."""
    figures: tuple[Drawing, ...]
    """Those whose runs are stored."""
    fingerprint: str = ""
    """Of the session's images; '' where no arm was shown any."""
    reference: ReferenceRecord | None = None
    """What came of the comparison with an earlier release; None where there was none."""

    @property
    def checks(self) -> tuple[Check, ...]:
        """What the metrics of the reference came to; none where there was no reference."""
        return self.reference.checks if self.reference else ()

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all claims, those whose test went wrong at the end."""
        decided = tuple(claim.id for claim in self.claims)
        return decided + tuple(error.id for error in self.errors)

    @property
    def data_names(self) -> list[str]:
        """What data the claims are of, each once."""
        with_data = [claim for claim in self.claims if claim.data != "none"] or self.claims
        return sorted({claim.data_name for claim in with_data})

    @property
    def backend(self) -> str:
        """What the networks were trained by, as `Keras on JAX`; '' where no claim is of data."""
        of_data = any(claim.data != "none" for claim in self.claims)
        return self.versions.get("backend", "") if of_data else ""

    @property
    def conditions(self) -> str:
        """Protocol and data, in a few words."""
        return ", ".join([f"{self.protocol.name} protocol", *self.data_names])

    @property
    def all_as_expected(self) -> bool:
        """Whether every selected claim was tested and has its expected verdict, and pytest passed.

        A session without a claim shows nothing, and neither does one that failed elsewhere.
        """
        expected = all(claim.as_expected for claim in self.claims) and not self.errors
        return bool(self.claims) and expected and self.session.exit_status == 0

    @property
    def ending(self) -> str:
        """A sentence on a session that did not succeed; '' for one that did."""
        session = self.session
        if not session.ended:
            return "The session has not ended, or was killed: it has verified nothing yet."
        if session.interrupted:
            selected = len(self.claims) + len(self.errors)
            return (
                f"The session was interrupted (exit status {session.exit_status}): "
                f"{session.unfinished} of {selected} selected claims were not tested to the end."
            )
        return f"The session failed (exit status {session.exit_status})." * bool(
            session.exit_status
        )

    @property
    def ending_in_brief(self) -> str:
        """What keeps a session from having succeeded beside its claims; '' where nothing does."""
        if self.session.interrupted:
            return "interrupted" if self.session.ended else "not ended"
        claims_failed = self.errors or not all(claim.as_expected for claim in self.claims)
        if claims_failed or not self.session.exit_status:
            return ""
        is_fine = self.reference is None or self.reference.is_fine
        return "other tests failed" if is_fine else "not as in the reference"


def holm_p(outcomes: Sequence[Outcome]) -> list[float | None]:
    """Returns each verdict's p, adjusted for looks and, by Holm, for the other claims.

    The family is what the files declare, not what this session selected. Each claim counts twice,
    as it may err either way; for what has no p here 1 is taken, which only makes others larger.

    Args:
        outcomes: Of a session.

    Returns:
        One p an outcome, None where there is no test: an exact value, or none.
    """
    return _over_family(outcomes, contrasts.holm)


def fdr(outcomes: Sequence[Outcome]) -> list[float | None]:
    """Returns each verdict's false discovery rate by e-BH, over the same family as `holm_p`.

    Args:
        outcomes: Of a session in an open design: each p is one over an e-value.

    Returns:
        One rate an outcome, None where there is no test.
    """
    return _over_family(outcomes, contrasts.e_bh)


def _over_family(
    outcomes: Sequence[Outcome], adjust: Callable[[Sequence[float]], list[float]]
) -> list[float | None]:
    firsts = {i: found.p for i, o in enumerate(outcomes) if (found := o.deciding)}
    known = {i: p for i, p in firsts.items() if p is not None}
    family = 2 * max((o.declared for o in outcomes), default=0)
    unknown = max(0, family - len(known))
    by_place = dict(zip(known, adjust([*known.values(), *[1.0] * unknown]), strict=False))
    return [by_place.get(i) for i in range(len(outcomes))]
