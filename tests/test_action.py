"""The action for GitHub: its description is whole, and its scripts do what its steps say."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
if not (ROOT / "action.yml").is_file():
    pytest.skip("only a checkout has the action", allow_module_level=True)

TEXT = (ROOT / "action.yml").read_text("utf-8")
ACTION: dict[str, Any] = yaml.safe_load(TEXT)
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]
SCRIPTS = sorted((ROOT / "action").glob("*.sh"))


# The description


def test_what_expressions_name_exists() -> None:
    ids = {step["id"] for step in STEPS if "id" in step}
    assert set(re.findall(r"\bsteps\.(\w+)", TEXT)) <= ids
    assert set(re.findall(r"\binputs\.([\w-]+)", TEXT)) == set(ACTION["inputs"])


def test_no_input_is_pasted_into_a_script() -> None:
    for step in STEPS:
        assert "${{" not in step.get("run", "")


def test_each_script_gets_the_variables_that_it_reads() -> None:
    called = set()
    for step in (step for step in STEPS if "run" in step):
        assert step["shell"] == "bash"
        (name,) = re.findall(r"\$GITHUB_ACTION_PATH/action/(\w+\.sh)", step["run"])
        called.add(name)
        script = (ROOT / "action" / name).read_text("utf-8")
        read = set(re.findall(r"\$\{?([A-Z_]+)", script))
        given = set(step["env"]) - {"BNCLAIMS_DATA", "GH_TOKEN"}  # which Python and gh read
        assert read - {"BASH_SOURCE", "GITHUB_OUTPUT", "RUNNER_TEMP"} == given, name
    assert called == {path.name for path in SCRIPTS}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_can_be_run_and_stop_at_the_first_error(path: Path) -> None:
    assert os.access(path, os.X_OK)
    assert path.read_text("utf-8").startswith("#!/usr/bin/env bash\n")
    assert "set -euo pipefail" in path.read_text("utf-8")


# The scripts


def run(script: str, folder: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Runs a script of the action in a folder, with the programs in its `bin` before others."""
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    environ = {"PATH": path, "GITHUB_OUTPUT": str(folder / "output"), "RUNNER_TEMP": str(folder)}
    return subprocess.run(
        [str(ROOT / "action" / script)],
        check=False,
        cwd=folder,
        env=environ | variables,
        capture_output=True,
        text=True,
        timeout=60,
    )


def program(folder: Path, name: str, text: str) -> None:
    """Stands in for a program."""
    (folder / "bin").mkdir(exist_ok=True)
    path = folder / "bin" / name
    path.write_text(f"#!/usr/bin/env bash\n{text}\n")
    path.chmod(0o755)


SAYS_ITS_ARGUMENTS = """printf '%s|' "$@" >> said; echo >> said"""


def said(folder: Path) -> list[list[str]]:
    """The arguments of each call of a program that writes them down."""
    lines = (folder / "said").read_text().splitlines()
    return [line.removesuffix("|").split("|") for line in lines]


def outputs(folder: Path) -> str:
    return (folder / "output").read_text() if (folder / "output").exists() else ""


@pytest.mark.parametrize("there", [True, False], ids=["bnclaims is there", "it is not"])
def test_it_brings_bnclaims_where_the_user_does_not(tmp_path: Path, there: bool) -> None:
    status = 0 if there else 1
    shown = f'if [ "$3" = show ]; then exit {status}; fi; if [ "$3" = list ]; then echo a==1; fi'
    program(tmp_path, "python", f"{SAYS_ITS_ARGUMENTS}\n{shown}")
    assert run("install.sh", tmp_path, INSTALL="-r my.txt keras").returncode == 0
    first, *rest = said(tmp_path)
    assert first == ["-m", "pip", "install", "-r", "my.txt", "keras"]
    installed = [call[-1] for call in rest if "install" in call]
    assert [Path(path).resolve() for path in installed] == ([] if there else [ROOT])
    assert re.fullmatch(r"versions=[0-9a-f]{16}\n", outputs(tmp_path))


