"""What the workflows name exists: make's targets, options, commands, protocols."""

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
TEXTS = [*(path.read_text("utf-8") for path in sorted(FOLDER.glob("*.yml"))), *EXAMPLES]


def parsed(text: str) -> dict[Any, Any]:
    workflow: dict[Any, Any] = yaml.safe_load(text)
    return workflow


def commands(text: str) -> str:
    steps = (step for job in parsed(text)["jobs"].values() for step in job["steps"])
    return "\n".join(step["run"] for step in steps if "run" in step)


def test_there_are_workflows_and_an_example_for_users() -> None:
    assert [path.name for path in sorted(FOLDER.glob("*.yml"))] == ["ci.yml", "claims.yml"]
    assert len(EXAMPLES) == 1


@pytest.mark.parametrize("text", TEXTS)
def test_make_has_the_targets(text: str) -> None:
    targets = re.findall(r"(?m)^(\w+):", (ROOT / "Makefile").read_text("utf-8"))
    assert set(re.findall(r"\bmake (\w+)", commands(text))) <= set(targets)


@pytest.mark.parametrize("text", TEXTS)
def test_the_plugin_has_the_options(text: str, pytestconfig: pytest.Config) -> None:
    for option in re.findall(r"--(claims-\w+)", commands(text)):
        assert hasattr(pytestconfig.option, option.replace("-", "_"))


@pytest.mark.parametrize("text", TEXTS)
def test_the_command_line_has_the_commands(text: str) -> None:
    for command in re.findall(r"-m bnclaims (\w+)", commands(text)):
        with pytest.raises(SystemExit, match=r"^0$"):
            main([command, "--help"])


def test_any_protocol_can_be_asked_for() -> None:
    # YAML 1.1 reads the key `on` as true.
    started = parsed((FOLDER / "claims.yml").read_text("utf-8"))[True]
    assert set(started["workflow_dispatch"]["inputs"]["protocol"]["options"]) == set(PROTOCOLS)
