"""Tracing: a claim's body is run without training, to learn what it names and compares."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bnclaims.language.evidence import Measured, Trial
from bnclaims.language.paths import AlphaSplit, Path, alpha_split, failing, others
from bnclaims.language.sample import Runs

MOST_PATHS = 64
"""How many ways through a body are tried, as comparisons answer one thing or the other."""


@dataclass(frozen=True)
class Trace:
    """What a claim's body named and compared when nothing was trained."""

    runs: tuple[Runs, ...]
    edges: int
    """Over how many edges of regions a refutation's alpha is split."""
    supports: int
    """Over how many comparisons a support's alpha is split."""
    failing: frozenset[tuple[bool, ...]]
    """The answers of comparisons of which the last one makes the body fail."""
    certain: bool
    """Whether the body passes whatever its comparisons answer."""
    measured: tuple[Measured, ...]
    """The metrics of one arm's runs that it named, on whatever path, each once."""


def traced(
    passes: Callable[[Trial], bool | None], new_trial: Callable[[Sequence[bool]], Trial]
) -> Trace:
    """Returns what a body names and compares, whatever its comparisons answer.

    Args:
        passes: Runs the body; says whether it passed, None if it raised no assertion.
        new_trial: Returns a trial that is tracing, whose first comparisons answer so.

    Raises:
        ClaimError: The body compares without end.
    """
    trials: list[Trial] = []
    paths: list[Path] = []
    answers: Sequence[bool] | None = ()
    while answers is not None and len(paths) < MOST_PATHS:
        trial = new_trial(answers)
        passed = passes(trial)
        if passed is None:
            trial.check_end()
        trials.append(replace(trial))  # the next may be this one again
        paths.append(Path(tuple(trial.answered), passed))
        answers = others(trial.answered)
    most = max(len(path.answers) for path in paths)
    # Where these are not all paths, each answer counts as an error of its own.
    split = alpha_split(paths) if answers is None else AlphaSplit(2 * most, 2)
    # A verdict that is looked at may lead anywhere.
    looked_at = max(sum(evidence.looked_at for evidence in trial.evidence) for trial in trials)
    edges = max(sum(evidence.edges for evidence in trial.evidence) for trial in trials)
    return Trace(
        _runs(trials, paths),
        edges * split.refutations,
        (split.supports if most else 0) + looked_at or 1,
        failing(paths),
        answers is None and not looked_at and most > 0 and all(path.passed for path in paths),
        _measured(trials),
    )


def rehearsed(passes: Callable[[Trial], bool | None], trial: Trial) -> Trace:
    """Returns the same for a body whose fixtures belong to a trial that it is to run with.

    What they have named counts. In the end the trial is as it was.

    Args:
        passes: As for `traced`.
        trial: Is tracing meanwhile.

    Raises:
        ClaimError: As for `traced`.
    """
    kept = vars(trial).copy()

    def again(answers: Sequence[bool]) -> Trial:
        lists = {name: [*kept[name]] for name in ("named", "measured")}
        fresh = {"tracing": True, "answers": answers, "answered": [], "evidence": []}
        vars(trial).update(kept | lists | fresh)
        return trial

    try:
        return traced(passes, again)
    finally:
        vars(trial).update(kept)


def inform(trial: Trial, trace: Trace) -> None:
    """Has a trial know what tracing its body found."""
    trial.edges, trial.supports = trace.edges, trace.supports
    trial.failing, trial.certain = trace.failing, trace.certain


def _runs(trials: Sequence[Trial], paths: Sequence[Path]) -> tuple[Runs, ...]:
    """Returns the runs of the first path that does not fail, and of those before it.

    Arms that only other paths name are trained when their comparison is met.
    """
    usual = next((i for i, path in enumerate(paths) if path.passed is not False), len(paths))
    return tuple(dict.fromkeys(runs for trial in trials[: usual + 1] for runs in trial.named))


def _measured(trials: Sequence[Trial]) -> tuple[Measured, ...]:
    named = (measured for trial in trials for measured in trial.measured)
    return tuple({(item.runs, item.sample.text): item for item in named}.values())
