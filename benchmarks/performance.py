"""Our engine beside Keras's `fit`, a JAX program and the hardware's floor, in one run.

Run: `make benchmark` (about an hour; leave the machine alone). Prints the tables and writes
them into docs/performance.md. `--quick` is a smoke test: one round of little, nothing written.

Whoever is compared takes turns, each in a process of its own; a ratio is of two that took their
turn in the same round. All train on the same cores. Of the ways to use `fit` well, heats choose the
fastest for each arm, which then races.
"""

import argparse
import dataclasses
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.quiet import Watch, wait_for_quiet
from benchmarks.workloads import EPOCHS, EVALUATION_BATCH, IMAGES, SEEDS, WORKLOADS
from bnclaims.experiment.sources import DataSource, resolve
from bnclaims.reporting import markdown

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "performance.md"

SHORT = 0.4
"""Share of the measured epoch that will do for heats and hardware."""
DISTURBED = 0.03
"""Share of the cores that other work may take."""
HARDWARE_ROUNDS = 3
"""Floor and parts take turns within their process too, so fewer rounds will do."""

Measured = dict[str, float]


@dataclass(frozen=True)
class Contestant:
    """A way to train: what its processes do, and how many work side by side."""

    name: str
    job: dict[str, Any]
    processes: int = 1
    starts: int = 1
    """How often an arm of five seeds builds, traces and compiles."""


def _fit(name: str, *, processes: int = 1, threads: int = 0, **compiled: Any) -> Contestant:
    job = {
        "way": "fit",
        "threads": threads,
        "compile": compiled,
        "evaluation_batch": EVALUATION_BATCH,
    }
    return Contestant(name, job, processes, SEEDS if name == "fit" else 1)


OURS = Contestant("ours", {"way": "ours"}, processes=2)
FIT = _fit("fit")
"""As it is when nothing is chosen: a model a seed, XLA as Keras decides, all cores for a step."""
BEST_FIT = [
    _fit("50 steps", steps_per_execution=50),
    _fit("50 steps, no XLA", steps_per_execution=50, jit_compile=False),
    _fit("50 steps, pools of 8", threads=8, steps_per_execution=50),
    _fit("50 steps, two processes", processes=2, threads=1, steps_per_execution=50),
    _fit(
        "50 steps, no XLA, two processes",
        processes=2,
        threads=1,
        steps_per_execution=50,
        jit_compile=False,
    ),
    _fit("two processes", processes=2, threads=1),
]
VMAP = Contestant("vmap", {"way": "jax", "seeds": SEEDS})
"""The seeds of an arm stacked, all cores for a step."""
JAX = Contestant("jax", {"way": "jax", "seeds": 1}, processes=2)
"""A process a core, a seed a process, as ours."""
HARDWARE = Contestant("hardware", {"way": "hardware"})
"""One process on one core: floor and parts are those of a thread."""


