"""What came of the comparison with a reference, in words."""

from collections import Counter
from collections.abc import Iterator

from bnclaims.language.finding import with_unit
from bnclaims.reporting.results import Check, ReferenceRecord, Results
from bnclaims.reporting.terminal import interval_text

_FEW = 3
"""How many names a sentence has room for."""


def counts_text(record: ReferenceRecord) -> str:
    """Returns how many metrics came to what: `1 worse, 31 as before (12 identical)`."""
    identical = sum(check.is_identical for check in record.checks)
    note = f" ({identical} identical)" if identical else ""
    said = (f"{n} {status}{note * (status == 'as before')}" for status, n in record.counts)
    return ", ".join(said) or "nothing to compare"


def change_text(check: Check) -> str:
    """Returns a metric's means before and now, its change, and which change does not matter."""
    finding = check.finding
    if finding is None or check.before is None:
        return check.problem
    now = with_unit(f"{check.before + finding.estimate:.4g}", check.unit)
    means = f"{check.before:.4g} -> {now}"
    if check.is_identical:
        return f"{means}, identical in all {finding.seeds} seeds"
    change = f"change {interval_text(finding)}, as before {finding.claimed}"
    return f"{means}, {change}, {finding.seeds} seeds"


def notable(record: ReferenceRecord) -> list[Check]:
    """Returns what is not as before, the worst first."""
    told = [check for check in record.checks if check.status not in {"as before", "not compared"}]
    order = [status for status, _ in record.counts]
    return sorted(told, key=lambda check: order.index(check.status))


def since_text(record: ReferenceRecord, results: Results) -> str:
    """Returns what the session was compared with, and which versions have changed since."""
    names = {**record.versions, **results.versions}
    changed = [
        f"{name} {record.versions.get(name, 'absent')} -> {results.versions.get(name, 'absent')}"
        for name in names
        if record.versions.get(name) != results.versions.get(name)
    ]
    return f"{record.file} of {record.created[:10]}; {', '.join(changed) or 'the same versions'}"


def left_out(record: ReferenceRecord) -> Iterator[str]:
    """Yields what was not compared, a sentence for each reason."""
    missing = [check for check in record.checks if check.status == "not compared"]
    for problem, count in Counter(check.problem for check in missing).items():
        named = [check.name for check in missing if check.problem == problem]
        yield f"{count} not compared, as {problem}: {_some(named)}"
    if record.unknown:
        yield f"{len(record.unknown)} not in the reference: {_some(record.unknown)}"


def _some(names: list[str] | tuple[str, ...]) -> str:
    rest = len(names) - _FEW
    return "; ".join(names[:_FEW]) + (f" and {rest} more" if rest > 0 else "")
