"""Writes what docs/results.md shows of one catalogue on several backends.

That is the verdicts, a column for each session, and what each session came to against a reference
that another one froze, which is the claim that training goes alike on both.

Run, once a session on each has stored its runs:

    pytest claims/ --claims-report=quick-tensorflow
    bnclaims freeze quick-tensorflow --output=tensorflow.json
    pytest claims/ --claims-backend=jax --claims-reference=tensorflow.json --claims-report=quick-jax
    python benchmarks/publish_backends.py quick-tensorflow quick-jax

A second report of a backend, compared with another reference, adds no column but its line. Each
protocol has a place of its own.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # found also when this file is run by its path

from benchmarks.publish import table, versions
from bnclaims.reporting import badges, checked, markdown, wire
from bnclaims.reporting.results import Results

DOCS = Path(__file__).parents[1] / "docs"


def main(folders: list[str]) -> None:
    reports = [wire.read(Path(folder)) for folder in folders]
    protocols = {report.protocol.name for report in reports}
    if len(protocols) != 1:
        sys.exit(f"name reports of one protocol, not of {', '.join(sorted(protocols)) or 'none'}")
    of_backend: dict[str, Results] = {}
    for report in reports:
        of_backend.setdefault(backend(report), report)
    columns = list(of_backend.values())
    lines = [*table(columns, backend), "", *verdicts(columns), *alike(reports)]
    markdown.insert(DOCS / "results.md", f"backends-{protocols.pop()}", lines)


def backend(report: Results) -> str:
    return report.backend.removeprefix("Keras on ")


def verdicts(reports: list[Results]) -> list[str]:
    """A line for each session: its verdicts and versions."""
    lines = []
    for report in reports:
        said = ", ".join(f"{count} {verdict}" for verdict, count in badges.tally(report))
        lines.append(f"- {backend(report)}: {said} ({versions(report)}).")
    return lines


def alike(reports: list[Results]) -> list[str]:
    """A line for each session that was compared with another: what that came to."""
    lines = []
    for report in reports:
        if record := report.reference:
            other = record.versions["backend"].removeprefix("Keras on ")
            lines.append(
                f"- Training on {backend(report)} goes as on {other}: "
                f"{checked.counts_text(record)}."
            )
    return lines


if __name__ == "__main__":
    main(sys.argv[1:])
