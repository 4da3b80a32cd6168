"""Figures: the runs of some arms in one picture, as an article shows them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from bnclaims.experiment.arm import Arm, FunctionArm, ProbeArm, TrainingArm
from bnclaims.experiment.history import History
from bnclaims.experiment.models import RANGES
from bnclaims.language.finding import Number, Series, finite
from bnclaims.language.sample import Runs

Load = Callable[[Arm, int], History | None]
"""Returns the stored run of an arm with a seed, or None."""

_BINS = 20


@dataclass(frozen=True)
class Figure:
    """Curves of the training loss, or histograms of untrained layers' activations.

    Args:
        title: What it shows.
        source: Where it is from: work and figure.
        lines: Its trainings, trainers of one's own included, or its layers, by the label that the
            legend gives each.
        dashed: Labels of the curves to be drawn dashed.
        graded: Whether the lines stand for steps of one quantity, such as the batch size, in the
            order of their labels: their colours then form a scale.

    Raises:
        ValueError: There is nothing to draw, trainings and layers are mixed, or a dashed label is
            no line's.
        TypeError: A line is neither a training nor a layer.
    """

    title: str
    source: str
    lines: Mapping[str, Runs]
    dashed: Collection[str] = ()
    graded: bool = False

    def __post_init__(self) -> None:
        for label, runs in self.lines.items():
            drawable = TrainingArm | FunctionArm | ProbeArm
            if not isinstance(runs, Runs) or not isinstance(runs.arm, drawable):
                raise TypeError(
                    f"figure {self.title!r}: give {label!r} as train(...) or probe(Layer(...))"
                )
        if len({isinstance(runs.arm, ProbeArm) for runs in self.lines.values()}) != 1:
            raise ValueError(f"figure {self.title!r}: give it lines, trainings only or layers only")
        if unknown := set(self.dashed) - self.lines.keys():
            raise ValueError(f"figure {self.title!r}: dashed={min(unknown)!r} is no line's label")


@dataclass(frozen=True)
class Line:
    """A line of a chart, or a layer of its histograms."""

    label: str
    values: Series
    """Losses by epoch, or shares of activations by bin."""
    dashed: bool = False
    arm: str = ""
    """The training that it is of, as claims name it; '' for a layer."""


@dataclass(frozen=True)
class Drawing:
    """What a figure shows of the runs that are stored."""

    title: str
    source: str
    kind: Literal["curves", "histograms"]
    edges: tuple[Number, ...]
    """Of the bins; empty for curves."""
    lines: Annotated[tuple[Line, ...], Meta(min_length=1)]
    graded: bool = False
    """Whether the lines are steps of one quantity."""

    def __post_init__(self) -> None:
        if self.kind == "histograms":
            self._check_bins()

    def _check_bins(self) -> None:
        if len(self.edges) < 2 or any(low >= high for low, high in pairwise(self.edges)):
            raise ValueError("the edges of the bins do not increase")
        for line in self.lines:
            if not line.values or any(len(shares) != len(self.edges) - 1 for shares in line.values):
                raise ValueError(f"line {line.label!r} has not one share a bin")
            if any(share is None for shares in line.values for share in shares):
                raise ValueError(f"line {line.label!r} lacks a share")


def drawn(figure: Figure, load: Load, seeds: int) -> Drawing | None:
    """Returns what a figure shows; None while its first run is not stored.

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
    return _histograms(figure, lines) if _of_layers(figure) else _curves(figure, lines)


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


def _curves(figure: Figure, histories: Mapping[str, Sequence[History]]) -> Drawing:
    """Returns the curves of the training loss.

    Raises:
        ValueError: A function of a seed left none.
    """
    for label, found in histories.items():
        if not all(len(history.loss) for history in found):
            raise ValueError(
                f"figure {figure.title!r}: the runs of {label!r} have no curve of the training "
                "loss; have the function return a History with one"
            )
    lines = tuple(
        Line(
            label,
            tuple(tuple(map(finite, h.loss)) for h in found),
            label in figure.dashed,
            str(figure.lines[label]),
        )
        for label, found in histories.items()
    )
    return Drawing(figure.title, figure.source, "curves", (), lines, figure.graded)


def _histograms(figure: Figure, histories: Mapping[str, Sequence[History]]) -> Drawing:
    """Returns the share of the activations in each bin."""
    values = {label: [h.probes["activations"] for h in found] for label, found in histories.items()}
    edges = np.linspace(*_range(figure, values), _BINS + 1)
    lines = tuple(
        Line(label, tuple(_shares(v, edges) for v in found), label in figure.dashed)
        for label, found in values.items()
    )
    return Drawing(
        figure.title, figure.source, "histograms", tuple(edges.tolist()), lines, figure.graded
    )


def _shares(activations: NDArray[Any], edges: NDArray[Any]) -> tuple[float, ...]:
    return tuple((np.histogram(activations, edges)[0] / activations.size).tolist())


def _range(figure: Figure, values: Mapping[str, list[NDArray[Any]]]) -> tuple[float, float]:
    """Returns what the activations can be, or, if that is not known, what they are."""
    names = {r.arm.layer.activation for r in figure.lines.values() if isinstance(r.arm, ProbeArm)}
    if len(names) == 1 and (known := RANGES.get(names.pop())):
        return known
    found = np.concatenate([v.ravel() for arrays in values.values() for v in arrays])
    low, high = float(found.min()), float(found.max())
    return (low, high) if low < high else (low - 0.5, high + 0.5)
