"""How often a comparison with a reference is wrong, and which regressions it finds.

    python -m benchmarks.reference                       # writes the tables into docs/reference.md
    python -m benchmarks.reference --releases 50 --sessions 10

Unchanged releases have margins of next to nothing, at alpha 10%: nothing but the boundaries keeps
them from being called changed. Some are whole sessions of pytest, with a backend that draws
numbers; the others, and the power of a single metric among a hundred, are simulated with the very
function that sessions call.
"""

import argparse
import contextlib
import dataclasses
import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from bnclaims.experiment.arm import ProbeArm
from bnclaims.experiment.history import History
from bnclaims.experiment.models import GLOROT_NORMAL, Layer
from bnclaims.language.against import decided
from bnclaims.language.bounds import Values
from bnclaims.language.evidence import Measured, Trial
from bnclaims.language.sample import Runs, Sample
from bnclaims.reporting import markdown, reference, wire
from bnclaims.statistics.boundary import NormalBoundary
from bnclaims.statistics.design import Design, Sequential

ROOT = Path(__file__).parents[1]
SEEDS = 20
METRICS = 8
"""Of an unchanged release."""
ALPHA = 0.1
NARROW = 1e-9
"""A margin of next to nothing."""
FAMILY = 100
"""Of how many metrics the power is that of one."""
MARGINS = (2.0, 4.0)
"""In standard deviations of the change over the seeds."""
EFFECTS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
"""In margins."""
DESIGNS = {"default": Sequential(), "normal": Sequential(boundary=NormalBoundary())}

_CONFTEST = """
import os

import numpy as np
from bnclaims import History

pytest_plugins = ["bnclaims.plugin"]

class FakeBackend:
    name = "fake"

    @property
    def versions(self):
        return {"fake": os.environ["RELEASE"]}

    def prepare(self):
        pass

    def run(self, arm, seeds):
        for seed in seeds:
            rng = np.random.default_rng([int(os.environ["RELEASE"]), arm.model.hidden[0], seed])
            yield seed, History(loss=np.array([100 * arm.model.hidden[0] + rng.normal()]))

def pytest_claims_backend():
    return FakeBackend()
"""

_CLAIMS = """
import pytest
from bnclaims import MLP, claim, mean_loss

@pytest.mark.parametrize("units", range(1, {arms}))
@claim("Less is lower", source="here")
def test_units(train, units):
    one, other = (mean_loss(train(MLP(hidden=(n,)))) for n in (units, units + 1))
    assert one < other - 10
"""


def main(releases: int, sessions: int) -> None:
    unchanged = [simulated_row(law, releases) for law in ("normal", "exponential")]
    unchanged.append(sessions_row(sessions))
    powers = [
        power_row(name, design, margin, releases)
        for name, design in DESIGNS.items()
        for margin in MARGINS
    ]
    of_unchanged = (
        f"Releases that change nothing but their noise, in {METRICS} metrics of {SEEDS} seeds, at "
        f"alpha {ALPHA:.0%} and with margins of next to nothing; no metric stops for futility:"
    )
    of_power = (
        f"{releases} releases a cell, one metric of {FAMILY}, normal changes of standard "
        "deviation σ over the seeds: percent *as before*, *undecided* and *worse*; mean seeds:"
    )
    heads = " | ".join(f"worse by {effect:g} margins" for effect in EFFECTS)
    lines = [
        of_unchanged, "",
        "| law of a run | a metric was called better or worse |", "|---|---|", *unchanged,
        "", of_power, "",
        f"| boundary, margin | {heads} |", "|---" * (1 + len(EFFECTS)) + "|", *powers,
    ]  # fmt: skip
    markdown.insert(ROOT / "docs" / "reference.md", "power", lines)


