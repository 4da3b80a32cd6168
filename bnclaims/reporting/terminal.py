"""What the terminal shows of a session's claims."""

import math
import re
import statistics
import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Literal, get_args

from bnclaims.language.finding import Finding, Verdict
from bnclaims.reporting.results import ArmRecord, ClaimResult, Outcome
from bnclaims.running.progress import SECONDS_PER_COST, duration
from bnclaims.running.schedule import Request

Tone = Literal["head", "expected", "unexpected"]
"""What colours a line: whether a verdict surprises, not which one it is."""

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)

_HEAD = ("verdict", "claim", "estimate", "interval", "claimed", "n", "p")

WIDTH = 80
"""Columns where nobody says how many there are."""
_NARROWEST_ID = 12
_VERDICT_WIDTH = len("inconclusive!") + 1
_WRAPPING: dict[str, Any] = {"subsequent_indent": "    ", "break_long_words": False}

_KEPT = "\N{NO-BREAK SPACE}"

_FINER = 8
"""How many more decimals an interval gets at most, to be seen clear of an edge."""

_ROUNDING = 1e-12
"""How much of a number the rounding of arithmetic may be: less is no difference to show."""


def table(outcomes: Sequence[Outcome], width: int = WIDTH) -> list[tuple[str, Tone]]:
    """Returns the verdict table, a line each, with what colours it.

    A `!` marks a verdict that is not the expected one. An id for which there is no room goes on
    below. Where the columns themselves have none, each verdict takes some lines, as in `row`.
    """
    rows = [_HEAD, *(_cells(outcome) for outcome in outcomes)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    room = width - (sum(widths) - widths[1]) - (len(widths) - 1)
    if room < _NARROWEST_ID:
        return [(line, tone(outcome)) for outcome in outcomes for line in row(outcome, width)]
    widths[1] = min(widths[1], room)
    tones: list[Tone] = ["head", *map(tone, outcomes)]
    return [
        (line, colour)
        for cells, colour in zip(rows, tones, strict=True)
        for line in _lines(cells, widths)
    ]


def tone(outcome: Outcome) -> Tone:
    """Returns what colours a verdict."""
    return "expected" if outcome.as_expected else "unexpected"


def _lines(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Returns a row of the table, words to the left and numbers to the right."""
    verdict, name, *numbers = row
    first, *more = textwrap.wrap(name, widths[1]) or [""]
    cells = [verdict.ljust(widths[0]), first.ljust(widths[1])]
    cells += [cell.rjust(width) for cell, width in zip(numbers, widths[2:], strict=True)]
    return [" ".join(cells).rstrip(), *(" " * (widths[0] + 1) + part for part in more)]


def row(outcome: Outcome, width: int = WIDTH) -> list[str]:
    """Returns a verdict in a line, or in some where it has no room, to be shown when reached."""
    finding = outcome.deciding
    shown = f"({outcome.kind_without_numbers})" if finding is None else numbers_text(finding)
    seeds = "" if finding is None else f", n {finding.seeds}"
    verdict, numbers = _verdict(outcome).ljust(_VERDICT_WIDTH), f"{shown}{seeds}"
    line = f"{verdict}{outcome.id} {numbers}"
    if len(line) <= width:
        return [line]
    room = max(width - _VERDICT_WIDTH, _NARROWEST_ID)
    first, *more = [*textwrap.wrap(outcome.id, room), *_wrapped(numbers, room)]
    return [verdict + first, *(" " * _VERDICT_WIDTH + part for part in more)]


def counts(claims: Sequence[ClaimResult]) -> str:
    """Returns how many claims came to what: `3 claims: 2 supported, 1 refuted; all as expected`."""
    by_verdict = Counter(claim.verdict for claim in claims)
    said = ", ".join(
        f"{by_verdict[verdict]} {verdict}" for verdict in VERDICTS if by_verdict[verdict]
    )
    unexpected = sum(not claim.as_expected for claim in claims)
    surprise = f"{unexpected} unexpected" if unexpected else "all as expected"
    return f"{len(claims)} claim{'s' * (len(claims) != 1)}: {said}; {surprise}"


def fitted(lines: Sequence[str], width: int) -> list[str]:
    """Returns lines that fit a terminal, broken ones indented below.

    Long words stay whole, and so does an interval with its estimate.
    """
    return [
        part
        for line in lines
        for part in _wrapped(line, width, " " * (len(line) - len(line.lstrip()) + 2)) or [""]
    ]


def _wrapped(line: str, width: int, indentation: str = "") -> list[str]:
    kept = re.sub(r"\S+ \[[^\]]*\]", lambda number: number[0].replace(" ", _KEPT), line)
    parts = textwrap.wrap(
        kept,
        width,
        subsequent_indent=indentation,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [part.replace(_KEPT, " ") for part in parts]


def evidence(claims: Sequence[ClaimResult]) -> list[str]:
    """Returns what stands beside each verdict, some lines a claim."""
    lines = []
    for claim in claims:
        lines.append(f"{claim.id}: {claim.statement}")
        lines += [f"  {line}" for text in claim.explanation for line in text.splitlines()]
        if claim.holm_p is not None:
            p = p_text(claim.holm_p)
            lines.append(f"    p = {p} adjusted for repeated looks and by Holm correction")
        if claim.fdr is not None:
            lines.append(f"    false discovery rate {p_text(claim.fdr)} by e-BH over all claims")
        lines += [_beside(arm) for arm in claim.arms]
    return lines


def _beside(arm: ArmRecord) -> str:
    """Returns an arm's metrics, mean and standard deviation over its seeds."""
    shown = [
        f"{name} {text}"
        for name, values in arm.metrics.items()
        if (text := mean_and_deviation(values))
    ]
    if arm.diverged:
        shown.append(f"diverged: seeds {', '.join(map(str, arm.diverged))}")
    return f"    {arm.arm}: {', '.join(shown)}"


def mean_and_deviation(values: Sequence[float | None]) -> str:
    """Returns mean and standard deviation of what is known, '' for fewer than two numbers."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return ""
    return f"{statistics.fmean(known):.4g} ± {statistics.stdev(known):.2g}"


def notes(claims: Sequence[ClaimResult], alpha: float, width: int = WIDTH) -> list[str]:
    """Returns what the table's reader needs to know: counts, data, and verdicts to explain.

    Args:
        claims: Of the session.
        alpha: The error rate, also that of all claims together.
        width: Columns of the terminal.
    """
    lines = []
    for claim in claims:
        if not claim.as_expected:
            lines.append(f"! {claim.id}: expected {claim.expected}, now {claim.verdict}")
        elif claim.verdict != "supported":
            lines.append(_as_declared(claim))
    if any(claim.deciding and claim.deciding.disagrees for claim in claims):
        lines.append("the t test and the sign-flip test disagree on some: see -v")
    lines += _family(claims, alpha)
    lines.append("intervals hold over all looks; early stops overstate small effects")
    wrapped = [part for line in lines for part in textwrap.wrap(line, width, **_WRAPPING)]
    # Paths stay whole, to be copied.
    return [*textwrap.wrap(counts(claims), width, **_WRAPPING), *provenance(claims), *wrapped]


def _as_declared(claim: Outcome) -> str:
    """Returns an expected finding: its numbers here, and the reason that its claim declares."""
    found = f": {numbers_text(claim.deciding)}" if claim.deciding else ""
    return f"{claim.id} is {claim.verdict}, as expected{found}; declared reason: {claim.because}"


def provenance(claims: Sequence[Outcome]) -> list[str]:
    """Returns under which protocol and on which data claims were judged, a line for each."""
    with_data = [claim for claim in claims if claim.data != "none"] or claims
    return sorted({f"{claim.protocol} protocol, {claim.data_note}" for claim in with_data})


def plan(
    claims: Iterable[tuple[str, Sequence[Request], str]],
    requests: Sequence[tuple[Request, int]],
    seconds_per_cost: float | None,
    workers: int,
) -> list[str]:
    """Returns what a session would do: its claims with their arms, what is missing, an estimate.

    Args:
        claims: Each claim's id, the requests of its first look, and why these are not all, if so.
        requests: Each request once, with how many of its runs are missing.
        seconds_per_cost: In runs that are stored, by the unit of `Arm.cost`; None where there are
            none.
        workers: How many share the work.
    """
    lines = []
    for name, needs, why in claims:
        lines.append(name)
        lines += [f"    {request.arm}" + _from(request) for request in needs]
        if why or not needs:
            so_far = "traced so far only" if needs else "not traced"
            lines.append(f"    ({so_far}: {why or 'it names no arm'})")
    missing = sum(runs for _, runs in requests)
    total = sum(len(request.seeds) for request, _ in requests)
    lines.append(f"{len(requests)} arms, {total} runs for the first look:")
    lines += [
        f"    {_state(request, runs)}  {request.arm}{_from(request)}" for request, runs in requests
    ]
    cost = sum(request.arm.cost * runs for request, runs in requests)
    seconds = cost * (seconds_per_cost or SECONDS_PER_COST) / workers
    basis = (
        "measured in stored runs" if seconds_per_cost else "estimated; no stored runs to measure"
    )
    lines.append(
        f"{missing} runs to train, about {duration(seconds)} on {workers} "
        f"core{'s' * (workers > 1)} ({basis}); later looks may add runs"
    )
    return lines


def _family(claims: Sequence[ClaimResult], alpha: float) -> list[str]:
    """Returns which verdicts stand when all claims share one alpha."""
    decided = {
        claim.id: claim.holm_p
        for claim in claims
        if claim.holm_p is not None and claim.verdict != "inconclusive"
    }
    if not decided:
        return []
    fallen = [name for name, p in decided.items() if p > alpha]
    declared = max(claim.declared for claim in claims)
    return [
        f"{len(decided) - len(fallen)} of {len(decided)} verdicts are significant at {alpha:g} "
        f"after Holm correction over all {declared} declared claims" + _some(fallen)
    ]  # fmt: skip


def _some(names: Sequence[str]) -> str:
    if not names:
        return ""
    rest = len(names) - 3
    return (
        "; not significant: "
        + ", ".join(names[:3])
        + (f" and {rest} more (see -v)" if rest > 0 else "")
    )


def _cells(outcome: Outcome) -> tuple[str, ...]:
    finding = outcome.deciding
    if finding is None:
        return _verdict(outcome), outcome.id, outcome.kind_without_numbers, "", "", "", ""
    estimate, low, high = rounded(finding)
    numbers = (estimate, f"[{low}, {high}]", finding.claimed, str(finding.seeds))
    p = "exact" if finding.p is None else p_text(finding.p)
    return _verdict(outcome), outcome.id, *numbers, p


def _verdict(outcome: Outcome) -> str:
    return outcome.verdict + "!" * (not outcome.as_expected)


def numbers_text(finding: Finding) -> str:
    """Returns a finding's numbers and what is claimed: `0.43 [0.36, 0.50], claimed > 0.1`."""
    return f"{interval_text(finding)}, claimed {finding.claimed}"


def interval_text(finding: Finding) -> str:
    """Returns a finding's estimate and interval: `0.43 [0.36, 0.50]`."""
    return "{} [{}, {}]".format(*rounded(finding))


def rounded(finding: Finding) -> tuple[str, str, str]:
    """Returns estimate and ends of the interval, with as many decimals as these deserve."""
    ends = finding.ends
    rounding = _ROUNDING * max(map(abs, filter(math.isfinite, (finding.estimate, *ends))))
    width = ends[1] - ends[0]
    if width <= rounding:
        width = 0.0
    for _ in range(_FINER + 1):
        estimate, *texts = (_number(value, width) for value in (finding.estimate, *ends))
        if not any(_crosses(texts, ends, edge, rounding) for edge in finding.region.edges):
            break
        width /= 10
    return estimate, texts[0], texts[1]


def _crosses(texts: Sequence[str], ends: Sequence[float], edge: float, rounding: float) -> bool:
    """Says whether rounding moves an end of an interval onto, or over, an edge it is clear of."""
    return any(
        abs(end - edge) > rounding and (float(text) - edge) * (end - edge) <= 0
        for text, end in zip(texts, ends, strict=True)
    )


def _number(value: float, width: float) -> str:
    """Returns a number with as many decimals as an interval of this width deserves."""
    if width / 2 <= 0 or math.isinf(width):
        return f"{value:.4g}"
    decimals = max(0, 1 - math.floor(math.log10(width / 2)))
    if decimals <= 4 or (abs(value) >= 0.01 and decimals <= 8):
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
