"""What a verdict promises, by simulation: wrong verdicts against alpha, power and expected seeds.

Run: `make calibration` (some minutes). It simulates claims without any training, under the rule and
the boundaries that the suite uses, and writes tables and pictures into docs/statistics.md.
"""

import dataclasses
import math
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from scipy import special

from bnclaims.experiment.arm import Arm, FunctionArm
from bnclaims.experiment.history import History
from bnclaims.language.builtin_metrics import measured
from bnclaims.language.evidence import Evidence, Trial
from bnclaims.language.sample import Runs
from bnclaims.reporting import markdown
from bnclaims.statistics.boundary import NormalBoundary
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
Shape = tuple[int, ...]
Law = Callable[[np.random.Generator, Shape], Array]

DOCS = Path(__file__).parents[1] / "docs"
CLAIMS = 100_000
CHUNK = 10_000
PUBLIC = 300
"""Claims of each law and shape that are also judged by the comparisons that users write."""
ALPHA = 0.01
ERROR = math.sqrt(ALPHA * (1 - ALPHA) / CLAIMS)
"""Standard error of a frequency of alpha."""


def lognormal(sigma: float) -> Law:
    """Rare large values against the claim."""
    mean = math.exp(sigma**2 / 2)
    return lambda rng, shape: mean - rng.lognormal(0.0, sigma, shape)


def gamma(k: float) -> Law:
    """Of this shape, its tail against the claim."""
    return lambda rng, shape: (k - rng.standard_gamma(k, shape)) / math.sqrt(k)


def weibull(k: float) -> Law:
    """Of this shape, its tail against the claim."""
    return lambda rng, shape: math.gamma(1 + 1 / k) - rng.weibull(k, shape)


def bimodal(share: float) -> Law:
    """Two narrow modes at -1 and 1; a share of the seeds is in the one against the claim."""

    def draw(rng: np.random.Generator, shape: Shape) -> Array:
        mode = np.where(rng.random(shape) < share, -1.0, 1.0) - (1 - 2 * share)
        return mode + 0.2 * rng.standard_normal(shape)

    return draw


def collapse(share: float, depth: float) -> Law:
    """Normal, but that a share of the seeds fails by so many standard deviations."""

    def draw(rng: np.random.Generator, shape: Shape) -> Array:
        fallen = rng.random(shape) < share
        return np.asarray(rng.standard_normal(shape) + depth * (share - fallen))

    return draw


def autoregressive(rho: float) -> Law:
    """Each seed's number resembles the one before: seeds that are not independent."""

    def draw(rng: np.random.Generator, shape: Shape) -> Array:
        x = rng.standard_normal(shape)
        for i in range(1, shape[-1]):
            x[..., i] = rho * x[..., i - 1] + math.sqrt(1 - rho**2) * x[..., i]
        return x

    return draw


def errors_of_2000(rng: np.random.Generator, shape: Shape) -> Array:
    """An accuracy of 99.85% on 2,000 images: whole numbers of errors, three on average."""
    return np.asarray((3 - rng.poisson(3, shape)) / 2000)


def mostly(value: float, share: float) -> Law:
    """A value in all but a share of the seeds, which lose 0.01."""
    return lambda rng, shape: np.asarray(value + 0.01 * (share - (rng.random(shape) < share)))


def zero_inflated(rng: np.random.Generator, shape: Shape) -> Array:
    """Zero in seven seeds of ten, else exponential, less the mean."""
    x = np.where(rng.random(shape) < 0.7, 0.0, rng.standard_exponential(shape))
    return np.asarray(0.3 - x)


def heteroscedastic(rng: np.random.Generator, shape: Shape) -> Array:
    """Normal pairs, some seeds much noisier than others."""
    return np.asarray(rng.standard_normal(shape) * rng.lognormal(0.0, 0.75, shape))


