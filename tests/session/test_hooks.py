"""Backends, stores and protocols of others: each found by its hook, by a session that is real."""

import json
from pathlib import Path

import pytest

from bnclaims.session import hooks
from tests import fake_project, sessions
from tests.fake_project import BACKEND

ROOT = Path(__file__).parents[2]

STORE = """
import contextlib

class FakeStore:
    def __init__(self):
        self.runs = {}

    def __str__(self):
        return "this process, and nowhere else"

    def load(self, arm, seed):
        return self.runs.get((arm.digest, seed))

    def save(self, arm, seed, history):
        self.runs[arm.digest, seed] = history

    def lock(self, arm, name):
        return contextlib.nullcontext(True)

    def holder(self, arm, name):
        return ""

def pytest_claims_store():
    return FakeStore()
"""

PROTOCOL = """
from bnclaims import TrainingProtocol

def pytest_claims_protocols():
    return [TrainingProtocol("tiny", images=100, epochs=2), TrainingProtocol("small", images=200)]
"""


PLUGIN = "pytest_plugins = ['bnclaims.plugin']\n"
"""The conftest.py of a project without a backend of its own."""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A stranger's project, in which neither TensorFlow nor Keras can be imported."""
    fake_project.prepare(pytester, monkeypatch)
    stubs = pytester.mkdir("stubs")
    for name in ("tensorflow", "keras"):
        (stubs / f"{name}.py").write_text("raise ImportError('this backend needs no Keras')\n")
    monkeypatch.setenv("PYTHONPATH", f"{stubs}:{ROOT}")
    pytester.makepyfile(test_claims=fake_project.claims(""))
    return pytester


HOOKS = [name for name in vars(hooks) if name.startswith("pytest_claims_")]


@pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="only a checkout has documentation")
@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_says_what_it_returns_and_is_in_the_documentation(name: str) -> None:
    assert (getattr(hooks, name).__doc__ or "").startswith("Returns ")
    pages = (page.read_text("utf-8") for page in (ROOT / "docs").glob("*.md"))
    assert any(f"`{name}`" in page for page in pages)


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_a_backend_is_found_by_its_hook(project: pytest.Pytester, workers: str) -> None:
    result = project.runpytest_subprocess(workers, "--claims-store=store", "--claims-plan")
    result.stdout.fnmatch_lines(["2 arms, 10 runs for the first look:"])
    result = project.runpytest_subprocess(workers, "--claims-store=store")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["bnclaims: default protocol (all images, 1 epoch)"])
    results = json.loads((project.path / "claims-report" / "results.json").read_text())
    assert results["versions"]["fake"] == "1"
    runs = list((project.path / "store").glob("runs/*/*.run"))
    assert len(runs) == 10
    about = json.loads(runs[0].read_bytes().split(b"\n")[1])
    assert about["description"]["versions"] == {"fake": "1"}


def test_another_version_of_a_backend_trains_anew(project: pytest.Pytester) -> None:
    for version in ("1", "1", "2"):
        project.makeconftest(BACKEND.replace('{"fake": "1"}', f'{{"fake": "{version}"}}'))
        sessions.run(project, "--claims-store=store").assert_outcomes(passed=1)
    digests = list((project.path / "store" / "runs").iterdir())
    assert len(digests) == 2 * 2


def test_a_store_is_found_by_its_hook(project: pytest.Pytester) -> None:
    project.makeconftest(BACKEND + STORE)
    result = sessions.run(project, "--claims-store=store")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["bnclaims: runs in this process, and nowhere else"])
    assert not (project.path / "store").exists()


def test_protocols_are_found_by_their_hook(project: pytest.Pytester) -> None:
    project.makeconftest(BACKEND + PROTOCOL)
    result = sessions.run(project, "--claims-store=store")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["bnclaims: tiny protocol (100 images, 2 epochs)"])
    result = sessions.run(project, "--claims-store=store", "--claims-protocol=small")
    result.stdout.fnmatch_lines(["bnclaims: small protocol (200 images, 1 epoch)"])


