"""The tests have the structure of the package."""

from pathlib import Path

import pytest

import bnclaims

PACKAGE, TESTS = Path(bnclaims.__file__).parent, Path(__file__).parent
MODULES = sorted(
    path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py") if path.name != "__init__.py"
)


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
