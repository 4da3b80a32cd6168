"""What a claim says whose verdict is not the expected one: where, what was found, what now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bnclaims.language.claim import Expected
from bnclaims.language.finding import Finding
from bnclaims.reporting.page import found_text
from bnclaims.reporting.results import ClaimResult, Outcome
from bnclaims.reporting.terminal import fitted, numbers_text
from bnclaims.reporting.wire import writable
from bnclaims.statistics.design import Design, Open

_PASTED = "    "
"""The indentation of what is to be copied, which is never wrapped."""


@dataclass(frozen=True)
class Place:
    """A statement of a claim's test."""

    file: str
    line: int
    code: str
    """As it is written; several lines where it takes them."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.code}"


def text(
    outcome: Outcome,
    *,
    place: Place,
    why: str,
    evidence: Sequence[str],
    steps: Sequence[str],
    command: str,
    width: int,
) -> str:
    """Returns what the failure of a claim's test shows.

    Args:
        outcome: What the test came to.
        place: The assertion that failed, or the declaration that none did.
        why: What the assertion itself says, `assert it, "why"`; '' for nothing.
        evidence: What was compared, in words.
        steps: See `what_now`.
        command: Judges the claim again, for a shell.
        width: Columns of the terminal.
    """
    found = [
        f"claim: {outcome.statement}",
        f"source: {outcome.source}",
        *([found_text(ClaimResult.beside([outcome])[0])] if outcome.deciding else []),
        *evidence,
        f"{outcome.protocol} protocol, {outcome.data_note}",
    ]
    lines = [
        headline(outcome),
        str(place),
        *_wrapped([why] if why not in place.code else [], width),
        "",
        *_wrapped(found, width),
        "",
        "what now:",
        *_wrapped(steps, width),
        f"reproduce: {command}",
    ]
    return writable("\n".join(lines))


def headline(outcome: Outcome) -> str:
    """Returns what is wrong in a line."""
    return f"{outcome.id} is {outcome.verdict}, expected {outcome.expected}"


def what_now(
    outcome: Outcome, expected: Expected, protocols: Sequence[str], design: Design
) -> list[str]:
    """Returns what can be done about an unexpected verdict, a step or a line to paste each.

    Args:
        outcome: What the test came to.
        expected: The verdict that the claim declares.
        protocols: Names of the declared protocols.
        design: When the evidence was looked at.
    """
    steps = [
        "- accept it as a finding; in @claim, write",
        *_declaration(outcome, expected, protocols),
    ]
    finding = outcome.deciding
    if finding is None:
        return steps
    if outcome.verdict == "inconclusive":
        steps += _more_seeds(finding, design)
    if outcome.verdict != "supported" and (weaker := _weaker(finding)):
        steps.append(f"- or claim {weaker}, for a reason other than these seeds")
    return steps


def _declaration(outcome: Outcome, expected: Expected, protocols: Sequence[str]) -> list[str]:
    """Returns the arguments of `@claim` that declare the verdict that was found."""
    declared = _declared(outcome, expected, protocols)
    shown = f'"{declared}"' if isinstance(declared, str) else str(declared).replace("'", '"')
    lines = [f"{_PASTED}expected={shown},"]
    if outcome.verdict != "supported":
        finding = outcome.deciding
        reason = (
            "..." if finding is None else f"measured: {numbers_text(finding)}, n {finding.seeds}"
        )
        lines.append(f'{_PASTED}because="{reason}",')
    return lines


def _declared(outcome: Outcome, expected: Expected, protocols: Sequence[str]) -> Expected:
    """Returns the expectation with the verdict that was found, and nothing else changed."""
    depends_on_nothing = outcome.data == "none" and isinstance(expected, str)
    if outcome.protocol not in protocols or depends_on_nothing:
        return outcome.verdict
    if isinstance(expected, str) and expected != "supported":
        # What a mapping leaves out is expected to be supported.
        others = {name: expected for name in protocols if name != outcome.protocol}
        return {**others, outcome.protocol: outcome.verdict} if others else outcome.verdict
    by_protocol = dict(expected) if isinstance(expected, Mapping) else {}
    if outcome.data == "none":
        return {**by_protocol, outcome.protocol: outcome.verdict}
    by_data = by_protocol.get(outcome.protocol, {})
    if isinstance(by_data, str):
        return {**by_protocol, outcome.protocol: outcome.verdict}
    return {**by_protocol, outcome.protocol: {**by_data, outcome.data: outcome.verdict}}


def _more_seeds(finding: Finding, design: Design) -> list[str]:
    if not isinstance(design, Open):
        open_design = "under --claims-design=open seeds may be added at any time"
        return [f"- planned looks stay as planned; {open_design}"]
    looks = ",".join(map(str, (*design.looks, _next_look(finding, design))))
    return [
        "- or add seeds, which this design allows at any time:",
        f"{_PASTED}--claims-looks={looks}",
    ]


def _next_look(finding: Finding, design: Design) -> int:
    """Returns how many seeds to look at next: the seeds for 80% power, at most twice as many."""
    last = design.looks[-1]
    needed, _ = finding.needed
    return min(max(needed or 2 * last, last + 1), 2 * last)


def _weaker(finding: Finding) -> str:
    """Returns what a weaker claim would say; '' where there is no margin to give up."""
    low, high = finding.region.low, finding.region.high
    if finding.kind == "share":
        return ""
    if low is not None and high is not None:
        return f"a wider margin than {finding.claimed}"
    sign, edge = (1, low) if low is not None else (-1, high)
    has_margin = sign * (edge or 0.0) > 0
    return f"less than {finding.claimed}" if has_margin and sign * finding.estimate > 0 else ""


def _wrapped(lines: Sequence[str], width: int) -> list[str]:
    """Returns lines that fit, but for what is to be pasted, which stays whole."""
    return [
        part
        for text in lines
        for line in text.splitlines()
        for part in ([line] if line.startswith(_PASTED) else fitted([line], width))
    ]
