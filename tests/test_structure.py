"""The code has the structure that docs/architecture.md describes, and tests have the package's."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import bnclaims

PACKAGE, TESTS = Path(bnclaims.__file__).parent, Path(__file__).parent
MODULES = sorted(
    path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py") if path.name != "__init__.py"
)

ROOT = TESTS.parent
PROJECT = ("bnclaims", "claims", "tests", "benchmarks", "examples")
FOLDERS = [PACKAGE, *(ROOT / name for name in PROJECT[1:])]
FILES = [path for folder in FOLDERS for path in sorted(folder.rglob("*.py"))]

LONGEST = 50
"""Lines of a function, without its docstring."""


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.as_posix())
def test_a_module_has_tests_of_its_name(module: Path) -> None:
    tests = TESTS / module.parent / f"test_{module.stem.strip('_')}.py"
    assert tests.is_file()
    assert "def test_" in tests.read_text("utf-8")


@pytest.mark.parametrize(
    "package", sorted({module.parent for module in MODULES}), ids=lambda package: package.as_posix()
)
def test_a_package_s_own_file_is_empty(package: Path) -> None:
    init = PACKAGE / package / "__init__.py"
    assert (init.read_text("utf-8") == "") == (package != Path())


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def imported(path: Path) -> Iterator[tuple[str, str]]:
    """Which names a file imports from which modules of this project."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in PROJECT:
            yield from ((node.module or "", alias.name) for alias in node.names)


def private_names(path: Path) -> Iterator[str]:
    """The private names of other modules that a file imports, or reaches for in a module."""
    known = set()
    for module, name in imported(path):
        known.add(name)
        if name.startswith("_") and name != "__version__":
            yield f"{module}.{name}"
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner, name = node.value.id, node.attr
            if owner in known and name.startswith("_") and not name.startswith("__"):
                yield f"{owner}.{name}"


def test_no_test_imports_another() -> None:
    found = [
        (path.name, module, name)
        for path in FILES
        for module, name in imported(path)
        if re.search(r"^tests\b.*\.test_", f"{module}.{name}")
    ]
    assert found == []


def test_only_tests_look_at_what_is_private_to_a_module() -> None:
    files = [path for path in FILES if TESTS not in path.parents]
    found = {path.name: names for path in files if (names := list(private_names(path)))}
    assert found == {}


def test_each_module_says_what_it_is_for() -> None:
    codes = {path.name: parsed(path) for path in FILES}
    assert [name for name, code in codes.items() if code.body and not ast.get_docstring(code)] == []


def lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How many lines a function has without its docstring."""
    count = (function.end_lineno or 0) - function.lineno + 1
    if ast.get_docstring(function) is None:
        return count
    docstring = function.body[0]
    return count - ((docstring.end_lineno or 0) - docstring.lineno + 1)


def test_functions_are_short() -> None:
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    found = {
        f"{path.name}:{node.name}": lines(node)
        for path in FILES
        for node in ast.walk(parsed(path))
        if isinstance(node, functions)
    }
    assert {name: count for name, count in found.items() if count > LONGEST} == {}
