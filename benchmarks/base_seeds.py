"""Judges the same claims on other seeds, again and again: how often does a verdict change?

    python -m benchmarks.base_seeds                             # claims/, quick protocol, ten times
    python -m benchmarks.base_seeds --times 3 examples -- -n2 --claims-store=DIR
    python -m benchmarks.base_seeds --times 5 --first 5         # the second half, another day

What follows `--` is pytest's. Each time all seeds begin 1,000 later, so no run serves twice, except
to repeat an interrupted measurement. Hours of training.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

from bnclaims.reporting import wire

ROOT = Path(__file__).parents[1]
APART = 1_000
"""Between the seeds of two times: more than any look needs."""


def main(paths: list[str], times: int, first: int, options: list[str]) -> int:
    verdicts: dict[str, Counter[str]] = defaultdict(Counter)
    alpha = 0.0
    for time in range(first, first + times):
        base = APART * (time + 1)
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(  # noqa: S603  (ourselves)
                [sys.executable, "-m", "pytest", "-q", "-p", "benchmarks.base_seed", "-p",
                 "no:cacheprovider", f"--claims-report={folder}", *options, *paths],
                cwd=ROOT, check=False, env=os.environ | {"BASE_SEED": str(base)},
            )  # fmt: skip
            results = wire.read(Path(folder))
        alpha = results.design.alpha
        others = [
            f"{claim.id} {claim.verdict}" for claim in results.claims if not claim.as_expected
        ]
        said = f"{len(results.claims) - len(others)} verdicts as declared"
        print(f"seeds from {base}: {', '.join([said, *others])}", flush=True)
        for claim in results.claims:
            verdicts[claim.id][claim.verdict] += 1
        for error in results.errors:
            verdicts[error.id]["error"] += 1
    for name, counts in sorted(verdicts.items()):
        print(f"{name}: {', '.join(f'{count} {verdict}' for verdict, count in counts.items())}")
    print(_judged(list(verdicts.values()), alpha))
    return 0


def _judged(verdicts: list[Counter[str]], alpha: float) -> str:
    """Says how many verdicts changed, beside what alpha allows.

    A claim is true or false on whatever seeds. So of *supported* and *refuted* one is an error,
    which each direction's alpha bounds; *inconclusive* is none.
    """
    opposite = sum(min(counts["supported"], counts["refuted"]) for counts in verdicts)
    decided = sum(counts["supported"] + counts["refuted"] for counts in verdicts)
    undecided = sum(0 < counts["inconclusive"] < counts.total() for counts in verdicts)
    errors = sum(counts["error"] for counts in verdicts)
    total = sum(counts.total() for counts in verdicts)
    return (
        f"{total} judgements of {len(verdicts)} claims, {decided} of them decided: {opposite} "
        f"contradict the majority of their claim, where alpha = {alpha:g} allows "
        f"{alpha * total:.1f} on average; {undecided} claims are decided at times only; "
        f"{errors} errors"
    )


if __name__ == "__main__":
    own, more = sys.argv[1:], []
    if "--" in own:
        more = own[own.index("--") + 1 :]
        own = own[: own.index("--")]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="*", default=["claims"], help="claims/ by default")
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="number of the first time")
    asked = parser.parse_args(own)
    sys.exit(main(asked.paths, asked.times, asked.first, more or ["-nauto"]))
