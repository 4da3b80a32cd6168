"""Figures: the runs of some arms in one picture, as an article shows them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnclaims.experiment.arm import Arm, ProbeArm, TrainingArm
from bnclaims.experiment.history import History
from bnclaims.language.sample import Runs
from bnclaims.reporting.record import plain

Load = Callable[[Arm, int], History | None]
"""Returns the stored run of an arm with a seed, or None."""

_BINS = 20
_RANGES = {"sigmoid": (0.0, 1.0), "hard_sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}


@dataclass(frozen=True)
class Figure:
    """Curves of the training loss, or histograms of untrained layers' activations.

    Args:
        title: What it shows.
        source: Where it is from: work and figure.
        lines: Its trainings, or its layers, by the label that the legend gives each.
        dashed: Labels of the curves to be drawn dashed.

    Raises:
        ValueError: There is nothing to draw, trainings and layers are mixed, or a dashed label is
            no line's.
        TypeError: A line is neither a training nor a layer.
    """

    title: str
    source: str
    lines: Mapping[str, Runs]
    dashed: Collection[str] = ()

    def __post_init__(self) -> None:
        for label, runs in self.lines.items():
            if not isinstance(runs, Runs) or not isinstance(runs.arm, TrainingArm | ProbeArm):
                raise TypeError(
                    f"figure {self.title!r}: give {label!r} as train(...) or probe(Layer(...))"
                )
        if len({type(runs.arm) for runs in self.lines.values()}) != 1:
            raise ValueError(f"figure {self.title!r}: give it lines, trainings only or layers only")
        if unknown := set(self.dashed) - self.lines.keys():
            raise ValueError(f"figure {self.title!r}: dashed={min(unknown)!r} is no line's label")


def drawn(figure: Figure, load: Load, seeds: int) -> dict[str, Any] | None:
    """Returns what a figure shows as plain data; None while its first run is not stored.

    The seeds are those that all lines have, so that their spreads compare.

    Args:
        figure: The figure.
        load: Where its runs are.
        seeds: The most seeds to show.
    """
    stored = {label: _stored(runs, load, seeds) for label, runs in figure.lines.items()}
    shared = min(map(len, stored.values()))
    if not shared:
        return None
    lines = {label: histories[:shared] for label, histories in stored.items()}
    kind, values, edges = _histograms(figure, lines) if _of_layers(figure) else _curves(lines)
    return {
        "title": figure.title,
        "source": figure.source,
        "kind": kind,
        "edges": edges,
        "lines": [
            {"label": label, "dashed": label in figure.dashed, "values": plain(values[label])}
            for label in figure.lines
        ],
    }


def _stored(runs: Runs, load: Load, seeds: int) -> list[History]:
    """Returns the histories of the first seeds, up to the first that is not stored."""
    found = []
    for seed in runs.seeds(seeds):
        history = load(runs.arm, seed)
        if history is None:
            break
        found.append(history)
    return found


def _of_layers(figure: Figure) -> bool:
    return any(isinstance(runs.arm, ProbeArm) for runs in figure.lines.values())


_Drawn = tuple[str, dict[str, list[list[float]]], list[float]]
"""Kind, values of each line for each seed, edges of the bins."""


def _curves(lines: Mapping[str, Sequence[History]]) -> _Drawn:
    longest = max(len(history.loss) for histories in lines.values() for history in histories)
    # A callback may have ended a run early.
    values = {
        label: [np.pad(h.loss, (0, longest - len(h.loss)), constant_values=np.nan) for h in found]
        for label, found in lines.items()
    }
    return "curves", {label: [curve.tolist() for curve in values[label]] for label in lines}, []


def _histograms(figure: Figure, lines: Mapping[str, Sequence[History]]) -> _Drawn:
    """Returns the share of the activations in each bin."""
    values = {label: [h.probes["activations"] for h in lines[label]] for label in lines}
    edges = np.linspace(*_range(figure, values), _BINS + 1)
    shares = {
        label: [(np.histogram(v, edges)[0] / v.size).tolist() for v in values[label]]
        for label in values
    }
    return "histograms", shares, edges.tolist()


def _range(figure: Figure, values: Mapping[str, list[NDArray[Any]]]) -> tuple[float, float]:
    """Returns what the activations can be, or, if that is not known, what they are."""
    names = {r.arm.layer.activation for r in figure.lines.values() if isinstance(r.arm, ProbeArm)}
    if len(names) == 1 and (known := _RANGES.get(names.pop())):
        return known
    found = np.concatenate([v.ravel() for arrays in values.values() for v in arrays])
    low, high = float(found.min()), float(found.max())
    return (low, high) if low < high else (low - 0.5, high + 0.5)
