"""The metric that a claim compares, arm by arm."""

import dataclasses
from typing import Any

import pytest

from bnclaims.language.finding import Region
from bnclaims.reporting.compared import Compared, compared
from bnclaims.reporting.results import MetricRecord
from tests.fake_results import YES, arm, finding, result

PLAIN, NORMED = (2.0, 2.2, 2.1), (1.0, 1.3, 1.1)


def of(values: Any, region: Region, contrast: str = "mean_loss(plain) - mean_loss(normed)") -> Any:
    """The metric of a claim about two arms of which the contrast has these values."""
    found = finding(values=tuple(values), region=region, contrast=contrast)
    arms = arm("plain", *[(v,) for v in PLAIN]), arm("normed", *[(v,) for v in NORMED])
    return compared(result(dataclasses.replace(YES, findings=(found,), arms=arms)))


def a_tenth_less() -> list[float]:
    return [0.9 * a - b for a, b in zip(PLAIN, NORMED, strict=True)]


def test_what_a_contrast_asks_is_asked_of_an_arm() -> None:
    metric = of(a_tenth_less(), Region(0.0, None))
    assert metric.metric == "mean training loss"
    assert [row.values for row in metric.arms] == [PLAIN, NORMED]
    assert (metric.margin.of, metric.margin.beside) == (1, 0)
    assert metric.margin.factor == pytest.approx(0.9)
    assert metric.margin.region.low is None
    assert metric.margin.region.high == pytest.approx(0.9 * 2.1)


def records(**values: Any) -> Any:
    """What a claim measured, by its arms."""
    return tuple(MetricRecord("input_drift", name, 0, of, "SD") for name, of in values.items())


def test_a_metric_that_not_every_training_has_is_compared_too() -> None:
    contrast = "0.9 * input_drift(plain) - input_drift(normed)"
    found = finding(values=tuple(a_tenth_less()), region=Region(0.0, None), contrast=contrast)
    arms = arm("plain", *[(v,) for v in PLAIN]), arm("normed", *[(v,) for v in NORMED])
    drifts = records(plain=PLAIN, normed=NORMED)
    claim = dataclasses.replace(YES, findings=(found,), arms=arms, measured=drifts)
    metric = compared(result(claim))
    assert metric is not None
    assert metric.metric == "input drift"
    assert [(row.arm, row.values) for row in metric.arms] == [("plain", PLAIN), ("normed", NORMED)]
    assert metric.margin is not None
    assert metric.margin.factor == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("one, name='ece'", "other, name='ece'"), "ece"),
        (("one, name='top_5'", "other, name='top_5'"), "top 5"),
        (("one, name='a'", "other, name='b'"), "measured"),
        (("one", "other"), "measured"),
    ],
)
def test_a_measure_is_called_by_its_name(names: tuple[str, str], words: str) -> None:
    found = finding(
        values=tuple(a_tenth_less()), region=Region(0.0, None), contrast="measured(a) - measured(b)"
    )
    of_arms = zip(names, (PLAIN, NORMED), strict=True)
    measured = tuple(MetricRecord("measured", name, 0, values, "") for name, values in of_arms)
    claim = dataclasses.replace(YES, findings=(found,), measured=measured)
    metric = compared(result(claim))
    assert metric is not None
    assert metric.metric == words


def test_an_arm_may_be_compared_with_a_number() -> None:
    found = finding(values=PLAIN, region=Region(0.5, None), contrast="input_drift(plain)")
    claim = dataclasses.replace(YES, findings=(found,), measured=records(plain=PLAIN))
    metric = compared(result(claim))
    assert metric is not None
    assert metric.margin is not None
    assert (metric.margin.of, metric.margin.beside) == (0, None)
    assert metric.margin.region == Region(0.5, None)
    other = dataclasses.replace(found, values=NORMED)
    metric = compared(result(dataclasses.replace(claim, findings=(other,))))
    assert metric is not None
    assert metric.margin is None


def test_an_edge_that_is_not_0_moves_the_region() -> None:
    values = [a - b for a, b in zip(PLAIN, NORMED, strict=True)]
    margin = of(values, Region(-0.5, 0.25)).margin
    assert (margin.of, margin.beside, margin.factor) == (0, 1, 1.0)
    mean = sum(NORMED) / 3
    assert margin.region.edges == pytest.approx((mean - 0.5, mean + 0.25))


@pytest.mark.parametrize(
    "values",
    [
        [0.7, 0.1, 0.4],  # of no two arms
        [*a_tenth_less()[:2], None],
        a_tenth_less()[:2],  # two numbers are in line with any two others
        [*a_tenth_less(), 0.8],  # of seeds that the arms do not have
    ],
)
def test_what_is_not_linear_in_two_arms_asks_nothing_of_one(values: list[Any]) -> None:
    metric = of(values, Region(0.0, None))
    assert metric is not None
    assert metric.margin is None


@pytest.mark.parametrize(
    "contrast", ["input_drift(plain)", "mean_loss(plain) - final_loss(normed)", "values"]
)
def test_a_metric_that_not_every_training_has_is_not_shown(contrast: str) -> None:
    assert of(a_tenth_less(), Region(0.0, None), contrast) is None


def test_of_two_arms_in_one_ratio_nothing_is_asked() -> None:
    """Whatever is made of them is linear in either: `a - b` is also `-(a - 3 * b)`."""
    arms = arm("plain", *[(2 * v,) for v in NORMED]), arm("normed", *[(v,) for v in NORMED])
    found = finding(values=NORMED, contrast="mean_loss(plain) - mean_loss(normed)")
    metric = compared(result(dataclasses.replace(YES, findings=(found,), arms=arms)))
    assert metric is not None
    assert metric.margin is None


def test_a_mean_is_of_the_runs_that_have_a_value() -> None:
    metric = of(a_tenth_less(), Region(0.0, None))
    assert isinstance(metric, Compared)
    assert metric.arms[0].mean_text == "2.10"
    assert dataclasses.replace(metric.arms[0], values=(None, 100.0)).mean_text == "100"
    assert dataclasses.replace(metric.arms[0], values=(None,)).mean_text == "none"
