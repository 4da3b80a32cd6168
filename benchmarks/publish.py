"""Writes what the documentation shows of sessions' reports.

That is the table of docs/results.md, a column for each session, and, of the first session, the
badges of docs/badges/ with their table, the figures of docs/figures/, and in docs/performance.md
what a verdict costs and how the catalogue scales.

Run, once a session has stored its runs (then it takes seconds), for each protocol and data set:

    pytest claims/ --claims-protocol=article --claims-report=article-mnist
    python benchmarks/publish.py article-mnist quick-mnist article-digits quick-digits
"""

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # found also when this file is run by its path

from benchmarks import scaling
from bnclaims.reporting import badges, markdown, plots, wire
from bnclaims.reporting.results import ClaimResult, Results
from bnclaims.reporting.terminal import interval_text

DOCS = Path(__file__).parents[1] / "docs"


def main(folders: list[str]) -> None:
    reports = [wire.read(Path(folder)) for folder in folders]
    figures = plots.write(reports[0].figures, DOCS / "figures", reports[0].conditions)
    badges.write(reports[0], DOCS / "badges")
    page = DOCS / "results.md"
    markdown.insert(page, "claims", markdown.badge_table(reports[0], DOCS / "badges", page))
    markdown.insert(page, "table", [*table(reports, title), "", *provenance(reports)])
    markdown.insert(page, "figures", pictures(figures))
    first = scaling.Session.of(reports[0])
    markdown.insert(DOCS / "performance.md", "cost", scaling.cost(first))
    markdown.insert(DOCS / "performance.md", "scaling", scaling.scaling(first))


def pictures(figures: list[Path]) -> list[str]:
    """The SVG of each figure; the PNG is for where SVG is not shown, and not kept."""
    for path in figures:
        if path.suffix == ".png":
            path.unlink()
    return [
        f"![{path.stem.replace('-', ' ')}](figures/{path.name})"
        for path in figures
        if path.suffix == ".svg"
    ]


def table(reports: list[Results], titled: Callable[[Results], str]) -> list[str]:
    """A row for each claim: verdict, estimate, interval and seeds in each session."""
    columns = [{claim.id: claim for claim in report.claims} for report in reports]
    lines = [
        "| claim | " + " | ".join(map(titled, reports)) + " |",
        "|---" * (1 + len(columns)) + "|",
    ]
    for name in sorted(set().union(*columns)):
        cells = (cell(column.get(name)) for column in columns)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def title(report: Results) -> str:
    names = [claim.data for claim in report.claims if claim.data != "none"]
    return f"{report.protocol.name}, {max(set(names), key=names.count)}"


def cell(claim: ClaimResult | None) -> str:
    if claim is None:
        return ""
    verdict = claim.verdict if claim.verdict == "supported" else f"**{claim.verdict}**"
    finding = claim.deciding
    if finding is None:
        return f"{verdict} (no value)"
    seeds = "" if finding.seeds == 5 else f", n = {finding.seeds}"
    return f"{verdict} {interval_text(finding)}{seeds}"


def provenance(reports: list[Results]) -> list[str]:
    """Versions and sizes of the sessions, and what their claims are judged by."""
    lines = sorted({f"{versions(report)}." for report in reports})
    for report in reports:
        protocol, engine = report.protocol, report.versions["engine"]
        tally = ", ".join(f"{count} {verdict}" for verdict, count in badges.tally(report))
        unexpected = [claim.id for claim in report.claims if not claim.as_expected]
        lines.append(
            f"{title(report)}: {protocol.images:,} images, {protocol.epochs} epochs, "
            f"engine {engine}; {tally}"
            + (f"; not as expected: {', '.join(unexpected)}" if unexpected else "")
            + "."
        )
    return [f"- {line}" for line in lines]


def versions(report: Results) -> str:
    """What a session ran on; the engine is said of each, as it may differ between them."""
    own = {"bnclaims", "engine"}
    known = sorted(report.versions.items())
    return ", ".join(f"{name} {version}" for name, version in known if name not in own)


if __name__ == "__main__":
    main(sys.argv[1:])
