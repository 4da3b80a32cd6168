"""A traceback shows the user's code, and where it is not to blame, ours."""

import pytest

from tests import fake_project

BUILT = fake_project.BACKEND.replace(
    "def trained(arm, seed):\n    pass", "def trained(arm, seed):\n    arm.build()"
)

BROKEN = """
from bnclaims import claim, mean_loss

def layers(width):
    return [width // (width - 3)]

def network():
    try:
        return layers(3)
    except ZeroDivisionError as error:
        raise ValueError("no such width") from error

@claim("It trains", source="own")
def test_broken(train):
    assert mean_loss(train(network)) < 1
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    fake_project.prepare(pytester, monkeypatch)
    (pytester.path / "backend.py").write_text(BUILT.replace("pytest_plugins", "plugins"))
    pytester.makeconftest(
        'pytest_plugins = ["bnclaims.plugin"]\nfrom backend import pytest_claims_backend'
    )
    return pytester


@pytest.mark.parametrize("workers", ["-n0", "-n1"])
def test_a_broken_model_shows_no_frames_of_ours(project: pytest.Pytester, workers: str) -> None:
    project.makepyfile(test_it=BROKEN)
    result = project.runpytest_subprocess("--claims-store=store", workers)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "test_it.py:8:*",
            "E*ZeroDivisionError*",
            "The above exception was the direct cause*",
            ">*assert mean_loss(train(network)) < 1",
            "test_it.py:14:*",
            "E*ValueError: no such width",
        ]
    )
    result.stdout.no_fnmatch_line("*schedule.py*")
    result.stdout.no_fnmatch_line("*Trial(*")


MISTAKES = """
import pytest
from bnclaims import MLP, claim, mean_loss, val_accuracy

def level(arm):
    return val_accuracy(arm)

@claim("It has one", source="own")
def test_absent(train):
    assert level(train(MLP())) > 0.5

@claim("It may be less", source="own")
def test_easier(train):
    assert mean_loss(train(MLP())) < mean_loss(train(MLP("tanh"))) + 1

@claim("It is a number", source="own")
def test_number(train):
    assert mean_loss(3) < 1

@claim("It is ours", source="own")
def test_ours(train):
    train.trial.histories(None, 3)
"""


def test_a_mistake_is_shown_where_it_was_made(project: pytest.Pytester) -> None:
    """Ten frames of ours stood between the user's line and what was wrong with it."""
    project.makepyfile(test_it=MISTAKES)
    result = project.runpytest_subprocess("--claims-store=store", "-n0", "-k", "not ours")
    result.assert_outcomes(failed=3, deselected=1)
    result.stdout.fnmatch_lines(
        [
            ">       assert level(train(MLP())) > 0.5",
            "E  *ClaimError: val_accuracy(relu no BN): this arm has no curve of val_accuracy; *",
            ">       assert mean_loss(train(MLP())) < *",
            "E  *ClaimError: *: this margin makes the claim easier, not harder. *",
            ">       assert mean_loss(3) < 1",
            "E  *TypeError: mean_loss takes what train(...) or probe(...) returned, not int",
        ]
    )
    result.stdout.no_fnmatch_line("*bnclaims/language/*:[0-9]*")


def test_a_mistake_of_ours_keeps_its_frames(project: pytest.Pytester) -> None:
    project.makepyfile(test_it=MISTAKES)
    result = project.runpytest_subprocess("--claims-store=store", "-n0", "-k", "ours")
    result.stdout.fnmatch_lines(["E *AttributeError: *", "*bnclaims/language/evidence.py:[0-9]*"])


def test_all_frames_are_there_for_whoever_asks(project: pytest.Pytester) -> None:
    project.makepyfile(test_it=BROKEN)
    result = project.runpytest_subprocess("--claims-store=store", "--full-trace", "-n0")
    result.stdout.fnmatch_lines(["*schedule.py*"])


REFUSED = """
from bnclaims import claim, mean_loss
from bnclaims.errors import ArmError

def network():
    raise ArmError("it cannot be trained")

@claim("It trains", source="own")
def test_refused(train):
    assert mean_loss(train(network)) < 1
"""


def test_of_what_is_refused_the_message_says_it_all_unless_all_is_asked_for(
    project: pytest.Pytester,
) -> None:
    project.makepyfile(test_it=REFUSED)
    result = project.runpytest_subprocess("--claims-store=store", "-n0")
    result.stdout.fnmatch_lines(["*_ test_refused _*", "it cannot be trained"], consecutive=True)
    result.stdout.no_fnmatch_line("*test_it.py:5*")
    everything = project.runpytest_subprocess("--claims-store=store", "-n0", "--full-trace")
    everything.stdout.fnmatch_lines(["*schedule.py*", "*test_it.py:5*"])