def simulated_row(law: str, releases: int) -> str:
    """A row of the table of unchanged releases, by the function that sessions call."""
    draw = getattr(np.random.default_rng(np.random.SeedSequence([6, len(law)])), law)
    design = Sequential(alpha=ALPHA, boundary=NormalBoundary(), futility=0.0)
    wrong = 0
    for _ in range(releases):
        changes = draw(size=(METRICS, SEEDS)) - draw(size=(METRICS, SEEDS))
        verdicts = (judged(change, NARROW, design, METRICS)[0] for change in changes)
        wrong += "refuted" in verdicts
    return unchanged_row(law, wrong, releases)


def sessions_row(sessions: int) -> str:
    """A row of the table of unchanged releases, by whole sessions."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "conftest.py").write_text(_CONFTEST, "utf-8")
        (folder / "test_fake.py").write_text(_CLAIMS.format(arms=METRICS), "utf-8")
        wrong = sum(calls_changed(folder, 2 * number) for number in range(sessions))
    return unchanged_row("normal, whole sessions, with futility", wrong, sessions)


def unchanged_row(name: str, wrong: int, releases: int) -> str:
    return f"| {name} | in {wrong} of {releases} releases, {wrong / releases:.1%} |"


def calls_changed(folder: Path, number: int) -> bool:
    """Says whether the second of two releases of one law is called better or worse."""
    tested(folder, number, f"--claims-looks={SEEDS}")
    frozen = reference.frozen(wire.read(folder / "claims-report"))
    metrics = tuple(dataclasses.replace(metric, margin=NARROW) for metric in frozen.metrics)
    narrow = dataclasses.replace(frozen, metrics=metrics)
    (folder / "reference.json").write_text(reference.encoded(narrow), "utf-8")
    tested(folder, number + 1, "--claims-reference=reference.json", "-k", "reference.json")
    found = wire.read(folder / "claims-report").reference
    if found is None or len(found.checks) != METRICS:
        raise RuntimeError(f"the session of release {number + 1} compared nothing")
    return not {"better", "worse"}.isdisjoint(check.status for check in found.checks)


def tested(folder: Path, release: int, *options: str) -> None:
    """Runs a session of a release, in this process, as most of a session's time is its start."""
    usual = ("--claims-store=store", "--claims-boundary=normal", f"--claims-alpha={ALPHA}")
    os.environ |= {"BNCLAIMS_DATA": "digits", "RELEASE": str(release)}
    with contextlib.chdir(folder):
        quiet = ("-p", "no:terminal", "-p", "no:cacheprovider", "--import-mode=importlib")
        pytest.main([*quiet, *usual, *options])


def power_row(name: str, design: Design, margin: float, releases: int) -> str:
    """A row of the table of power."""
    rng = np.random.default_rng(np.random.SeedSequence([7, int(margin)]))
    cells = []
    for effect in EFFECTS:
        found: Counter[str] = Counter()
        seeds = 0
        for _ in range(releases):
            verdict, taken = judged(
                effect * margin + rng.normal(size=SEEDS), margin, design, FAMILY
            )
            found[verdict] += 1
            seeds += taken
        shares = (100 * found[v] / releases for v in ("supported", "inconclusive", "refuted"))
        cells.append(f"{', '.join(f'{share:.0f}' for share in shares)}; {seeds / releases:.1f}")
    return f"| {name}, {margin:g} σ | {' | '.join(cells)} |"


def judged(change: Values, margin: float, design: Design, changes: int) -> tuple[str, int]:
    """Returns the verdict on a metric that changed so, and the seeds that it took."""
    trial = Trial(design=design, require=no_training, load=no_run)
    runs = Runs(ProbeArm(Layer("tanh", GLOROT_NORMAL)), 0, trial)
    now = Sample(lambda n: change[:n], (runs,), "metric", terms={})
    decision = decided(
        Measured("metric", "", now, "lower", float), 0 * change, margin, trial, changes
    )
    return decision.verdict, design.looks[decision.look]


def no_training(_: Sequence[object]) -> None:
    """Trains nothing: the values are known."""


def no_run(_: object, seed: int) -> History:
    raise LookupError(f"no run of seed {seed}: the values are known")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--releases", type=int, default=2000)
    parser.add_argument("--sessions", type=int, default=200)
    asked = parser.parse_args()
    main(asked.releases, asked.sessions)
