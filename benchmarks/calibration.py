"""What a verdict promises, by simulation: wrong verdicts against alpha, power and expected seeds.

Run: `make calibration` (half a minute). It simulates claims without any training, under the
rule and the boundaries that the suite uses, and writes tables and pictures into docs/statistics.md.
"""

import math
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from scipy import special

from bnclaims.reporting import markdown
from bnclaims.statistics.contrasts import sign_flip_disagrees, sign_flip_p
from bnclaims.statistics.design import Design, Open, Sequential
from bnclaims.statistics.planning import (
    LinearHypothesis,
    bound,
    equivalence,
    interaction,
    judged_over_looks,
    ordering,
    rate,
    trend,
)

mpl.use("svg")
mpl.rcParams["svg.fonttype"] = "none"
import matplotlib.pyplot as plt

Array = NDArray[np.float64]
Law = Callable[[np.random.Generator, tuple[int, ...]], Array]

DOCS = Path(__file__).parents[1] / "docs"
CLAIMS = 100_000
CHUNK = 10_000
ALPHA = 0.01

# Laws of a number a seed, each with mean 0 and standard deviation 1.
COLLAPSE, DEPTH = 0.1, 8.0


def collapsing(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Normal, but that one seed in ten fails by eight standard deviations."""
    x = rng.standard_normal(shape) - DEPTH * (rng.random(shape) < COLLAPSE)
    deviation = math.sqrt(1 + DEPTH**2 * COLLAPSE * (1 - COLLAPSE))
    return np.asarray((x + DEPTH * COLLAPSE) / deviation)


LAWS: dict[str, Law] = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "right-skewed": lambda rng, shape: rng.standard_exponential(shape) - 1,
    "left-skewed": lambda rng, shape: 1 - rng.standard_exponential(shape),
    "heavy-tailed": lambda rng, shape: rng.standard_t(3, shape) / math.sqrt(3),
    "collapsing": collapsing,
}

# Claims at the null's edge: the effect at which one contrast has mean 0 and all others are inside.
EDGES: dict[str, tuple[LinearHypothesis, float]] = {
    "superiority": (bound(), 0.0),
    "equivalence, wide": (equivalence(6.0), 6.0),
    "equivalence, narrow": (equivalence(0.02), 0.02),
    "interaction": (interaction(), 0.0),
    "trend, flat": (trend(4, tolerance=4.0), 0.0),
    "ordering, a tie": (ordering(1, 1), 0.0),
    "rate": (rate([4, 64, 256, 1024], within=2.0), 2.0),
}


def simulated(claim: LinearHypothesis, effect: float, law: Law, seeds: int) -> Iterator[Array]:
    """Contrasts of claims, shape (contrasts, claims, seeds), in chunks.

    A single contrast has the law itself; contrasts between arms are made of arms that have it. For
    an equivalence one arm stands still: else the law of the difference would be symmetric.
    """
    rng = np.random.default_rng(np.random.SeedSequence(2026))
    arms = len(claim.pattern)
    still = len(claim.offsets) == 2 and arms == 2
    for _ in range(CLAIMS // CHUNK):
        noise = law(rng, (arms, CHUNK * seeds))
        if still:
            noise[1] = 0.0
        contrasts = (claim.contrasts @ noise).reshape(-1, CHUNK, seeds)
        yield contrasts + claim.means(effect)[:, None, None]


def wrong_rates(
    claim: LinearHypothesis, effect: float, law: Law, design: Design
) -> tuple[float, float]:
    """How often the edge is called supported, and refuted."""
    supported = refuted = 0
    for contrasts in simulated(claim, effect, law, design.looks[-1]):
        verdict, _ = judged_over_looks(contrasts, claim.parts, design)
        supported += int((verdict > 0).sum())
        refuted += int((verdict < 0).sum())
    return supported / CLAIMS, refuted / CLAIMS


def flagged(law: Law, design: Design) -> float:
    """Of the wrongly supported claims, how many have t and sign-flip disagree."""
    wrong = flags = 0
    for contrasts in simulated(bound(), 0.0, law, design.looks[-1]):
        verdict, stopped = judged_over_looks(contrasts, bound().parts, design)
        for i in np.flatnonzero(verdict > 0)[:200]:
            p = sign_flip_p(contrasts[0, i, : stopped[i]])
            wrong += 1
            flags += sign_flip_disagrees(p, int(stopped[i]))
    return flags / wrong


def fixed(n: int) -> Design:
    return Sequential((n,), ALPHA)


class Peeking:
    """What not to do: an ordinary t test at alpha after each seed from the third on."""

    looks = tuple(range(3, 21))
    alpha = ALPHA

    def with_alpha(self, _: float) -> "Peeking":
        """It knows nothing of edges, either."""
        return self

    def critical(self, look: int) -> float:
        """The quantile of t, as if this look were the only one."""
        return -float(special.stdtrit(self.looks[look] - 1, ALPHA))


def found(effect: float, design: Design) -> tuple[float, float]:
    """How often an effect is supported, and the mean seeds at the verdict."""
    supported, seeds = 0, 0.0
    for contrasts in simulated(bound(), effect, LAWS["normal"], design.looks[-1]):
        verdict, stopped = judged_over_looks(contrasts, bound().parts, design)
        supported += int((verdict > 0).sum())
        seeds += float(stopped.sum())
    return supported / CLAIMS, seeds / CLAIMS


DESIGNS: dict[str, Design] = {
    "5, 10, 15, 20 seeds": Sequential(alpha=ALPHA),
    "always 20 seeds": fixed(20),
    "open-ended": Open(alpha=ALPHA),
    "peeking": Peeking(),  # type: ignore[dict-item]
}
EFFECTS = (0.0, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0)


def main() -> None:
    started = time.perf_counter()
    rates = {
        name: {law: wrong_rates(*edge, LAWS[law], Sequential(alpha=ALPHA)) for law in LAWS}
        for name, edge in EDGES.items()
    }
    rates["superiority, open-ended"] = {
        law: wrong_rates(*EDGES["superiority"], LAWS[law], Open(alpha=ALPHA)) for law in LAWS
    }
    flags = {law: flagged(LAWS[law], Sequential(alpha=ALPHA)) for law in LAWS}
    powers = {name: [found(e, design) for e in EFFECTS] for name, design in DESIGNS.items()}
    draw_rates(rates)
    draw_powers(powers)
    write("\n".join([*rates_table(rates, flags), "", *powers_table(powers)]))
    print(f"{time.perf_counter() - started:.0f} s", file=sys.stderr)


def rates_table(
    rates: dict[str, dict[str, tuple[float, float]]], flags: dict[str, float]
) -> list[str]:
    """Wrong verdicts in percent, supported / refuted."""
    lines = [
        (
            "Wrong verdicts at the null's edge in percent, *supported* / *refuted*; promised is at "
            f"most {100 * ALPHA:g} each. {CLAIMS:,} simulated claims a cell (standard error 0.03 "
            "at 1):"
        ),
        "",
        "| shape | " + " | ".join(LAWS) + " |",
        "|---" * (1 + len(LAWS)) + "|",
    ]
    for shape, row in rates.items():
        cells = (f"{100 * s:.2f} / {100 * r:.2f}" for s, r in row.values())
        lines.append(f"| {shape} | " + " | ".join(cells) + " |")
    cells = (f"{100 * share:.0f}%" for share in flags.values())
    lines.append("| *flagged among superiority wrongly supported* | " + " | ".join(cells) + " |")
    return [*lines, "", "![Wrong verdicts by law](figures/calibration-errors.svg)"]


def powers_table(powers: dict[str, list[tuple[float, float]]]) -> list[str]:
    """Percent supported and mean seeds, by effect."""
    lines = [
        (
            "Percent *supported*, and mean seeds at the verdict, by true distance from the edge in "
            "standard deviations of the contrast (normal):"
        ),
        "",
        "| distance | " + " | ".join(powers) + " |",
        "|---" * (1 + len(powers)) + "|",
    ]
    for i, effect in enumerate(EFFECTS):
        cells = (f"{100 * rows[i][0]:.1f}, {rows[i][1]:.1f}" for rows in powers.values())
        lines.append(f"| {effect:g} | " + " | ".join(cells) + " |")
    return [*lines, "", "![Power and expected seeds](figures/calibration-power.svg)"]


def write(text: str) -> None:
    """Puts the tables between their marks in the docs."""
    page = DOCS / "statistics.md"
    markdown.insert(page, "calibration", text.splitlines())


# Colours of Okabe & Ito, which colour-blind people can tell, and a mark for each.
STYLES = [("#0072B2", "o"), ("#D55E00", "s"), ("#009E73", "^"), ("#CC79A7", "D"), ("#E69F00", "v")]


def draw_rates(rates: dict[str, dict[str, tuple[float, float]]]) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(9, 4.2), sharey=True, layout="constrained")
    names = list(rates)
    for axis, side, title in zip(
        axes, (0, 1), ("wrongly supported", "wrongly refuted"), strict=True
    ):
        for i, (law, (colour, mark)) in enumerate(zip(LAWS, STYLES, strict=True)):
            x = [max(100 * rates[name][law][side], 2e-3) for name in names]
            y = np.arange(len(names)) + 0.12 * (i - 2)
            axis.scatter(x, y, color=colour, marker=mark, s=22, label=law, zorder=3)
        axis.axvline(100 * ALPHA, color="black", linewidth=1, linestyle="--")
        axis.set(xscale="log", xlim=(1.5e-3, 60), xlabel=f"percent {title} (dashed: promised)")
        axis.xaxis.set_major_formatter("{x:g}")
        axis.grid(axis="x", color="#dddddd")
    axes[0].set_yticks(range(len(names)), names)
    axes[0].invert_yaxis()
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(LAWS))
    save(figure, "calibration-errors")


def draw_powers(powers: dict[str, list[tuple[float, float]]]) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    for (name, rows), (colour, mark) in zip(powers.items(), STYLES, strict=False):
        for axis, column, scale in zip(axes, (0, 1), (100, 1), strict=True):
            values = [scale * row[column] for row in rows]
            axis.plot(EFFECTS, values, color=colour, marker=mark, markersize=5, label=name)
    axes[0].axhline(100 * ALPHA, color="black", linewidth=1, linestyle="--")
    axes[0].set(xlabel="distance from the edge (standard deviations)", ylabel="percent supported")
    axes[1].set(xlabel="distance from the edge (standard deviations)", ylabel="mean seeds")
    axes[1].set_ylim(0, 21)
    for axis in axes:
        axis.grid(color="#dddddd")
    axes[0].legend(fontsize=8)
    save(figure, "calibration-power")


def save(figure: plt.Figure, name: str) -> None:
    folder = DOCS / "figures"
    folder.mkdir(exist_ok=True)
    plt.rcParams["svg.hashsalt"] = name  # the same numbers give the same file
    figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    main()
