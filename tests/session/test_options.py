"""Settings of a session: command line, then environment, then ini file, then default."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from bnclaims import Optimizer, TrainingProtocol, plugin
from bnclaims.experiment.protocol import KERAS_DEFAULTS
from bnclaims.session.options import OPTIONS, Settings, ini_name
from bnclaims.statistics.design import Open, Sequential
from bnclaims.statistics.spending import Pocock, Power
from tests.hostile import VALUES, settings_of

PROTOCOLS = """
from bnclaims import Optimizer, TrainingProtocol

def pytest_claims_protocols():
    adam = Optimizer("Adam", learning_rate=0.1)
    return [TrainingProtocol("short", epochs=2, optimizer=adam), TrainingProtocol("long", epochs=9)]
"""


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BNCLAIMS_DATA", "BNCLAIMS_BACKEND"):
        monkeypatch.delenv(name, raising=False)


def settings(pytester: pytest.Pytester, *options: str) -> Settings:
    return Settings.from_pytest_config(pytester.parseconfig(*options))


def test_defaults(pytester: pytest.Pytester) -> None:
    found = settings(pytester)
    assert found.data == "auto"
    assert found.protocol == KERAS_DEFAULTS
    assert found.protocols == ()
    assert found.design == Sequential()
    assert found.threads >= 1
    assert found.backend == "tensorflow"
    assert found.report == pytester.path / "claims-report"
    assert not found.chosen


def test_the_first_declared_protocol_is_the_default(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(PROTOCOLS)
    found = settings(pytester)
    adam = Optimizer("Adam", learning_rate=0.1)
    assert found.protocol == TrainingProtocol("short", epochs=2, optimizer=adam)
    assert found.protocols == ("short", "long")
    assert found.chosen
    assert settings(pytester, "--claims-protocol=long").protocol.epochs == 9
    assert settings(pytester, "--claims-protocol=default").protocol == KERAS_DEFAULTS


def test_the_command_line_is_asked_before_the_ini_file(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makeini("[pytest]\nclaims_alpha = 0.05\nclaims_data = mnist\nclaims_report = none")
    monkeypatch.setenv("BNCLAIMS_DATA", "digits")
    found = settings(pytester, "--claims-alpha=0.02")
    assert (found.design.alpha, found.data, found.report) == (0.02, "digits", None)
    monkeypatch.delenv("BNCLAIMS_DATA")
    assert settings(pytester).data == "mnist"
    assert settings(pytester).design.alpha == 0.05
    assert settings(pytester, "--claims-report=here").report == pytester.path / "here"


def test_the_backend_is_asked_for_by_option_environment_or_ini_file(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Asked for JAX, the plugin would prepare this very process for it.
    monkeypatch.setattr(plugin, "backend_name", lambda config: "tensorflow")
    pytester.makeini("[pytest]\nclaims_backend = jax")
    assert settings(pytester).backend == "jax"
    assert "--claims-backend=jax" in settings(pytester).command("test_a.py", "digits")
    monkeypatch.setenv("BNCLAIMS_BACKEND", "tensorflow")
    assert settings(pytester).backend == "tensorflow"
    assert not any("backend" in word for word in settings(pytester).command("a.py", "digits"))
    assert settings(pytester, "--claims-backend=jax").backend == "jax"
    with pytest.raises(
        pytest.UsageError, match="--claims-backend openvino: choose one of tensorfl"
    ):
        settings(pytester, "--claims-backend=openvino")


def test_designs(pytester: pytest.Pytester) -> None:
    found = settings(pytester, "--claims-looks=3,9", "--claims-spending=pocock")
    assert found.design == Sequential((3, 9), spending=Pocock())
    assert settings(pytester, "--claims-spending=power:3").design == Sequential(spending=Power(3.0))
    open_ended = settings(pytester, "--claims-design=open", "--claims-alpha=0.05")
    assert open_ended.design == Open(alpha=0.05)


def test_a_command_judges_one_test_as_the_session_did(pytester: pytest.Pytester) -> None:
    options = ["--claims-looks=3,9", "--claims-alpha=0.02", "--claims-spending=pocock"]
    found = settings(pytester, "--claims-data=digits", *options)
    command = found.command("test_it.py::test_a", "images.npz")
    assert command[:2] == ["pytest", "test_it.py::test_a"]
    again = settings(pytester, *command[2:])
    assert again.data == "images.npz"
    assert (again.protocol, again.design) == (found.protocol, found.design)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--claims-design=open", "--claims-spending=pocock"], "an open design spends nothing"),
        (["--claims-looks=2,5"], "--claims-looks 2,5: the first look must have at least 3 seeds"),
        (["--claims-threads=many"], "--claims-threads many: give an integer of 1 or more"),
    ],
)
def test_what_is_not_understood_is_told(
    pytester: pytest.Pytester, options: list[str], words: str
) -> None:
    with pytest.raises(pytest.UsageError, match=words):
        settings(pytester, *options)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("claims_looks = [5, 10]", "claims_looks = [5, 10]: write it as text, between quotes"),
        ("claims_store = ['store']", "claims_store = ['store']: write it as text"),
    ],
)
def test_a_setting_of_another_type_is_refused(
    pytester: pytest.Pytester, setting: str, words: str
) -> None:
    """It was an internal error."""
    pytester.makepyprojecttoml(f"[tool.pytest.ini_options]\n{setting}\n")
    with pytest.raises(pytest.UsageError, match=re.escape(words)):
        settings(pytester)


def test_folders_stay_where_they_were_when_a_test_goes_elsewhere(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs followed a test that changed the working directory, and were trained again each time."""
    found = settings(pytester, "--claims-store=runs", "--claims-report=found")
    monkeypatch.chdir("/")
    assert (found.store, found.report) == (pytester.path / "runs", pytester.path / "found")