@dataclass
class Session:
    """What all turns share: the cores, the data, how much of it, and a folder."""

    data: str
    share: float
    cache: str
    cores: list[int]
    tries: int
    """How often a turn is taken, at most, while other work disturbs it."""
    patience: float
    """Seconds to wait for a quiet machine before a turn, at most."""

    def turn(self, arm: str, contestant: Contestant, share: float = 1.0) -> Measured:
        """Has a contestant train an arm; returns what its processes measured, as one.

        Args:
            arm: Its name.
            contestant: Who trains it.
            share: How much of the measured epoch.
        """
        tries: list[Measured] = []
        while len(tries) < self.tries and (not tries or tries[-1]["disturbed"] > DISTURBED):
            wait_for_quiet(self.cores, DISTURBED, self.patience)
            watch = Watch(self.cores)
            measured = self._measured(arm, contestant, share)
            tries.append(measured | {"disturbed": watch.disturbance()})
            others = f"{100 * tries[-1]['disturbed']:.0f} % of the cores went to other work"
            print(f"{arm}: {contestant.name}; {others}", file=sys.stderr, flush=True)
        return min(tries, key=lambda one: one["disturbed"])

    def _measured(self, arm: str, contestant: Contestant, share: float) -> Measured:
        with tempfile.TemporaryFile("w+") as errors:
            processes = [
                self._start(arm, contestant, share, i, errors) for i in range(contestant.processes)
            ]
            try:
                results = _results(processes)
            except EOFError:
                errors.seek(0)
                sys.exit(f"{arm}, {contestant.name} failed:\n{errors.read()}")
            finally:
                for process in processes:
                    process.kill()
                    process.wait()
        whole = {key: statistics.mean(r[key] for r in results) for key in results[0]}
        return whole | {"peak": max(r["peak"] for r in results)}

    def _start(
        self, arm: str, contestant: Contestant, share: float, number: int, errors: Any
    ) -> Any:
        # A process that shares the machine with another keeps to a core of its own, as JAX has no
        # setting for its threads.
        alone = contestant.processes == 1 and contestant is not HARDWARE
        cores = self.cores if alone else [self.cores[number]]
        job = {
            "backend": "tensorflow",
            "workload": arm,
            "data": self.data,
            "cache": self.cache,
            "share": share * self.share,
            "cores": cores,
            **contestant.job,
        }
        return subprocess.Popen(  # noqa: S603  (it starts this very project)
            [sys.executable, "-m", "benchmarks.contestant", json.dumps(job)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )


def _results(processes: list[Any]) -> list[Measured]:
    """Lets processes go on together once all are warm; returns what they print in the end."""

    def message(process: Any) -> Any:
        if not (line := process.stdout.readline()):
            raise EOFError
        return json.loads(line)

    messages = [message(process) for process in processes]
    if messages[0] == "warm":
        for process in processes:
            process.stdin.write("\n")
            process.stdin.flush()
        messages = [message(process) for process in processes]
    return messages


# What the numbers come to


def steady(measured: Measured, contestant: Contestant) -> float:
    """Returns what a seed's epoch costs all cores together, once all is warm, in seconds."""
    epoch = measured["epoch"] * IMAGES / measured["images"]
    return (epoch + measured["restart"] / EPOCHS) / contestant.processes


def started(measured: Measured, contestant: Contestant) -> float:
    """Returns the same with a share of what it took to build, trace and compile."""
    runs = SEEDS * EPOCHS
    return steady(measured, contestant) + contestant.starts * measured["start"] / runs


def fastest(measured: Measured, what: str) -> float:
    """Returns the seconds of the library that is best at something."""
    return min(seconds for name, seconds in measured.items() if name.startswith(what))


def floor(measured: Measured) -> dict[str, float]:
    """Returns the terms of the floor of an epoch, in seconds."""
    return {
        "training": fastest(measured, "trained"),
        "optimizer": measured["optimizer's bytes"],
        "evaluation": fastest(measured, "tested"),
    }


def full_rate(measured: Measured) -> float:
    """Returns the rate of the floor's training products, as a share of that of large ones."""
    return fastest(measured, "large") / fastest(measured, "trained")


def spread(ratios: list[float], form: str = ".2f") -> str:
    middle, low, high = statistics.median(ratios), min(ratios), max(ratios)
    return f"{middle:{form}} ({low:{form}}-{high:{form}})"


@dataclass(frozen=True)
class Race:
    """The rounds of an arm, and the heats' winner."""

    arm: str
    rounds: list[dict[str, Measured]]
    best_fit: Contestant

    @property
    def contestants(self) -> dict[str, Contestant]:
        """Who takes turns."""
        return {"ours": OURS, "fit": FIT, "best fit": self.best_fit, "vmap": VMAP, "jax": JAX}

    def times(self, other: str, cost: Any = steady) -> list[float]:
        """Returns how many times our time another one took, round by round."""
        return [
            cost(turns[other], self.contestants[other]) / cost(turns["ours"], OURS)
            for turns in self.rounds
            if other in turns
        ]

    def hardware(self) -> list[Measured]:
        return [turns["hardware"] for turns in self.rounds if "hardware" in turns]


def against_others(races: list[Race]) -> list[str]:
    lines = [
        "| arm | `fit` | meant | best `fit` | which | JAX, `vmap` | JAX, two processes |",
        "|---|---|---|---|---|---|---|",
    ]
    for race in races:
        cells = [
            race.arm,
            spread(race.times("fit"), ".1f"),
            f"{WORKLOADS[race.arm].times_fit:g}",
            spread(race.times("best fit"), ".1f"),
            race.best_fit.name,
            spread(race.times("vmap")),
            spread(race.times("jax")),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def with_starts(races: list[Race]) -> list[str]:
    lines = [
        "| arm | `fit` / ours | best `fit` / ours | JAX / ours | our start | `fit`'s | JAX's |",
        "|---|---|---|---|---|---|---|",
    ]
    for race in races:
        ratios = [spread(race.times(name, started), ".1f") for name in ("fit", "best fit", "jax")]
        shares = [f"{100 * start_share(race, name):.0f} %" for name in ("ours", "fit", "jax")]
        lines.append(f"| {' | '.join([race.arm, *ratios, *shares])} |")
    return lines


def start_share(race: Race, name: str) -> float:
    contestant = race.contestants[name]
    turns = [turn[name] for turn in race.rounds if name in turn]
    return statistics.median(1 - steady(t, contestant) / started(t, contestant) for t in turns)


def against_floor(races: list[Race]) -> list[str]:
    lines = [
        "| arm | ours / floor | meant | `fit` / floor | products | at | bytes | evaluation |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for race in races:
        floors = [floor(measured) for measured in race.hardware()]
        ratios = [
            measured["engine"] / sum(terms.values())
            for measured, terms in zip(race.hardware(), floors, strict=True)
        ]
        shares = [
            f"{100 * statistics.median(t[name] / sum(t.values()) for t in floors):.0f} %"
            for name in ("training", "optimizer", "evaluation")
        ]
        shares.insert(1, f"{100 * statistics.median(map(full_rate, race.hardware())):.0f} %")
        aim = f"{WORKLOADS[race.arm].times_floor:g}"
        fit = f"{statistics.median(race.times('fit')) * statistics.median(ratios):.1f}"
        lines.append(f"| {' | '.join([race.arm, spread(ratios), aim, fit, *shares])} |")
    return lines


PARTS = ("layers", "batch norm", "images", "optimizer", "without evaluation", "engine")
TITLES = ("layers", "BN", "images", "optimizer", "curves", "evaluation")


def parts(races: list[Race]) -> list[str]:
    lines = [
        f"| arm | products | {' | '.join(f'+ {title}' for title in TITLES)} |",
        "|---" * (2 + len(TITLES)) + "|",
    ]
    for race in races:
        turns = [growth(measured) for measured in race.hardware()]
        shares = [
            f"{100 * statistics.median(turn[name] for turn in turns):.0f} %"
            if name in turns[0]
            else ""
            for name in ("products", *PARTS)
        ]
        lines.append(f"| {' | '.join([race.arm, *shares])} |")
    return lines


def growth(measured: Measured) -> Measured:
    """Returns what each part adds, as a share of the engine's epoch."""
    before = floor(measured)["training"]
    added = {"products": before / measured["engine"]}
    for name in PARTS:
        if name in measured:
            added[name] = (measured[name] - before) / measured["engine"]
            before = measured[name]
    return added


def memory(races: list[Race]) -> list[str]:
    names = ("ours", "fit", "best fit", "jax")
    lines = ["| arm | ours | `fit` | best `fit` | JAX |", "|---|---|---|---|---|"]
    for race in races:
        peaks = [
            f"{statistics.median(turn[name]['peak'] for turn in race.rounds if name in turn):.0f}"
            for name in names
        ]
        lines.append(f"| {' | '.join([race.arm, *peaks])} |")
    return lines


def report(races: list[Race], data: str) -> str:
    """Returns all tables."""
    rounds = min(len(race.rounds) for race in races)
    sections = {
        "Time, ours being 1, once warm": against_others(races),
        "The same with start-up": with_starts(races),
        "Ours against the floor, one thread": against_floor(races),
        "Where an epoch's time goes, one thread": parts(races),
        "Peak memory of a process, MB": memory(races),
    }
    how = f"rounds: {rounds}; median (least-most) of their ratios"
    head = f"{provenance(data)}; {how}; {disturbance(races)}."
    texts = ["\n".join([f"### {name}", "", *table]) for name, table in sections.items()]
    return "\n\n".join([head, *texts])


def disturbance(races: list[Race]) -> str:
    turns = [turn for race in races for turns in race.rounds for turn in turns.values()]
    shares = [100 * turn["disturbed"] for turn in turns]
    middle, most = statistics.median(shares), max(shares)
    return f"other work took {middle:.0f} % of the cores ({most:.0f} % at most)"


def provenance(data: str) -> str:
    versions = ", ".join(
        f"{title} {importlib.metadata.version(name)}"
        for title, name in (("TensorFlow", "tensorflow"), ("Keras", "keras"), ("JAX", "jax"))
    )
    return f"{processor()}, {versions}, {data}"


def processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


# The session


def prepared(session: Session, arms: list[str], *, quick: bool) -> list[Race]:
    """Returns the races of some arms, the heats run and no round yet."""
    candidates = BEST_FIT[:1] if quick else BEST_FIT

    def heat(arm: str) -> Contestant:
        return min(candidates, key=lambda one: steady(session.turn(arm, one, SHORT), one))

    return [Race(arm, [], heat(arm)) for arm in arms]


def run(session: Session, races: list[Race], rounds: int, keep: Path | None) -> None:
    """Adds rounds until there are so many: every arm in every round, its order turning round."""
    for number in range(rounds):
        for race in races:
            if len(race.rounds) > number:
                continue
            race.rounds.append(one_round(session, race, number))
            if keep:
                kept = [dataclasses.asdict(race) for race in races]
                keep.write_text(json.dumps(kept, indent=1), encoding="utf-8")


def kept_in(file: Path) -> list[Race]:
    """Returns the races that were kept in a file."""
    return [
        Race(
            race["arm"],
            race["rounds"],
            Contestant(**race["best_fit"]),
        )
        for race in json.loads(file.read_text(encoding="utf-8"))
    ]


def in_turn(names: Iterable[str], number: int) -> list[str]:
    """Returns contestants as they follow in a round: each round begins with another."""
    ordered = list(names)
    first = number % len(ordered)
    return ordered[first:] + ordered[:first]


def one_round(session: Session, race: Race, number: int) -> dict[str, Measured]:
    """Lets all contestants take their turn at an arm."""
    entries = race.contestants
    turns = {name: session.turn(race.arm, entries[name]) for name in in_turn(entries, number)}
    if number < HARDWARE_ROUNDS:
        turns["hardware"] = session.turn(race.arm, HARDWARE, SHORT)
    check_losses(race.arm, turns)
    return turns


def check_losses(arm: str, turns: dict[str, Measured]) -> None:
    """Says so where contestants did not learn alike: then they did not do the same work."""
    losses = {name: turn["loss"] for name, turn in turns.items() if "loss" in turn}
    if max(losses.values()) > 1.25 * min(losses.values()) + 0.05:
        print(f"{arm}: losses differ: {losses}", file=sys.stderr)


def main() -> None:
    options = parsed()
    cores = available_cores()[: options.cores]
    if len(cores) < options.cores:
        sys.exit(f"{options.cores} cores are asked for, but there are {len(cores)}")
    with tempfile.TemporaryDirectory() as cache:
        source: DataSource = resolve(options.data, cache=Path(cache))
        tries, patience = (1, 0) if options.quick else (options.tries, 30)
        session = Session(
            str(source.path), 0.1 if options.quick else 1.0, cache, cores, tries, patience
        )
        rounds = 1 if options.quick else options.rounds
        if options.keep and options.keep.exists():
            races = kept_in(options.keep)
        else:
            races = prepared(session, options.arms, quick=options.quick)
        run(session, races, rounds, options.keep)
    text = report(races, source.name)
    print(text)
    if [race.arm for race in races] == list(WORKLOADS) and not options.quick:
        write(text)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a smoke test; writes nothing")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--cores", type=int, default=2, metavar="N", help="cores for everyone")
    parser.add_argument(
        "--tries", type=int, default=3, metavar="N", help="turns while other work disturbs them"
    )
    parser.add_argument(
        "--keep", type=Path, metavar="FILE", help="keep measurements there, or go on from them"
    )
    parser.add_argument("--data", default=os.environ.get("BNCLAIMS_DATA") or "auto")
    parser.add_argument(
        "--arms", nargs="+", choices=list(WORKLOADS), default=list(WORKLOADS), metavar="ARM",
        help=f"of {', '.join(WORKLOADS)}; the docs are written only with all",
    )  # fmt: skip
    return parser.parse_args()


def available_cores() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def write(text: str) -> None:
    """Puts the tables between their marks in the docs."""
    markdown.insert(PAGE, "performance", text.splitlines())


if __name__ == "__main__":
    main()