# Laws of a number a seed, each of mean 0; those with a tail have it on the side against the claim.
LAWS: dict[str, Law] = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "exponential": lambda rng, shape: 1 - rng.standard_exponential(shape),
    "exponential, other way": lambda rng, shape: rng.standard_exponential(shape) - 1,
    "lognormal, σ = 0.5": lognormal(0.5),
    "lognormal, σ = 0.75": lognormal(0.75),
    "lognormal, σ = 1": lognormal(1.0),
    "gamma(2)": gamma(2.0),
    "Weibull(1.5)": weibull(1.5),
    "Weibull(0.7)": weibull(0.7),
    "t, 3 degrees": lambda rng, shape: rng.standard_t(3, shape),
    "t, 2 degrees": lambda rng, shape: rng.standard_t(2, shape),
    "bimodal 50/50": bimodal(0.5),
    "bimodal 30/70": bimodal(0.3),
    **{
        f"collapse, {share:.0%} by {depth} sd": collapse(share, depth)
        for share in (0.02, 0.05, 0.1)
        for depth in (8, 30, 600)
    },
    "AR(1), ρ = 0.3": autoregressive(0.3),
    "AR(1), ρ = 0.6": autoregressive(0.6),
    "accuracies of 2,000 images": errors_of_2000,
    "ties in 80%": mostly(0.0, 0.2),
    "ties in 95%": mostly(0.0, 0.05),
    "zero-inflated": zero_inflated,
    "heteroscedastic pairs": heteroscedastic,
}


@dataclass(frozen=True)
class Edge:
    """A claim at its null's edge: one contrast has mean 0 and all others are well inside."""

    claim: LinearHypothesis
    effect: float
    still: bool = False
    """Whether its second arm stands still: else the law of the difference would be symmetric."""


EDGES = {
    "superiority": Edge(bound(), 0.0),
    "equivalence": Edge(equivalence(6.0), -6.0, still=True),
    "narrow equivalence": Edge(equivalence(0.02), 0.02, still=True),
    "interaction": Edge(interaction(), 0.0),
    "trend": Edge(trend(4, tolerance=4.0), 0.0),
    "ordering": Edge(ordering(1, 1), 0.0),
    "rate": Edge(rate([4, 64, 256, 1024], within=2.0), 2.0),
}
# Errors are counted as if no claim stopped for futility, which can only make them fewer.
DEFAULT = Sequential(alpha=ALPHA, futility=0.0)
OTHERS: dict[str, Design] = {
    "normal boundary": dataclasses.replace(DEFAULT, boundary=NormalBoundary()),
    "open-ended": Open(alpha=ALPHA, futility=0.0),
}
DESIGNS: dict[str, Design] = {
    "default": Sequential(alpha=ALPHA),
    "never stopped for futility": DEFAULT,
    "normal boundary": Sequential(alpha=ALPHA, boundary=NormalBoundary()),
    "open-ended": Open(alpha=ALPHA),
}
EFFECTS = (0.0, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 20.0)

Rates = tuple[float, float]
"""How often supported, and refuted."""


