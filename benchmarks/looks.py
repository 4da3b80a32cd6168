"""Which looks to take: what they cost and decide, over effects and over a measured suite.

Run: `python -m benchmarks.looks claims-report/results.json`, with the results of a suite that was
judged. It simulates that suite's claims with normal contrasts of the measured means and deviations,
under each design, and writes a table into docs/statistics.md. An arm that several claims share is
trained as far as the one that goes furthest; its measured seconds count.
"""

import dataclasses
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bnclaims.language.finding import Finding
from bnclaims.reporting import markdown, wire
from bnclaims.reporting.results import ClaimResult, Results
from bnclaims.statistics.design import Sequential
from bnclaims.statistics.planning import bound, judged_over_looks, outlook

Array = NDArray[np.float64]

DOCS = Path(__file__).parents[1] / "docs"
DRAWS = 2_000
LOOKS = [
    (20,),
    (10, 20),
    (8, 14, 20),
    (6, 12, 20),
    (5, 10, 20),
    (5, 10, 15, 20),
    (4, 8, 12, 16, 20),
    (5, 10, 20, 40),
    (5, 10, 15, 20, 30, 40),
]
EFFECTS = (0.0, 1.0, 1.5, 2.0, 5.0)
NEVER_STOPPED = dataclasses.replace(Sequential(), futility=0.0)


@dataclass(frozen=True)
class Suite:
    """A suite whose claims have been judged."""

    claims: list[ClaimResult]

    def judged(self, design: Sequential) -> tuple[float, float, float]:
        """Returns mean seeds of a claim, decided claims, and seconds of training."""
        rng = np.random.default_rng(np.random.SeedSequence(16))
        seeds, decided = [], []
        for claim in self.claims:
            contrasts, parts = simulated(claim.findings, design.looks[-1], rng)
            verdict, stopped = judged_over_looks(contrasts, parts, design)
            seeds.append(stopped)
            decided.append(verdict != 0)
        return float(np.mean(seeds)), float(np.sum(decided) / DRAWS), self.seconds(seeds)

    def seconds(self, seeds: Sequence[NDArray[np.int64]]) -> float:
        """Returns how long the arms train in the mean, each for the claim that goes furthest."""
        cost: dict[str, float] = {}
        furthest: dict[str, NDArray[np.int64]] = {}
        for claim, stopped in zip(self.claims, seeds, strict=True):
            for arm in claim.arms:
                key = f"{arm.digest} {arm.first_seed}"
                cost[key] = float(np.mean(arm.seconds))
                furthest[key] = np.maximum(furthest.get(key, np.zeros_like(stopped)), stopped)
        return sum(cost[key] * float(furthest[key].mean()) for key in cost)


def simulated(
    findings: Sequence[Finding], seeds: int, rng: np.random.Generator
) -> tuple[Array, list[list[int]]]:
    """Returns a claim's contrasts, shape (edges, draws, seeds), and the edges of each part."""
    faces: list[Array] = []
    parts: list[list[int]] = []
    for finding in findings:
        values = np.array(finding.values, dtype=np.float64)
        drawn = rng.normal(values.mean(), values.std(ddof=1), (DRAWS, seeds))
        region, edges = finding.region, []
        for low, high in ((region.low, None), (None, region.high)):
            if low is not None:
                edges.append(drawn - low)
            elif high is not None:
                edges.append(high - drawn)
        parts.append([len(faces) + i for i in range(len(edges))])
        faces += edges
    return np.stack(faces), parts


def main(path: Path) -> None:
    results = wire.read(path)
    suite = Suite([claim for claim in results.claims if simulable(claim)])
    always = suite.judged(Sequential((20,)))[2]
    designs = [*map(Sequential, LOOKS), NEVER_STOPPED]
    rows = [row(suite, design, always) for design in designs]
    markdown.insert(DOCS / "statistics.md", "looks", [*head(suite, results), *rows])


def simulable(claim: ClaimResult) -> bool:
    """Says whether a claim is about means: shares and exact claims stay out."""
    return bool(claim.findings) and all(finding.kind == "mean" for finding in claim.findings)


def head(suite: Suite, results: Results) -> list[str]:
    """The table's head, with what it is of."""
    columns = ["looks", "seeds a claim", "decided", "training time"]
    columns += [f"d = {effect:g}" for effect in EFFECTS]
    data = suite.claims[0].data
    return [
        (
            f"{len(suite.claims)} claims about means ({results.protocol.name} protocol, {data}), "
            f"simulated {DRAWS:,} times with normal contrasts of the measured means and "
            "deviations: mean seeds, claims that are decided, and training time as a share of "
            "always 20 seeds. "
            "Then percent supported and mean seeds at distances d from one edge, in standard "
            "deviations:"
        ),
        "",
        f"| {' | '.join(columns)} |",
        "|---" * len(columns) + "|",
    ]


def row(suite: Suite, design: Sequential, always: float) -> str:
    """A design's line of the table."""
    seeds, decided, seconds = suite.judged(design)
    name = ", ".join(map(str, design.looks)) + ("" if design.futility else ", never stopped early")
    cells = [name, f"{seeds:.1f}", f"{decided:.1f}", f"{seconds / always:.2f}"]
    for effect in EFFECTS:
        expected = outlook(bound(), effect, spread=1.0, design=design)
        cells.append(f"{100 * expected.supported:.0f}, {expected.seeds:.1f}")
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
