"""A reference: what the metrics of a release were, seed by seed, as a file to keep in a repository.

One line a metric, sorted, so that the difference of two references can be read.
"""

import json
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from bnclaims.errors import CommandError, ResultsError
from bnclaims.experiment.history import LARGEST
from bnclaims.language.finding import Better, Count
from bnclaims.reporting import wire
from bnclaims.reporting.results import Identity, MetricRecord, Outcome, ProtocolRecord, Results

FILE = "reference.json"
"""What a reference is called unless the user says otherwise."""

MARGIN = 0.05
"""Which share of a metric does not matter, unless the user says otherwise."""

DEVIATIONS = 2.5
"""How many standard deviations over the seeds a margin is at least, unless the user says otherwise.
Where runs share nothing with those before but their law, the default looks then find 98% of metrics
as before; 77% at two."""

_FORM = "bnclaims reference"
_FORM_VERSION = 1
"""Raised whenever a reader of the older form would misread the newer."""

_LEAST = 1e-12
"""The margin of a metric that is 0 for every seed: any change of it is one."""


class Key(NamedTuple):
    """What a metric is found by in another session."""

    recipe: str
    first_seed: int
    metric: str
    arguments: str


Value = Annotated[float, Meta(ge=-LARGEST, le=LARGEST)]
"""A number that can be computed with, see `bnclaims.experiment.history.is_finite`."""


@dataclass(frozen=True)
class ReferenceMetric:
    """What a metric of an arm was."""

    name: str
    """As claims write it, with the arm."""
    metric: str
    arguments: str
    """Of the metric; '' for none."""
    recipe: str
    """Digest of the arm's description without versions."""
    unit: str
    better: Better
    """Which way the metric improves; '' where nobody says."""
    margin: Annotated[float, Meta(gt=0, le=LARGEST)]
    """How large a mean change does not matter."""
    first_seed: Count
    values: Annotated[tuple[Value, ...], Meta(min_length=1)]
    """One a seed."""

    @property
    def key(self) -> Key:
        """What it is found by in another session."""
        return Key(self.recipe, self.first_seed, self.metric, self.arguments)


@dataclass(frozen=True)
class Reference:
    """What the metrics of a release were."""

    created: str
    """When they were measured, UTC, in ISO 8601."""
    versions: dict[str, str]
    protocol: ProtocolRecord
    data: str
    """In words."""
    fingerprint: str
    """Of the session's images; '' where no arm is shown any."""
    metrics: tuple[ReferenceMetric, ...]
    """Sorted by name."""

    @property
    def named(self) -> dict[str, ReferenceMetric]:
        """The metrics by a name that each has alone: two models may be called alike."""
        counts = Counter(metric.name for metric in self.metrics)
        return {
            f"{metric.name} {metric.recipe[:8]}" if counts[metric.name] > 1 else metric.name: metric
            for metric in self.metrics
        }


def frozen(results: Results, share: float = MARGIN, deviations: float = DEVIATIONS) -> Reference:
    """Returns the reference that the results of a session make.

    Args:
        results: Of a session that was not interrupted.
        share: Which share of a metric does not matter, from 0 to 1: of its mean or, where it has
            limits, of the mean's distance from the nearest.
        deviations: How many standard deviations over the seeds a margin is at least.

    Raises:
        CommandError: The session was interrupted, has nothing to compare with, or says two things
            of one metric; or the share, or the number of deviations, is none.
    """
    if not 0 < share < 1:
        raise CommandError(f"--margin {share:g}: give a share of a metric, as in 0.05")
    if not 0 <= deviations < 1e6:
        raise CommandError(f"--deviations {deviations:g}: give a number of 0 or more, as in 2.5")
    if results.session.interrupted:
        raise CommandError(
            "the session was interrupted, so its results are no reference: run it again to the "
            "end, for which what is stored is not trained anew"
        )
    longest: dict[Key, tuple[MetricRecord, Identity]] = {}
    for record, identity in _comparable(results.claims):
        key = _key(record, identity)
        known, _ = longest.setdefault(key, (record, identity))
        _check_same(known, record)
        if len(record.values) > len(known.values):
            longest[key] = record, identity
    if not longest:
        raise CommandError(
            "these results have nothing to compare with later: no claim measures an arm, or an "
            "older version wrote them; run the session again, for which what is stored is not "
            "trained anew"
        )
    metrics = (_metric(key, *found, share, deviations) for key, found in longest.items())
    return Reference(
        created=results.created,
        versions=results.versions,
        protocol=results.protocol,
        data=" and ".join(results.data_names),
        fingerprint=results.fingerprint,
        metrics=tuple(sorted(metrics, key=lambda metric: (metric.name, metric.key))),
    )


