"""What a claim came to, as plain data that travels from a worker to the controller."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from bnclaims.language.claim import Claim
from bnclaims.language.evidence import Trial
from bnclaims.language.judgement import Finding, Verdict
from bnclaims.reporting.record import plain, records
from bnclaims.statistics import contrasts


@dataclass(frozen=True)
class Outcome:
    """One row of the verdict table."""

    id: str
    statement: str
    source: str
    test: str
    """The test that it is, as pytest names it."""
    code: str
    """The test's source code; empty where it cannot be had."""
    verdict: Verdict
    expected: Verdict
    because: str
    protocol: str
    data: str
    data_note: str
    declared: int
    """How many claims the collected files declare, whether selected or not."""
    explanation: list[str]
    """The evidence in words, an item for each comparison."""
    arms: list[dict[str, Any]]
    """The runs of its training arms: `bnclaims.reporting.record.Record`."""
    findings: list[dict[str, Any]]
    """What the evidence found, the deciding finding first; empty for an exact claim."""

    @classmethod
    def of(
        cls,
        claim: Claim,
        name: str,
        verdict: Verdict,
        trial: Trial,
        *,
        test: str,
        code: str,
        protocol: str,
        data: str,
        data_note: str,
        declared: int,
    ) -> Self:
        """Returns the outcome of a claim's test.

        Args:
            claim: As declared.
            name: Its id, with its parameters where it has some.
            verdict: How its test ended.
            trial: What it compared.
            test: The test, as pytest names it.
            code: The test's source code.
            protocol: Name of the protocol.
            data: Name of the data set.
            data_note: What they are and how they were chosen.
            declared: How many claims the collected files declare.
        """
        return cls(
            id=name,
            statement=claim.statement,
            source=claim.source,
            test=test,
            code=code,
            verdict=verdict,
            expected=claim.expected_under(protocol, data),
            because=claim.because,
            findings=[
                plain(asdict(finding)) | {"disagrees": finding.disagrees}
                for finding in _deciding_first(trial, verdict)
            ],
            protocol=protocol,
            data=data,
            data_note=data_note,
            declared=declared,
            arms=[record.to_plain() for record in records(trial)],
            explanation=[str(evidence) for evidence in trial.evidence],
        )

    @property
    def as_expected(self) -> bool:
        """Says whether the verdict is the one that the claim declares."""
        return self.verdict == self.expected

    @property
    def kind_without_numbers(self) -> str:
        """What a claim without findings is: exact, or without a value to judge."""
        return "no value" if self.verdict == "inconclusive" else "exact"

    @property
    def refuting(self) -> bool:
        """Says whether evidence refuted the claim, rather than an assertion about plain values."""
        return any(finding["verdict"] == "refuted" for finding in self.findings)

    def to_plain(self) -> dict[str, Any]:
        """Returns plain Python data: anything else does not survive the way to the controller."""
        return asdict(self)

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        """Returns the outcome that `to_plain` took apart."""
        return cls(**{f.name: plain[f.name] for f in fields(cls)})


def holm_p(outcomes: Sequence[Outcome]) -> list[float | None]:
    """Returns each verdict's p, adjusted for looks and, by Holm, for the other claims.

    The family is what the files declare, not what this session selected. Each claim counts twice,
    as it may err either way; for what has no p here 1 is taken, which only makes others larger.

    Args:
        outcomes: Of a session.

    Returns:
        One p an outcome, None where there is no test: an exact value, or none.
    """
    firsts = {i: o.findings[0]["p"] for i, o in enumerate(outcomes) if o.findings}
    known = {i: p for i, p in firsts.items() if p is not None}
    family = 2 * max((o.declared for o in outcomes), default=0)
    unknown = max(0, family - len(known))
    adjusted = contrasts.holm([*known.values(), *[1.0] * unknown])
    by_place = dict(zip(known, adjusted, strict=False))
    return [by_place.get(i) for i in range(len(outcomes))]


def _deciding_first(trial: Trial, verdict: Verdict) -> list[Finding]:
    """Returns the findings, those of the claim's verdict first and the weakest of these at the top.

    A claim is as strong as its weakest part; a refuted one is refuted by its strongest.
    """
    findings = [finding for evidence in trial.evidence for finding in evidence.findings]
    sign = 1 if verdict == "refuted" else -1

    def weakness(finding: Finding) -> tuple[bool, float]:
        return finding.verdict != verdict, sign * (0.0 if finding.is_exact else finding.p)

    return sorted(findings, key=weakness)
