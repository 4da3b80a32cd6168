"""Writes what docs/literature.md shows of sessions' reports: a row for each claim, by paper.

Run, once a session of each data set has stored its runs:

    pytest claims/literature/ --claims-report=literature-mnist
    python benchmarks/publish_literature.py literature-mnist literature-digits

The figures of the first go to docs/figures/.
"""

import sys
from itertools import groupby
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # found also when this file is run by its path

from benchmarks.publish import cell, pictures, provenance, title
from bnclaims.reporting import markdown, plots, wire
from bnclaims.reporting.page import publication
from bnclaims.reporting.results import ClaimResult, Results

DOCS = Path(__file__).parents[1] / "docs"


def main(folders: list[str]) -> None:
    reports = [wire.read(Path(folder)) for folder in folders]
    page = DOCS / "literature.md"
    markdown.insert(page, "table", [*table(reports), "", *provenance(reports)])
    figures = plots.write(reports[0].figures, DOCS / "figures", reports[0].conditions)
    markdown.insert(page, "figures", pictures(figures))


def table(reports: list[Results]) -> list[str]:
    """A row for each claim, under a row for its paper."""
    columns = [{claim.id: claim for claim in report.claims} for report in reports]
    lines = ["| claim | says | " + " | ".join(map(title, reports)) + " | seconds |"]
    lines.append("|---" * (3 + len(columns)) + "|")
    claims = sorted(reports[0].claims, key=lambda claim: (publication(claim), claim.id))
    for paper, of_paper in groupby(claims, key=publication):
        lines.append(f"| **{paper}** " + "| " * (2 + len(columns)) + "|")
        for claim in of_paper:
            cells = " | ".join(cell(column.get(claim.id)) for column in columns)
            lines.append(f"| {claim.id} | {claim.statement} | {cells} | {seconds(claim):.0f} |")
    return lines


def seconds(claim: ClaimResult) -> float:
    """How long its trainings took, those that others share included."""
    return sum(map(sum, (arm.seconds for arm in claim.arms)))


if __name__ == "__main__":
    main(sys.argv[1:])