@pytest.mark.parametrize(
    ("protocols", "words"),
    [
        (
            "[1]",
            "pytest_claims_protocols returned [[]1]: give a list of bnclaims.*",
        ),
        ("3", "pytest_claims_protocols returned 3: give a list of bnclaims.TrainingProtocol(...)"),
        (
            "TrainingProtocol('a')",
            "pytest_claims_protocols returned TrainingProtocol(*: give a list of *",
        ),
        ("[TrainingProtocol('a'), TrainingProtocol('a')]", "two protocols are called 'a': rename*"),
    ],
)
def test_what_is_no_protocol_is_refused(
    project: pytest.Pytester, protocols: str, words: str
) -> None:
    hook = f"def pytest_claims_protocols():\n    return {protocols}\n"
    project.makeconftest(f"{PLUGIN}from bnclaims import TrainingProtocol\n{hook}")
    result = sessions.run(project)
    result.stderr.fnmatch_lines([f"ERROR: {words}"])


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        ("3", "pytest_claims_figures returned 3: give a list of bnclaims.Figure(...)"),
        ("['a']", "pytest_claims_figures returned [[]'a']: give a list of bnclaims.Figure(...)"),
        ("1 / 0", "ZeroDivisionError('division by zero')"),
        ("pytest.skip('no figures')", "no figures"),
        ("exit(0)", "SystemExit(0)"),
    ],
)
def test_what_are_no_figures_loses_no_report(
    project: pytest.Pytester, returned: str, words: str
) -> None:
    """`exit` ended the session with success, and without a report."""
    hook = f"import pytest\ndef pytest_claims_figures(train):\n    return {returned}\n"
    project.makeconftest(BACKEND + hook)
    result = sessions.run(project, "--claims-store=store")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines([f"no figures in the report: {words}", "report: *"])


@pytest.mark.parametrize(
    ("hook", "words"),
    [
        ("pytest_claims_backend", "pytest_claims_backend returned 3: give an object with name, *"),
        ("pytest_claims_store", "pytest_claims_store returned 3: give an object with load, *"),
    ],
)
def test_what_is_no_backend_or_store_is_refused(
    project: pytest.Pytester, hook: str, words: str
) -> None:
    project.makeconftest(f"{PLUGIN}def {hook}():\n    return 3\n")
    result = sessions.run(project)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {words}"])


LEAVES_ONE_OUT = BACKEND.replace("for seed in seeds:", "for seed in list(seeds)[:-1]:")
CANNOT_PREPARE = BACKEND.replace("    def prepare(self):\n        pass", """\
    def prepare(self):
        raise OSError("no device")""")  # fmt: skip


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
@pytest.mark.parametrize(
    ("backend", "words"),
    [
        (LEAVES_ONE_OUT, "*: the backend 'fake' yielded no run with seed *: yield one for each *"),
        (CANNOT_PREPARE, "the backend 'fake' cannot prepare: OSError: no device"),
    ],
)
def test_a_backend_that_breaks_its_promise_fails_its_claims(
    project: pytest.Pytester, backend: str, words: str, workers: str
) -> None:
    """The first hung the session, the second was an internal error."""
    project.makeconftest(backend)
    result = project.runpytest_subprocess(workers, "--claims-store=store", timeout=180)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([words])
    errors = json.loads((project.path / "claims-report" / "results.json").read_text())["errors"]
    assert [error["id"] for error in errors] == ["claim-1"]


def test_another_backend_of_keras_is_refused_aloud(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    project.makeconftest(PLUGIN)
    result = sessions.run(project, "--claims-store=store")
    assert result.ret != 0
    words = (
        "*KERAS_BACKEND=jax: claims are trained by Keras on TensorFlow; give --claims-backend=jax*"
    )
    result.stdout.fnmatch_lines([words])