def test_without_wishes_its_own_bnclaims_is_installed(tmp_path: Path) -> None:
    program(tmp_path, "python", f'{SAYS_ITS_ARGUMENTS}\n[ "$3" != show ]')
    assert run("install.sh", tmp_path, INSTALL="").returncode == 0
    (call,) = (call for call in said(tmp_path) if "install" in call)
    assert Path(call[-1]).resolve() == ROOT


def test_a_baseline_is_a_path_or_nothing(tmp_path: Path) -> None:
    assert run("baseline.sh", tmp_path, BASELINE="").returncode == 0
    assert outputs(tmp_path) == ""
    (tmp_path / "old").mkdir()
    assert run("baseline.sh", tmp_path, BASELINE="old").stdout == ""
    assert outputs(tmp_path) == "since=old\n"
    assert "no earlier report at gone" in run("baseline.sh", tmp_path, BASELINE="gone").stdout
    assert outputs(tmp_path) == "since=old\nsince=\n"


@pytest.mark.parametrize(
    ("status", "code", "since"), [("200", 0, "since={}\n"), ("404", 0, "since=\n"), ("503", 1, "")]
)
def test_a_baseline_is_fetched(tmp_path: Path, status: str, code: int, since: str) -> None:
    program(tmp_path, "curl", f"{SAYS_ITS_ARGUMENTS}\nprintf {status}")
    done = run("baseline.sh", tmp_path, BASELINE="https://x/results.json")
    assert done.returncode == code
    (call,) = said(tmp_path)
    assert call[-1] == "https://x/results.json"
    assert call[call.index("--output") + 1] == str(tmp_path / "baseline.json")
    assert outputs(tmp_path) == since.format(tmp_path / "baseline.json")
    assert ("answered with status 503" in done.stdout) == (status == "503")


VERIFY = {"CLAIMS": "claims more", "STORE": "s", "REPORT": "r", "ARGUMENTS": "", "MINUTES": "1"}


def test_claims_are_verified_as_asked(tmp_path: Path) -> None:
    program(tmp_path, "python", f"{SAYS_ITS_ARGUMENTS}\nexit 1")
    assert run("verify.sh", tmp_path, **VERIFY, PROTOCOL="").returncode == 1
    asked = {**VERIFY, "PROTOCOL": "article", "ARGUMENTS": "-m 'not slow' -x"}
    run("verify.sh", tmp_path, **asked)
    run("verify.sh", tmp_path, **VERIFY, PROTOCOL="", REFERENCE="a reference.json")
    plain, article, compared = said(tmp_path)
    common = ["-m", "pytest", "claims", "more", "-n", "auto", "--claims-store=s"]
    assert plain == [*common, "--claims-report=r"]
    assert article[:9] == [*common, "--claims-report=r", "--claims-protocol=article"]
    assert compared == [*plain, "--claims-reference=a reference.json"]
    assert article[9:] == ["-m", "'not", "slow'", "-x"]


def test_pytest_is_interrupted_in_time(tmp_path: Path) -> None:
    program(
        tmp_path, "python", "trap 'echo interrupted; exit 2' INT; sleep 30 >/dev/null 2>&1 & wait"
    )
    asked = {**VERIFY, "PROTOCOL": "", "MINUTES": "0.01"}
    done = run("verify.sh", tmp_path, **asked)
    assert done.stdout == "interrupted\n"
    assert done.returncode == 124


def test_github_is_told_with_and_without_an_earlier_report(tmp_path: Path) -> None:
    program(tmp_path, "python", SAYS_ITS_ARGUMENTS)
    run("tell.sh", tmp_path, REPORT="r", SINCE="", NAME="Claims, quick")
    run("tell.sh", tmp_path, REPORT="r", SINCE="my old.json", NAME="Claims")
    assert said(tmp_path) == [
        ["-m", "bnclaims", "github", "r", "--name", "Claims, quick"],
        ["-m", "bnclaims", "github", "r", "--name", "Claims", "--since", "my old.json"],
    ]