def simulated(edge: Edge, law: Law, seeds: int) -> Iterator[tuple[Array, Array]]:
    """Arms and contrasts of claims, shapes (arms or contrasts, claims, seeds), in chunks.

    A single contrast has the law itself; contrasts between arms are made of arms that have it.
    """
    rng = np.random.default_rng(np.random.SeedSequence(2026))
    claim = edge.claim
    for _ in range(CLAIMS // CHUNK):
        arms = law(rng, (len(claim.pattern), CHUNK, seeds))
        if edge.still:
            arms[1] = 0.0
        arms += edge.effect * claim.pattern[:, None, None]
        yield arms, np.tensordot(claim.contrasts, arms, axes=1) + claim.offsets[:, None, None]


def wrong_rates(edge: Edge, law: Law, design: Design) -> Rates:
    """How often the edge is called supported, and refuted."""
    supported = refuted = 0
    for _, contrasts in simulated(edge, law, design.looks[-1]):
        verdict, _ = judged_over_looks(contrasts, edge.claim.parts, design)
        supported += int((verdict > 0).sum())
        refuted += int((verdict < 0).sum())
    return supported / CLAIMS, refuted / CLAIMS


def row(law: str) -> dict[str, Rates]:
    """A law's wrong verdicts: of each shape, and of superiority under other designs."""
    rates = {name: wrong_rates(edge, LAWS[law], DEFAULT) for name, edge in EDGES.items()}
    for name, design in OTHERS.items():
        rates[name] = wrong_rates(EDGES["superiority"], LAWS[law], design)
    return rates


def agreed(law: str) -> tuple[int, int]:
    """Of how many claims comparisons as users write them give the simulated verdict, and of all.

    The comparisons are of metrics of runs, whose histories hold the simulated numbers.
    """
    design, same, total = DESIGNS["default"], 0, 0
    for name in ("superiority", "equivalence"):
        edge = EDGES[name]
        arms, contrasts = next(simulated(edge, LAWS[law], design.looks[-1]))
        verdicts, _ = judged_over_looks(contrasts[:, :PUBLIC], edge.claim.parts, design)
        for number, verdict in enumerate(verdicts):
            same += CODES[compared(name, arms[:, number], design).verdict] == verdict
        total += PUBLIC
    return same, total


CODES = {"supported": 1, "refuted": -1, "inconclusive": 0}


def compared(name: str, arms: Array, design: Design) -> Evidence:
    """A comparison of arms whose runs are simulated: of superiority to a number, or equivalence."""

    def load(arm: Arm, seed: int) -> History:
        return History(metrics={"value": arms[SIMULATED.index(arm), seed : seed + 1]})

    trial = Trial(design=design, require=lambda _: None, load=load)
    one, other = (measured(Runs(arm, 0, trial)) for arm in SIMULATED)
    return one > 0 if name == "superiority" else abs(one - other) < 6.0


SIMULATED: list[Arm] = [FunctionArm(partial(round, ndigits), versions={}) for ndigits in (0, 1)]
"""Two arms, whose runs are simulated."""


class Peeking:
    """What not to do: an ordinary t test at alpha after each seed from the third on."""

    looks = tuple(range(3, 21))
    alpha = ALPHA
    futility = 0.0

    def with_alpha(self, _: float) -> "Peeking":
        """It knows nothing of edges, either."""
        return self

    def critical(self, look: int) -> float:
        """The quantile of t, as if this look were the only one."""
        return -float(special.stdtrit(self.looks[look] - 1, ALPHA))


def found(name: str) -> list[tuple[float, float]]:
    """For each effect how often a design supports it, and the mean seeds at the verdict."""
    design: Design = Peeking() if name == "peeking" else DESIGNS[name]  # type: ignore[assignment]
    results = []
    for effect in EFFECTS:
        supported, seeds = 0, 0.0
        for _, contrasts in simulated(Edge(bound(), effect), LAWS["normal"], design.looks[-1]):
            verdict, stopped = judged_over_looks(contrasts, bound().parts, design)
            supported += int((verdict > 0).sum())
            seeds += float(stopped.sum())
        results.append((supported / CLAIMS, seeds / CLAIMS))
    return results


def main() -> None:
    started = time.perf_counter()
    with ProcessPoolExecutor() as pool:
        rates = dict(zip(LAWS, pool.map(row, LAWS), strict=True))
        names = (*DESIGNS, "peeking")
        powers = dict(zip(names, pool.map(found, names), strict=True))
        same, total = np.sum(list(pool.map(agreed, LAWS)), axis=0)
    draw_rates(rates)
    draw_powers(powers)
    public = (
        "Comparisons as users write them, of metrics of runs (`a > 0` and `abs(a - b) < m`), gave "
        f"the simulated verdict in {same:,} of {total:,} claims, {PUBLIC} of each law and shape."
    )
    write([*rates_table(rates), "", public, "", *powers_table(powers)])
    print(f"{time.perf_counter() - started:.0f} s", file=sys.stderr)


def rates_table(rates: dict[str, dict[str, Rates]]) -> list[str]:
    """Wrong verdicts in percent, in the worse direction."""
    columns = [*EDGES, "worst", *OTHERS]
    lines = [
        (
            "Wrong verdicts at the null's edge in percent, in the worse of the two directions; "
            f"promised is at most {100 * ALPHA:g}, and what is above it by three standard errors "
            f"({100 * ERROR:.2f}) is bold. {CLAIMS:,} simulated claims a cell. The last two "
            "columns are superiority under other designs:"
        ),
        "",
        "| law of a seed | " + " | ".join(columns) + " |",
        "|---" * (1 + len(columns)) + "|",
    ]
    for law, cells in rates.items():
        shapes = [max(cells[name]) for name in EDGES]
        values = [*shapes, max(shapes), *(max(cells[name]) for name in OTHERS)]
        lines.append(f"| {law} | " + " | ".join(map(percent, values)) + " |")
    worst = {law: max(map(max, shapes_of(cells))) for law, cells in rates.items()}
    kept = [law for law, share in worst.items() if not fails(share)]
    broken = [f"{law} ({100 * share:.2g})" for law, share in worst.items() if fails(share)]
    return [
        *lines,
        "",
        f"The promise holds at every shape for: {'; '.join(kept)}.",
        "",
        f"It fails, by the worst cell, for: {'; '.join(broken)}.",
        "",
        "![Wrong verdicts by law](figures/calibration-errors.svg)",
    ]


def shapes_of(cells: dict[str, Rates]) -> list[Rates]:
    return [cells[name] for name in EDGES]


def fails(share: float) -> bool:
    return share > ALPHA + 3 * ERROR


def percent(share: float) -> str:
    text = f"{100 * share:.2f}"
    return f"**{text}**" if fails(share) else text


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


def write(lines: list[str]) -> None:
    """Puts the tables between their marks in the docs."""
    markdown.insert(DOCS / "statistics.md", "calibration", lines)


# Colours of Okabe & Ito, which colour-blind people can tell, and a mark for each.
STYLES = [("#0072B2", "o"), ("#D55E00", "s"), ("#009E73", "^"), ("#CC79A7", "D"), ("#E69F00", "v")]


def draw_rates(rates: dict[str, dict[str, Rates]]) -> None:
    figure, axis = plt.subplots(figsize=(7, 6.5), layout="constrained")
    y = np.arange(len(rates))
    series = {"default": "superiority", "normal boundary": "normal boundary", "open": "open-ended"}
    for (label, name), (colour, mark) in zip(series.items(), STYLES, strict=False):
        x = [max(100 * max(cells[name]), 2e-3) for cells in rates.values()]
        axis.scatter(x, y, color=colour, marker=mark, s=22, label=label, zorder=3)
    axis.axvline(100 * ALPHA, color="black", linewidth=1, linestyle="--")
    axis.set(xscale="log", xlim=(1.5e-3, 100))
    axis.set_xlabel("percent wrongly decided, in the worse direction (dashed: promised)")
    axis.xaxis.set_major_formatter("{x:g}")
    axis.grid(axis="x", color="#dddddd")
    axis.set_yticks(y, list(rates))
    axis.invert_yaxis()
    axis.legend(fontsize=8)
    save(figure, "calibration-errors")


def draw_powers(powers: dict[str, list[tuple[float, float]]]) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    shown = EFFECTS[:-1]
    for (name, rows), (colour, mark) in zip(powers.items(), STYLES, strict=False):
        for axis, column, scale in zip(axes, (0, 1), (100, 1), strict=True):
            values = [scale * row[column] for row in rows[: len(shown)]]
            axis.plot(shown, values, color=colour, marker=mark, markersize=5, label=name)
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
