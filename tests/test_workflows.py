"""What the workflows name exists: make's targets, options, commands, protocols.

And they are safe: actions are pinned by commit, rights are the least, every job has a time limit.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from bnclaims.cli import main
from claims.protocols import PROTOCOLS

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".github" / "workflows"
if not FOLDER.is_dir():
    pytest.skip("only a checkout has workflows", allow_module_level=True)

EXAMPLES = re.findall(r"(?ms)^```yaml\n(.*?)^```", (ROOT / "docs" / "ci.md").read_text("utf-8"))
WORKFLOWS = [path.read_text("utf-8") for path in sorted(FOLDER.glob("*.yml"))]
ACTION = (ROOT / "action.yml").read_text("utf-8")
TEXTS = [*WORKFLOWS, *EXAMPLES]


def parsed(text: str) -> dict[Any, Any]:
    workflow: dict[Any, Any] = yaml.safe_load(text)
    return workflow


def jobs(text: str) -> list[dict[str, Any]]:
    """The jobs that have steps; others call a workflow of this repository."""
    return [job for job in parsed(text)["jobs"].values() if "steps" in job]


def commands(text: str) -> str:
    steps = (step for job in jobs(text) for step in job["steps"])
    return "\n".join(step["run"] for step in steps if "run" in step)


def test_there_are_workflows_and_an_example_for_users() -> None:
    names = [path.name for path in sorted(FOLDER.glob("*.yml"))]
    assert names == ["ci.yml", "claims.yml", "newest.yml", "release.yml"]
    assert len(EXAMPLES) == 2


@pytest.mark.parametrize("text", [*WORKFLOWS, ACTION])
def test_actions_are_pinned_by_commit_and_say_their_version(text: str) -> None:
    uses = re.findall(r"(?m)\buses: (.+)$", text)
    assert uses
    for action in uses:
        local = action == "./" or (ROOT / action).is_file()
        assert local or re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+", action), action


def test_an_action_is_pinned_to_one_commit_everywhere() -> None:
    found = re.findall(r"uses: (\w[\w-]*/[\w-]+)(?:/\w+)?@(\w+)", "\n".join([*WORKFLOWS, ACTION]))
    assert len(dict(found)) == len(set(found))


@pytest.mark.parametrize("text", TEXTS)
def test_jobs_may_read_only_unless_they_say_so_and_have_a_time_limit(text: str) -> None:
    assert parsed(text)["permissions"] == {"contents": "read"}
    assert all("timeout-minutes" in job for job in jobs(text))


def test_a_release_publishes_what_was_tested() -> None:
    release = parsed((FOLDER / "release.yml").read_text("utf-8"))["jobs"]
    assert release["ci"]["uses"] == "./.github/workflows/ci.yml"
    assert release["publish"]["needs"] == "ci"
    assert release["publish"]["permissions"] == {"id-token": "write"}
    tested = parsed((FOLDER / "ci.yml").read_text("utf-8"))
    assert "workflow_call" in tested[True]
    made, taken = tested["jobs"]["wheel"]["steps"][-1], release["publish"]["steps"][0]
    assert made["with"]["name"] == taken["with"]["name"]


@pytest.mark.parametrize("text", TEXTS)
def test_make_has_the_targets(text: str) -> None:
    targets = re.findall(r"(?m)^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"))
    assert set(re.findall(r"\bmake ([\w-]+)", commands(text))) <= set(targets)


@pytest.mark.parametrize("text", TEXTS)
def test_the_plugin_has_the_options(text: str, pytestconfig: pytest.Config) -> None:
    for option in re.findall(r"--(claims-\w+)", commands(text)):
        assert hasattr(pytestconfig.option, option.replace("-", "_"))


@pytest.mark.parametrize("text", TEXTS)
def test_the_command_line_has_the_commands(text: str) -> None:
    for command in re.findall(r"-m bnclaims (\w+)", commands(text)):
        with pytest.raises(SystemExit, match=r"^0$"):
            main([command, "--help"])


@pytest.mark.parametrize("text", TEXTS)
def test_the_action_has_the_inputs(text: str) -> None:
    inputs = parsed(ACTION)["inputs"]
    ours = r"\./|OWNER/bnclaims@v\d+"
    steps = (step for job in jobs(text) for step in job["steps"])
    given = [step["with"] for step in steps if re.fullmatch(ours, step.get("uses", ""))]
    assert all(set(each) <= set(inputs) for each in given)


def test_the_newest_releases_are_trained_on_and_a_flip_opens_an_issue() -> None:
    text = (FOLDER / "newest.yml").read_text("utf-8")
    (job,) = jobs(text)
    assert job["permissions"]["issues"] == "write"
    ours = job["steps"][-1]
    assert ours["uses"] == "./"
    assert "--upgrade" in ours["with"]["install"]
    assert "constraint" not in text
    assert "schedule" in parsed(text)[True]


def test_any_protocol_can_be_asked_for() -> None:
    # YAML 1.1 reads the key `on` as true.
    started = parsed((FOLDER / "claims.yml").read_text("utf-8"))[True]
    assert set(started["workflow_dispatch"]["inputs"]["protocol"]["options"]) == set(PROTOCOLS)
