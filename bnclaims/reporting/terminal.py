"""What the terminal shows of a session's claims."""

import math
import statistics
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bnclaims.reporting.outcome import Outcome, holm_p
from bnclaims.running.progress import duration
from bnclaims.running.schedule import Request

_HEAD = ("verdict", "claim", "estimate", "interval", "n", "p")

_WIDTH = 80
_WRAPPING: dict[str, Any] = {"subsequent_indent": "    ", "break_long_words": False}

_FINER = 8
"""How many more decimals an interval gets at most, to be seen clear of an edge."""

_SECONDS_PER_IMAGE = 40e-6
"""A guess for a first plan: the article's network on one core of 2024."""


def table(outcomes: Sequence[Outcome]) -> list[tuple[str, str]]:
    """Returns the verdict table, a line each, with the verdict that colours it or ''.

    A `!` marks a verdict that is not the expected one.
    """
    rows = [_HEAD, *(_cells(outcome) for outcome in outcomes)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    # Words to the left, numbers to the right.
    aligned = [
        " ".join(
            cell.ljust(width) if i < 2 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return list(zip(aligned, ["", *(outcome.verdict for outcome in outcomes)], strict=True))


def row(outcome: Outcome) -> str:
    """Returns a verdict in a line, to be shown as soon as it is reached."""
    verdict, name, *numbers = _cells(outcome)
    estimate, interval, seeds, _ = numbers
    shown = f" {estimate} {interval}, n {seeds}" if seeds else f" ({estimate})"
    return f"{verdict:13} {name}{shown}"


def evidence(outcomes: Sequence[Outcome], claim: str | None = None) -> list[str]:
    """Returns what stands beside each verdict, some lines a claim.

    Args:
        outcomes: Of the session.
        claim: The one claim to be shown, if not all are.
    """
    lines = []
    for outcome, p in zip(outcomes, holm_p(outcomes), strict=True):
        if claim not in {None, outcome.id}:
            continue
        lines.append(f"{outcome.id}: {outcome.statement}")
        lines += [f"  {line}" for text in outcome.explanation for line in text.splitlines()]
        if p is not None:
            lines.append(f"    p = {p_text(p)} adjusted for looks and for the other claims (Holm)")
        lines += [_beside(arm) for arm in outcome.arms]
    return lines


def _beside(arm: dict[str, Any]) -> str:
    """Returns an arm's metrics, mean and standard deviation over its seeds."""
    shown = [
        f"{name} {text}"
        for name, values in arm["metrics"].items()
        if (text := mean_and_deviation(values))
    ]
    if arm["diverged"]:
        shown.append(f"diverged: seeds {', '.join(map(str, arm['diverged']))}")
    return f"    {arm['arm']}: {', '.join(shown)}"


def mean_and_deviation(values: Sequence[float | None]) -> str:
    """Returns mean and standard deviation of what is known, '' for fewer than two numbers."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return ""
    return f"{statistics.fmean(known):.4g} ± {statistics.stdev(known):.2g}"


def notes(outcomes: Sequence[Outcome], alpha: float) -> list[str]:
    """Returns what the table's reader needs to know: data, protocol, and verdicts to explain.

    Args:
        outcomes: Of the session.
        alpha: The error rate, also that of all claims together.
    """
    data = sorted({f"{o.protocol} protocol, {o.data_note}" for o in outcomes})
    lines = []
    for outcome in outcomes:
        if not outcome.as_expected:
            lines.append(f"! {outcome.id}: expected {outcome.expected}, now {outcome.verdict}")
        elif outcome.verdict != "supported":
            lines.append(f"{outcome.id} is {outcome.verdict}, as expected: {outcome.because}")
    if any(finding["disagrees"] for o in outcomes for finding in o.findings[:1]):
        lines.append("the t test and the sign-flip test disagree on some: see -v")
    lines += _family(outcomes, alpha)
    lines.append("intervals hold over all looks; early stops overstate small effects")
    # Paths stay whole, to be copied.
    return [*data, *(part for line in lines for part in textwrap.wrap(line, _WIDTH, **_WRAPPING))]


def plan(
    claims: Iterable[tuple[str, Sequence[Request]]],
    requests: Sequence[tuple[Request, int]],
    rate: float | None,
    workers: int,
) -> list[str]:
    """Returns what a session would do: its claims with their arms, what is missing, an estimate.

    Args:
        claims: Each claim's id and the requests of its first look.
        requests: Each request once, with how many of its runs are missing.
        rate: Seconds per unit of work in runs that are stored; None where there are none.
        workers: How many share the work.
    """
    lines = []
    for name, needs in claims:
        lines.append(name)
        lines += [f"    {request.arm}" + _from(request) for request in needs] or [
            "    (not traced)"
        ]
    missing = sum(runs for _, runs in requests)
    total = sum(len(request.seeds) for request, _ in requests)
    lines.append(f"{len(requests)} arms, {total} runs for the first look:")
    lines += [
        f"    {_state(request, runs)}  {request.arm}{_from(request)}" for request, runs in requests
    ]
    work = sum(request.arm.work * runs for request, runs in requests)
    seconds = work * (rate or _SECONDS_PER_IMAGE) / workers
    basis = "measured in stored runs" if rate else "a guess; nothing is stored to measure"
    lines.append(
        f"{missing} runs to train, about {duration(seconds)} on {workers} "
        f"core{'s' * (workers > 1)} ({basis}); later looks, where a claim needs them, come on top"
    )
    return lines


def _family(outcomes: Sequence[Outcome], alpha: float) -> list[str]:
    """Returns which verdicts stand when all claims share one alpha."""
    decided = {
        outcome.id: p
        for outcome, p in zip(outcomes, holm_p(outcomes), strict=True)
        if p is not None and outcome.verdict != "inconclusive"
    }
    if not decided:
        return []
    fallen = [name for name, p in decided.items() if p > alpha]
    declared = max(outcome.declared for outcome in outcomes)
    return [
        f"{len(decided) - len(fallen)} of {len(decided)} decided also hold at {alpha:g} over all "
        f"{declared} declared claims together (Holm)" + _some(fallen)
    ]  # fmt: skip


def _some(names: Sequence[str]) -> str:
    if not names:
        return ""
    rest = len(names) - 3
    return ": not " + ", ".join(names[:3]) + (f" and {rest} more (-v tells)" if rest > 0 else "")


def _cells(outcome: Outcome) -> tuple[str, ...]:
    verdict = outcome.verdict + ("" if outcome.as_expected else "!")
    if not outcome.findings:
        return verdict, outcome.id, outcome.kind_without_numbers, "", "", ""
    finding = outcome.findings[0]
    estimate, interval = _numbers(finding)
    p = "exact" if finding["p"] is None else p_text(finding["p"])
    return verdict, outcome.id, estimate, interval, str(finding["seeds"]), p


def interval_text(finding: Mapping[str, Any]) -> str:
    """Returns a finding's estimate and interval: `0.43 [0.36, 0.50]`."""
    return " ".join(_numbers(finding))


def rounded(finding: Mapping[str, Any]) -> tuple[str, str, str]:
    """Returns estimate and ends of the interval, with as many decimals as these deserve."""
    low = -math.inf if finding["low"] is None else finding["low"]
    high = math.inf if finding["high"] is None else finding["high"]
    width = high - low
    for _ in range(_FINER + 1):
        estimate, *ends = (_number(value, width) for value in (finding["estimate"], low, high))
        if not any(_crosses(ends, (low, high), edge) for edge in finding["region"]):
            break
        width /= 10
    return estimate, ends[0], ends[1]


def _crosses(texts: Sequence[str], ends: Sequence[float], edge: float | None) -> bool:
    """Says whether rounding moves an end of an interval onto, or over, an edge it is clear of."""
    return edge is not None and any(
        end != edge and (float(text) - edge) * (end - edge) <= 0
        for text, end in zip(texts, ends, strict=True)
    )


def _numbers(finding: Mapping[str, Any]) -> tuple[str, str]:
    estimate, low, high = rounded(finding)
    return estimate, f"[{low}, {high}]"


def _number(value: float, width: float) -> str:
    """Returns a number with as many decimals as an interval of this width deserves."""
    if width <= 0 or math.isinf(width):
        return f"{value:.4g}"
    decimals = max(0, 1 - math.floor(math.log10(width / 2)))
    if decimals <= 4:
        return f"{value:.{decimals}f}"
    power = math.floor(math.log10(abs(value))) if value else -decimals
    return f"{value:.{max(1, decimals + power)}e}"


def p_text(value: float) -> str:
    """Returns a p-value in few characters."""
    if value < 1e-9:
        return "<1e-9"
    return f"{value:.0e}" if value < 0.001 else f"{value:.3f}"


def _state(request: Request, missing: int) -> str:
    if not missing:
        return "stored  "
    return "to train" if missing == len(request.seeds) else f"{missing} of {len(request.seeds)}  "


def _from(request: Request) -> str:
    return f", seeds from {request.seeds[0]}" if request.seeds[0] else ""
