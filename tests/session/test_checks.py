"""Sessions that are compared with an earlier release, as a maintainer runs them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bnclaims.cli import main
from bnclaims.reporting import wire
from bnclaims.reporting.results import ReferenceRecord
from tests.fake_releases import CONFTEST, METRICS, claims_on, prepare, release, session

REFERENCE = "--claims-reference=reference.json"
NAMES = [
    f"{metric}(relu no BN, {units})"
    for metric, *arms in (("halved", 2), ("mean_loss", 1, 2, 3), ("val_accuracy", 1, 2))
    for units in arms
]


@pytest.fixture(scope="session")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose first release is frozen with twenty seeds of each arm: 1, 2 and 3 units."""
    folder = tmp_path_factory.mktemp("frozen")
    (folder / "conftest.py").write_text(CONFTEST, "utf-8")
    (folder / "test_it.py").write_text(claims_on(1, 2) + METRICS, "utf-8")
    release(folder, "1")
    root = str(Path(__file__).parents[2])
    options = ("--claims-store=store", "--claims-boundary=normal", "--claims-looks=20")
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *options],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": root, "BNCLAIMS_DATA": "digits"},
        check=True,
        capture_output=True,
    )
    assert main(["freeze", f"{folder}/claims-report", "-o", f"{folder}/reference.json"]) == 0
    return folder


@pytest.fixture
def project(
    frozen: Path, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> pytest.Pytester:
    prepare(pytester, monkeypatch)
    shutil.copytree(frozen, pytester.path, dirs_exist_ok=True)
    return pytester


def record(project: pytest.Pytester) -> ReferenceRecord:
    found = wire.read(project.path / "claims-report").reference
    assert found is not None
    return found


def statuses(project: pytest.Pytester) -> dict[str, str]:
    return {check.name: check.status for check in record(project).checks}


def test_the_same_release_is_identical(project: pytest.Pytester) -> None:
    result = session(project, REFERENCE, "--junit-xml=tests.xml")
    result.assert_outcomes(passed=4 + len(NAMES))
    assert statuses(project) == dict.fromkeys(NAMES, "as before")
    junit = (project.path / "tests.xml").read_text("utf-8")
    assert junit.count('name="reference" value="as before"') == len(NAMES)
    assert all(check.is_identical for check in record(project).checks)
    today = record(project).created[:10]
    result.stdout.fnmatch_lines(
        ["6 as before (6 identical)", f"reference.json of {today}; the same versions"]
    )


def test_a_release_that_only_rounds_otherwise_is_as_before(project: pytest.Pytester) -> None:
    release(project.path, "2", draws=1)
    result = session(project, REFERENCE)
    result.assert_outcomes(passed=4 + len(NAMES))
    assert statuses(project) == dict.fromkeys(NAMES, "as before")
    result.stdout.fnmatch_lines(["6 as before", "*; fake 1 -> 2"])


def test_a_change_is_for_the_better_or_the_worse_where_the_metric_has_a_direction(
    project: pytest.Pytester,
) -> None:
    release(project.path, "2", draws=1, shifts={1: -0.2, 2: 0.3})
    result = session(project, REFERENCE)
    assert statuses(project) == {
        "halved(relu no BN, 2)": "changed",
        "mean_loss(relu no BN, 1)": "better",
        "mean_loss(relu no BN, 2)": "worse",
        "mean_loss(relu no BN, 3)": "as before",
        "val_accuracy(relu no BN, 1)": "better",
        "val_accuracy(relu no BN, 2)": "worse",
    }
    result.assert_outcomes(passed=4 + 3, failed=3)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "worse: mean_loss(relu no BN, 2)",
            "  2 -> 2.296, change 0.296 *, as before within ±0.1, 5 seeds",
            "  if it is meant to be so, freeze a new reference.json of this session's report",
            "2 worse, 1 changed, 2 better, 1 as before",
            "WORSE reference.json::mean_loss(relu no BN, 2)*",
        ]
    )
    badge = json.loads((project.path / "claims-report/badges/reference.json").read_text())
    assert badge["message"] == "2 worse, 1 changed, 2 better, 1 as before · reference.json"
    assert "not as in the reference" in (
        project.path / "claims-report/badges/claims.json"
    ).read_text("utf-8")