def test_each_option_has_an_ini_twin(pytester: pytest.Pytester) -> None:
    config = pytester.parseconfig()
    for name, _, _ in OPTIONS:
        assert config.getini(ini_name(name)) == ""


@hypothesis_settings(max_examples=200)
@given(st.dictionaries(st.sampled_from([name for name, *_ in OPTIONS] + ["report"]), VALUES))
def test_whatever_is_given_is_understood_or_refused_in_a_line(given_values: dict[str, str]) -> None:
    try:
        settings_of(**{ini_name(name): value for name, value in given_values.items()})
    except pytest.UsageError as error:
        (message,) = error.args
        assert message.startswith("--claims-")
        assert len(message) < 500


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("looks", "5,1000000", "give at most 100 looks, the last at 10,000 seeds or before"),
        ("looks", "99999999999999999999", "give at most 100 looks"),
        ("run_timeout", "0", "--claims-run-timeout 0: give seconds, as in 600"),
        ("run_timeout", "soon", "give seconds"),
        ("store", "a" * 5_000, "File name too long"),
        ("boundary", "a" * 5_000, "choose one of exponential, normal"),
    ],
)
def test_what_has_no_sense_is_refused(option: str, value: str, words: str) -> None:
    """A million seeds were planned, and a path of 5,000 characters was an internal error."""
    with pytest.raises(pytest.UsageError, match=words) as caught:
        settings_of(**{f"claims_{option}": value})
    assert len(str(caught.value)) < 500


def test_without_a_home_folder_the_option_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs went to a folder called `~`."""
    assert settings_of().homeless == ""
    monkeypatch.setattr("bnclaims.session.options.cache_folder", lambda: Path("~/.cache"))
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda _: (_ for _ in ()).throw(KeyError()))
    assert "give --claims-store=DIR" in settings_of().homeless
    assert settings_of(claims_store="/runs").homeless == ""


def test_a_run_timeout_is_in_seconds() -> None:
    assert settings_of().run_timeout is None
    assert settings_of(claims_run_timeout="1.5").run_timeout == 1.5


def test_a_scheduler_has_threads_of_its_own() -> None:
    there = settings_of(claims_scheduler="tcp://there:8786", claims_resources="GPU=1, MEMORY=2e9")
    assert (there.scheduler, there.threads) == ("tcp://there:8786", 1)
    assert there.resources == {"GPU": 1, "MEMORY": 2e9}
    assert (settings_of().scheduler, settings_of().resources) == ("", {})


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"threads": "2", "scheduler": "local"}, "threads 2: the workers of --claims-scheduler"),
        ({"resources": "GPU=1"}, "resources GPU=1: these are Dask's; give --claims-scheduler, too"),
        *(
            ({"resources": wrong, "scheduler": "local"}, "give names and amounts, as in GPU=1")
            for wrong in ("GPU", "GPU=", "=1", "GPU=-1", "GPU=0", "GPU=inf", "GPU=nan", "GPU=1,,")
        ),
    ],
)
def test_what_a_cluster_cannot_be_asked_is_refused(given: dict[str, str], why: str) -> None:
    with pytest.raises(pytest.UsageError, match=re.escape(why)):
        settings_of(**{f"claims_{name}": value for name, value in given.items()})


@pytest.mark.parametrize("option", ["--claims-store", "--claims-report"])
def test_a_path_that_pytest_takes_for_one_of_tests_is_said(
    pytester: pytest.Pytester, tmp_path: Path, option: str
) -> None:
    """It dropped `pytest.ini` without a word."""
    pytester.makeini("[pytest]\naddopts = --strict-markers")
    pytester.makepyfile("def test_it(): pass")
    (there := tmp_path / "there").mkdir()
    result = pytester.runpytest("-n0", option, str(there))
    root = next(path for path in pytester.path.parents if there.is_relative_to(path))
    result.stdout.fnmatch_lines(
        f"*PytestConfigWarning: pytest took {there} for a path of tests, as it follows {option} "
        f"after a space: its root is {root}, and no ini file is read. Write {option}={there}"
    )


@pytest.mark.parametrize("written", ["--claims-store={}", "--rootdir=.|--claims-store|{}"])
def test_a_path_that_moves_no_root_is_not_said(
    pytester: pytest.Pytester, tmp_path: Path, written: str
) -> None:
    pytester.makeini("[pytest]")
    pytester.makepyfile("def test_it(): pass")
    (there := tmp_path / "there").mkdir()
    result = pytester.runpytest_subprocess("-n0", "-Werror", *written.format(there).split("|"))
    result.assert_outcomes(passed=1)


def test_a_path_within_the_project_moves_no_root(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]")
    pytester.makepyfile("def test_it(): pass")
    pytester.mkdir("store")
    result = pytester.runpytest_subprocess("-n0", "-Werror", "--claims-store", "store")
    result.assert_outcomes(passed=1)
