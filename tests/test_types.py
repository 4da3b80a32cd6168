"""What a type checker knows of a stranger's claims, and what it catches."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import bnclaims

ROOT = Path(bnclaims.__file__).parents[1]
STRANGERS = Path(__file__).parent / "strangers"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[int, str]]:
    """What `mypy --strict` finds in both files, by file and line."""
    folder = tmp_path_factory.mktemp("strangers")
    for name in ("good", "wrong"):
        (folder / f"test_{name}.py").write_text((STRANGERS / f"{name}.py").read_text())
    # As an installed package is read: its types count, errors in it are not a stranger's.
    options = ["--strict", "--follow-imports=silent", "--no-error-summary"]
    cache = ["--cache-dir", str(ROOT / ".mypy_cache" / "strangers")]  # the first time takes 20 s
    run = subprocess.run(
        [sys.executable, "-m", "mypy", *options, *cache, "test_good.py", "test_wrong.py"],
        cwd=folder,
        env=os.environ | {"MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stderr == ""
    errors: dict[str, dict[int, str]] = {"test_good.py": {}, "test_wrong.py": {}}
    for file, line, message in re.findall(
        r"^([^:]+):(\d+): error: (.*)$", run.stdout, re.MULTILINE
    ):
        errors[file].setdefault(int(line), message)
    return errors


def notes(file: Path) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(file.read_text().splitlines(), start=1):
        if note := re.search(r"# error: (.*)", line):
            yield number, note[1]


def test_a_strangers_claims_are_typed(found: dict[str, dict[int, str]]) -> None:
    assert found["test_good.py"] == {}


def test_a_strangers_mistakes_are_caught(found: dict[str, dict[int, str]]) -> None:
    expected = dict(notes(STRANGERS / "wrong.py"))
    assert found["test_wrong.py"].keys() == expected.keys()
    for line, words in expected.items():
        assert words in found["test_wrong.py"][line], line


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "bnclaims" / "py.typed").exists()