def test_what_the_seeds_do_not_settle_fails_as_an_inconclusive_claim_does(
    project: pytest.Pytester,
) -> None:
    release(project.path, "2", draws=1, noise=0.3)
    result = session(project, REFERENCE, "-k", "reference.json")
    found = statuses(project)
    assert found["mean_loss(relu no BN, 1)"] == "undecided"
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["  more seeds may decide, or another margin: freeze a reference of a session *"]
    )


def test_runs_that_diverge_now_leave_nothing_to_compare(project: pytest.Pytester) -> None:
    release(project.path, "2", draws=1, diverging=(3,))
    result = session(project, REFERENCE, "-k", "reference.json")
    by_name = {check.name: check for check in record(project).checks}
    check = by_name.pop("mean_loss(relu no BN, 3)")
    assert (check.status, check.finding) == ("undecided", None)
    assert "seeds 2): these runs diverged" in check.problem
    assert {other.status for other in by_name.values()} == {"as before"}
    result.assert_outcomes(passed=len(by_name), failed=1, deselected=4)


def test_workers_find_what_one_process_finds(project: pytest.Pytester) -> None:
    release(project.path, "2", draws=1, shifts={2: 0.3})
    session(project, REFERENCE)
    alone = record(project)
    project.runpytest_subprocess(
        REFERENCE, "--claims-store=other", "--claims-boundary=normal", "-n2"
    )
    assert record(project) == alone


def test_only_the_checks_can_be_run_which_train_what_they_need(project: pytest.Pytester) -> None:
    release(project.path, "2", draws=1)
    result = session(project, REFERENCE, "-k", "reference.json and accuracy")
    result.assert_outcomes(passed=2, deselected=4 + len(NAMES) - 2)
    found = wire.read(project.path / "claims-report")
    assert found.claims == ()
    result.stdout.fnmatch_lines(
        ["2 as before, 4 not compared", "4 not compared, as its test was not selected*"]
    )


def test_arms_that_are_gone_changed_or_new_are_named(project: pytest.Pytester) -> None:
    changed = claims_on(1).replace("MLP(hidden=(units,))", "MLP(hidden=(units,)), **more[units]")
    project.makepyfile(test_it="more = {1: {}, 2: {'loss_weights': 2.0}}\n" + changed)
    result = session(project, REFERENCE)
    result.assert_outcomes(passed=1 + 1, skipped=5)
    problems = {check.name: check.problem for check in record(project).checks}
    assert "the arm is another one now" in problems["mean_loss(relu no BN, 2)"]
    assert "no claim that was collected here" in problems["mean_loss(relu no BN, 3)"]
    assert statuses(project)["mean_loss(relu no BN, 1)"] == "as before"
    assert record(project).unknown == ("mean_loss(relu no BN, 2)",)
    result.stdout.fnmatch_lines(["1 not in the reference: mean_loss(relu no BN, 2)"])
    assert result.ret == pytest.ExitCode.OK


NAMESAKE = """
from bnclaims import MLP, claim, metric

@metric
def halved(history):
    return float(history.loss[-1]) / 2 + 0.3

@claim("It is not nothing", source="here")
def test_namesake(train):
    assert halved(train(MLP(hidden=(2,)))) > 0.5
"""


