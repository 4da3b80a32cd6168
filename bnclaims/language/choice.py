"""Choosing a setting, such as a learning rate, on seeds that no verdict uses."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from bnclaims.errors import ClaimError, NotFiniteError
from bnclaims.language.sample import Endpoint, Sample

S = TypeVar("S")


def choose(
    settings: Sequence[S],
    metric: Callable[[S, int], Sample],
    *,
    highest: bool = False,
    seeds: int = 5,
    first_seed: int = 1_000,
) -> S:
    """Returns the setting with the best mean of a metric, on seeds of its own.

    A claim about tuned methods tunes them in its body. The seeds of the choice are independent of
    those that the claim is judged by, so it costs no error rate::

        rate = choose(
            (0.01, 0.03, 0.1),
            lambda rate, seed: mean_loss(train(model, learning_rate=rate, first_seed=seed)),
        )
        assert mean_loss(train(model, learning_rate=rate)) < 0.5

    Args:
        settings: What there is to choose from, at least two.
        metric: Of a setting, the sample of runs whose `first_seed` is the second argument.
        highest: Whether the highest mean is best, not the lowest.
        seeds: On how many seeds each setting is tried.
        first_seed: Where they start.

    Returns:
        The best setting, of equal ones the first. One with a run that diverged is not chosen.

    Raises:
        ClaimError: The samples are of other seeds, or of those of the verdict; or no setting has a
            value on all seeds.
        TypeError: The metric gives an endpoint, which has no mean.
        ValueError: There is nothing to choose from.
    """
    if len(settings) < 2 or seeds < 1:
        raise ValueError(
            f"choose({list(settings)!r}, seeds={seeds}): give at least two settings and one seed"
        )
    samples = [metric(setting, first_seed) for setting in settings]
    for sample in samples:
        _check(sample, first_seed)
    trial = samples[0].trial
    if trial.tracing:
        return settings[0]
    trial.train_to(tuple({runs: None for s in samples for runs in s.sources}), 0, seeds)
    means = {
        number: mean for number, s in enumerate(samples) if (mean := _mean(s, seeds)) is not None
    }
    if not means:
        raise ClaimError(
            f"choose: on seeds {first_seed} to {first_seed + seeds - 1} each of "
            f"{', '.join(map(str, settings))} has a run without a value: offer settings that train"
        )
    return settings[(max if highest else min)(means, key=means.__getitem__)]


def _check(sample: Sample, first_seed: int) -> None:
    if isinstance(sample, Endpoint):
        raise TypeError(f"choose: {sample} is an endpoint, which has no mean: give another metric")
    last = sample.trial.design.looks[-1]
    if first_seed < last:
        raise ClaimError(
            f"choose: seeds from {first_seed} are seeds of the verdict, which come to {last}: "
            "choose on others, as by default on those from 1000"
        )
    for runs in sample.sources:
        if runs.first_seed != first_seed:
            raise ClaimError(
                f"choose: {runs} starts at seed {runs.first_seed}, not at {first_seed}: pass the "
                "second argument on, as in train(..., first_seed=seed)"
            )


def _mean(sample: Sample, seeds: int) -> float | None:
    try:
        return float(sample.values(seeds).mean())
    except NotFiniteError:
        return None
