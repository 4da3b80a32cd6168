"""The engine on each backend, and `fit` there, in turns in one run.

Run: `python -m benchmarks.backends` (half an hour; leave the machine alone). Writes the tables into
docs/performance.md. A backend that is not installed is left out.

All work as in `benchmarks/performance.py`: two processes of one core each, in each round one after
the other; a ratio is of two that took their turn in the same round.
"""

import argparse
import importlib.util
import os
import statistics
import tempfile
from importlib import metadata
from pathlib import Path

from benchmarks.performance import (
    PAGE,
    Contestant,
    Measured,
    Session,
    available_cores,
    in_turn,
    processor,
    spread,
    steady,
)
from benchmarks.workloads import EVALUATION_BATCH, WORKLOADS
from bnclaims.experiment.sources import resolve
from bnclaims.reporting import markdown

TITLES = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}
INSTALLED = [name for name in TITLES if importlib.util.find_spec(name)]

ENGINES = {
    TITLES[name]: Contestant(name, {"way": "ours", "backend": name}, processes=2)
    for name in INSTALLED
}
FITS = {
    f"`fit` on {TITLES[name]}": Contestant(
        f"fit on {name}",
        {
            "way": "fit",
            "backend": name,
            "threads": 1,
            "compile": {},
            "evaluation_batch": EVALUATION_BATCH,
        },
        processes=2,
    )
    for name in INSTALLED
}
CONTESTANTS = ENGINES | FITS

Rounds = list[dict[str, Measured]]


def one_round(session: Session, arm: str, number: int) -> dict[str, Measured]:
    """Lets all take their turn, each round beginning with another."""
    return {name: session.turn(arm, CONTESTANTS[name]) for name in in_turn(CONTESTANTS, number)}


def times(rounds: Rounds, name: str) -> list[float]:
    """Returns how many times the time of our engine on TensorFlow another took, once warm."""
    ours = ENGINES["TensorFlow"]
    return [
        steady(turns[name], CONTESTANTS[name]) / steady(turns["TensorFlow"], ours)
        for turns in rounds
    ]


def table(measured: dict[str, Rounds]) -> list[str]:
    names = [name for name in CONTESTANTS if name != "TensorFlow"]
    lines = [f"| arm | {' | '.join(names)} |", "|---" * (1 + len(names)) + "|"]
    for arm, rounds in measured.items():
        cells = (spread(times(rounds, name)) for name in names)
        lines.append(f"| {arm} | {' | '.join(cells)} |")
    lines += ["", *medians(measured, "start", "start, seconds", ".1f")]
    return [*lines, "", *medians(measured, "peak", "peak memory, MB", ".0f")]


def medians(measured: dict[str, Rounds], what: str, title: str, form: str) -> list[str]:
    """A row for each arm: the median over the rounds of what was measured of each contestant."""
    lines = [f"| {title} | {' | '.join(CONTESTANTS)} |", "|---" * (1 + len(CONTESTANTS)) + "|"]
    for arm, rounds in measured.items():
        found = (statistics.median(turns[name][what] for turns in rounds) for name in CONTESTANTS)
        lines.append(f"| {arm} | {' | '.join(f'{value:{form}}' for value in found)} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--share", type=float, default=0.2, help="of the epoch that others measure")
    parser.add_argument("--data", default=os.environ.get("BNCLAIMS_DATA") or "auto")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        source = resolve(options.data, cache=Path(cache))
        session = Session(str(source.path), options.share, cache, available_cores()[:2], 2, 30)
        measured = {
            arm: [one_round(session, arm, number) for number in range(options.rounds)]
            for arm in WORKLOADS
        }
    versions = ", ".join(f"{TITLES[name]} {metadata.version(name)}" for name in INSTALLED)
    head = f"{processor()}, Keras {metadata.version('keras')}, {versions}, {source.name}."
    lines = [head, "", *table(measured)]
    print(*lines, sep="\n")
    markdown.insert(PAGE, "backends", lines)


if __name__ == "__main__":
    main()