@pytest.mark.parametrize("file", ["test_a", "test_z"])
def test_two_metrics_of_one_name_are_not_told_apart_by_the_order_of_files(
    project: pytest.Pytester, file: str
) -> None:
    """Whichever came first was compared: an unchanged release failed, or a change was hidden."""
    project.makepyfile(**{file: NAMESAKE})
    result = session(project, REFERENCE)
    result.assert_outcomes(passed=4 + len(NAMES), failed=1)
    found = {check.name: (check.status, check.problem) for check in record(project).checks}
    assert found.pop("halved(relu no BN, 2)") == (
        "undecided",
        "two metrics here are called halved: rename one of them",
    )
    assert {status for status, _ in found.values()} == {"as before"}


def test_other_seeds_are_named_as_such(project: pytest.Pytester) -> None:
    """It said that the arm had changed."""
    file = project.path / "reference.json"
    file.write_text(
        file.read_text("utf-8").replace('"first_seed": 0', '"first_seed": 1000'), "utf-8"
    )
    session(project, REFERENCE)
    problems = {check.name: check.problem for check in record(project).checks}
    assert problems["mean_loss(relu no BN, 1)"] == (
        "claims name it with other seeds now than those from 1000 on"
    )


def test_a_reference_with_fewer_seeds_than_the_first_look_compares_nothing(
    project: pytest.Pytester,
) -> None:
    result = session(project, REFERENCE, "--claims-looks=30", "-k", "reference.json")
    result.assert_outcomes(skipped=len(NAMES), deselected=4)
    problem = "the reference has 20 seeds, and the first look takes 30"
    assert {check.problem for check in record(project).checks} == {problem}


def test_a_check_that_goes_wrong_is_no_success(project: pytest.Pytester) -> None:
    project.makeconftest(CONFTEST.replace("yield seed,", "yield seed, units == 3 or "))
    release(project.path, "2", draws=1)
    result = session(project, REFERENCE, "-k", "reference.json and mean_loss")
    result.assert_outcomes(passed=2, failed=1, deselected=7)


def refused(project: pytest.Pytester, *options: str) -> str:
    result = session(project, REFERENCE, *options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    return " ".join(result.stderr.str().split())


def test_another_protocol_is_refused(project: pytest.Pytester) -> None:
    assert (
        "reference.json is of the small protocol (all images, 1 epoch), and this session trains "
        "under large (all images, 2 epochs): give --claims-protocol=small, or freeze a reference "
        "of this protocol"
    ) in refused(project, "--claims-protocol=large")


def test_a_protocol_that_has_changed_under_its_name_is_refused(project: pytest.Pytester) -> None:
    """It told to choose the protocol that was chosen."""
    project.makeconftest(CONFTEST.replace('"small"', '"small", epochs=3'))
    advice = "trains under small (all images, 3 epochs): freeze a reference of this protocol"
    assert advice in refused(project)


def test_other_images_are_refused(project: pytest.Pytester) -> None:
    file = project.path / "reference.json"
    plain = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps(plain | {"data": "MNIST", "fingerprint": "f" * 64}), "utf-8")
    assert (
        "reference.json is of other images (MNIST) than this session's (embedded digits, as "
        "chosen: NOT MNIST): choose them by --claims-data, or freeze a reference of these"
    ) in refused(project)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "does not exist: make a reference with `bnclaims freeze`"),
        ("{", "holds no reference of bnclaims"),
        ('{"schemaVersion": 5}', "holds no reference of bnclaims: make one of a session's"),
        ('{"form": "bnclaims reference", "version": 9}', "is a reference of version 9"),
        ('{"form": "bnclaims reference", "version": 1}', "is damaged"),
    ],
)
def test_a_file_that_is_none_is_refused_in_a_line(
    project: pytest.Pytester, content: str | None, said: str
) -> None:
    file = project.path / "reference.json"
    file.unlink() if content is None else file.write_text(content, "utf-8")
    assert f"reference.json {said}" in refused(project)


def test_without_claims_nothing_is_compared(project: pytest.Pytester) -> None:
    project.makepyfile(test_it="def test_plain(): pass")
    session(project, REFERENCE).assert_outcomes(passed=1)
