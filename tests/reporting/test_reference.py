"""A reference: what it says, there and back, and what makes none."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnclaims.cli import main
from bnclaims.errors import CommandError, ResultsError
from bnclaims.language.finding import Better
from bnclaims.reporting import reference, report
from bnclaims.reporting.results import Identity, MetricRecord, Outcome, Results, SessionRecord
from tests.fake_results import YES, results

VALUES = (1.0, 1.01, 0.99, 1.0, 1.02)


def record(
    metric: str = "mean_loss",
    values: tuple[float, ...] = VALUES,
    *,
    recipe: str = "ab",
    limits: tuple[float | None, float | None] = (None, None),
    better: Better = "lower",
    **changes: Any,
) -> MetricRecord:
    made = MetricRecord(metric, "arm", 0, values, "", Identity(recipe, "", better, *limits))
    return dataclasses.replace(made, **changes)


def of(*measured: MetricRecord, claim: str = "yes") -> Outcome:
    return dataclasses.replace(YES, id=claim, measured=measured)


def frozen(*measured: MetricRecord, **about: Any) -> reference.Reference:
    return reference.frozen(results(of(*measured)), **about)


def test_each_metric_of_each_arm_is_there_once_with_the_most_seeds() -> None:
    more = (*VALUES, 1.03)
    found = reference.frozen(
        results(
            of(record(), record("val_loss")),
            of(record(values=more), record(recipe="cd", arm="an arm"), claim="another"),
        )
    )
    assert [(m.name, m.recipe, m.values) for m in found.metrics] == [
        ("mean_loss(an arm)", "cd", VALUES),
        ("mean_loss(arm)", "ab", more),
        ("val_loss(arm)", "ab", VALUES),
    ]
    assert found.protocol.name == "quick"
    assert found.versions["keras"] == "3.5"
    assert found.data == "MNIST"


def test_what_another_session_cannot_have_is_left_out() -> None:
    found = frozen(record(), record("seconds_per_epoch", identity=None))
    assert [metric.metric for metric in found.metrics] == ["mean_loss"]


@pytest.mark.parametrize(
    ("values", "limits", "margin"),
    [
        ((1.99, 2.0, 2.01), (None, None), 0.1),
        ((-1.99, -2.0, -2.01), (None, None), 0.1),
        ((0.979, 0.98, 0.981), (0.0, 1.0), 0.0025),  # 2.5 deviations; a share would be 0.001
        ((0.5, 0.5, 0.5), (0.0, 1.0), 0.025),
        ((0.9, 0.9, 0.9), (0.0, 1.0), 0.005),
        ((3.0, 3.0, 3.0), (2.0, None), 0.05),
        ((1.0, 2.0, 3.0), (None, None), 2.5),
        ((0.0, 0.0, 0.0), (0.0, None), 1e-12),
        ((4.0,), (None, None), 0.2),
    ],
)
def test_a_margin_is_a_share_of_the_metric_or_some_deviations(
    values: tuple[float, ...], limits: tuple[float | None, float | None], margin: float
) -> None:
    (metric,) = frozen(record(values=values, limits=limits)).metrics
    assert metric.margin == margin


def test_share_and_deviations_can_be_chosen() -> None:
    assert frozen(record(values=(2.0, 2.0)), share=0.2).metrics[0].margin == 0.4
    noisy = record(values=(1.0, 2.0, 3.0))
    assert frozen(noisy, deviations=0.0).metrics[0].margin == 0.1
    assert frozen(noisy, deviations=1.0).metrics[0].margin == 1.0


@given(st.floats(2.0**-40, 2.0**40), st.lists(st.floats(-1, 1), min_size=2, max_size=20))
def test_a_margin_is_in_the_metrics_unit(scale: float, noise: list[float]) -> None:
    values = tuple(3 + x for x in noise)
    scaled = tuple(scale * value for value in values)
    one, other = (frozen(record(values=v)).metrics[0].margin for v in (values, scaled))
    assert other == pytest.approx(scale * one, rel=0.1)  # two digits


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    made = frozen(record(), record("halved", arm="arm, times=2", better="", unit="%"))
    file = tmp_path / "reference.json"
    file.write_text(reference.encoded(made), "utf-8")
    assert reference.read(file) == made


def test_a_metric_is_a_line_so_that_a_difference_can_be_read() -> None:
    one = reference.encoded(frozen(record(), record("val_loss"))).splitlines()
    other = reference.encoded(frozen(record("val_loss"), record(values=(2.0,)))).splitlines()
    assert len([line for line in one if "values" in line]) == 2
    assert [line[:30] for line in set(one) - set(other) if "values" in line] == [
        '  {"name": "mean_loss(arm)", "'
    ]
    assert not [line for line in set(one) - set(other) if "val_loss" in line]


def test_models_that_are_called_alike_have_names_of_their_own() -> None:
    found = frozen(record(recipe="ab" * 32), record(recipe="cd" * 32), record("val_loss"))
    assert list(found.named) == [
        "mean_loss(arm) abababab",
        "mean_loss(arm) cdcdcdcd",
        "val_loss(arm)",
    ]


def test_what_a_reference_does_not_know_is_named() -> None:
    known = frozen(record())
    outcome = of(record(), record("val_loss"), record(recipe="cd"), record(first_seed=100))
    assert reference.unknown_to(known, [outcome]) == ("mean_loss(arm)", "val_loss(arm)")


NO_REFERENCE: list[tuple[Results, float, str]] = [
    (results(of(record())), 1.5, "--margin 1.5: give a share"),
    (results(of(record())), 0.0, "--margin 0: give a share"),
    (results(of(record()), session=SessionRecord(2, interrupted=True, unfinished=1)), 0.05,
     "the session was interrupted"),
    (results(YES), 0.05, "these results have nothing to compare with later"),
    (results(of(record(), record(values=(9.0,)))), 0.05,
     "mean_loss(arm) has different values in two claims"),
]  # fmt: skip


def test_a_negative_number_of_deviations_is_refused() -> None:
    with pytest.raises(CommandError, match=r"^--deviations -1: give a number of 0 or more"):
        frozen(record(), deviations=-1.0)


@pytest.mark.parametrize(("found", "share", "said"), NO_REFERENCE)
def test_what_makes_no_reference_is_refused(found: Results, share: float, said: str) -> None:
    with pytest.raises(CommandError) as error:
        reference.frozen(found, share)
    assert str(error.value).startswith(said)


def test_a_metric_that_is_there_twice_is_damage(tmp_path: Path) -> None:
    plain = json.loads(reference.encoded(frozen(record())))
    plain["metrics"] *= 2
    file = tmp_path / "reference.json"
    file.write_text(json.dumps(plain), "utf-8")
    with pytest.raises(ResultsError, match="is damaged: it has a metric twice"):
        reference.read(file)


def test_freeze_writes_the_file_that_it_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report.write(results(of(record())), tmp_path / "r")
    file = tmp_path / "reference.json"
    assert (
        main(
            ["freeze", str(tmp_path / "r"), "-o", str(file), "--margin", "0.1", "--deviations", "0"]
        )
        == 0
    )
    assert capsys.readouterr().out.splitlines() == [
        f"{file}: 1 metric, 5 seeds",
        f"compare a later release with it by --claims-reference={file}",
    ]
    assert reference.read(file).metrics == frozen(record(), share=0.1, deviations=0.0).metrics


def test_freeze_says_what_it_cannot_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report.write(results(YES), tmp_path / "r")
    assert main(["freeze", str(tmp_path / "r")]) == 2
    assert "these results have nothing to compare with later" in capsys.readouterr().err