def unknown_to(reference: Reference, outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """Returns the metrics of a session that a reference does not have, by name."""
    known = {metric.key for metric in reference.metrics}
    names = {
        f"{record.metric}({record.arm})"
        for record, identity in _comparable(outcomes)
        if _key(record, identity) not in known
    }
    return tuple(sorted(names))


def encoded(reference: Reference) -> str:
    """Returns what the file of a reference says."""
    plain: dict[str, Any] = msgspec.to_builtins(reference)
    lines = ",\n".join(f"  {json.dumps(metric)}" for metric in plain.pop("metrics"))
    head = json.dumps({"form": _FORM, "version": _FORM_VERSION} | plain, indent=1)
    return f'{head.removesuffix("}").rstrip()},\n "metrics": [\n{lines}\n ]\n}}\n'


def read(path: Path) -> Reference:
    """Returns the reference in a file.

    Raises:
        ResultsError: There is no such file, it is no reference, or it is damaged.
        OSError: It cannot be read.
    """
    try:
        document = msgspec.json.decode(path.read_bytes())
    except FileNotFoundError:
        raise ResultsError(
            f"{path} does not exist: make a reference with `bnclaims freeze`"
        ) from None
    except (ValueError, RecursionError) as error:  # neither JSON nor UTF-8, or nested too deep
        raise ResultsError(f"{path} holds no reference of bnclaims: {error}") from None
    if not isinstance(document, dict) or document.get("form") != _FORM:
        raise ResultsError(
            f"{path} holds no reference of bnclaims: make one of a session's results with "
            "`bnclaims freeze`"
        )
    if (version := document.get("version")) != _FORM_VERSION:
        raise ResultsError(
            f"{path} is a reference of version {version!r:.20}; this is bnclaims for "
            f"{_FORM_VERSION}: freeze it again with this one"
        )
    reference = wire.converted(document, Reference, path)
    if len({metric.key for metric in reference.metrics}) < len(reference.metrics):
        raise ResultsError(f"{path} is damaged: it has a metric twice")
    return reference


def _key(record: MetricRecord, identity: Identity) -> Key:
    return Key(identity.recipe, record.first_seed, record.metric, identity.arguments)


def _comparable(claims: Sequence[Outcome]) -> Iterator[tuple[MetricRecord, Identity]]:
    for claim in claims:
        for record in claim.measured:
            if record.identity is not None and None not in record.values:
                yield record, record.identity


def _check_same(one: MetricRecord, other: MetricRecord) -> None:
    """Refuses two metrics that only their values tell apart."""
    pairs = zip_longest(one.values, other.values)
    if any(a != b for a, b in pairs if None not in {a, b}):
        raise CommandError(
            f"{one.metric}({one.arm}) has different values in two claims: are two metrics called "
            f"{one.metric}? Rename one of them"
        )


def _metric(
    key: Key, record: MetricRecord, identity: Identity, share: float, deviations: float
) -> ReferenceMetric:
    values = tuple(value for value in record.values if value is not None)
    return ReferenceMetric(
        name=f"{record.metric}({record.arm})",
        metric=record.metric,
        arguments=identity.arguments,
        recipe=identity.recipe,
        unit=record.unit,
        better=identity.better,
        margin=_margin(values, identity, share, deviations),
        first_seed=key.first_seed,
        values=values,
    )


def _margin(
    values: tuple[float, ...], identity: Identity, share: float, deviations: float
) -> float:
    """Returns how large a mean change does not matter, in two digits."""
    mean = statistics.fmean(values)
    limits = [limit for limit in (identity.low, identity.high) if limit is not None]
    size = min((abs(mean - limit) for limit in limits), default=abs(mean))
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return float(f"{max(share * size, deviations * deviation, _LEAST):.2g}")
