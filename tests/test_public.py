"""The public names: complete, documented, and all that the project's own claims use."""

import ast
from pathlib import Path

import pytest

import bnclaims

CLAIMS = Path(bnclaims.__file__).parents[1] / "claims"


@pytest.mark.parametrize("name", bnclaims.__all__)
def test_a_public_name_is_there_and_documented(name: str) -> None:
    assert name == "__version__" or getattr(bnclaims, name).__doc__


def test_each_public_name_is_listed_once() -> None:
    assert len(set(bnclaims.__all__)) == len(bnclaims.__all__)
    assert bnclaims.__version__[0].isdigit()


@pytest.mark.parametrize("path", sorted(CLAIMS.glob("*.py")), ids=lambda path: path.stem)
def test_a_claim_uses_public_names_only(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert not [name for name in node.names if name.name.startswith("bnclaims.")]
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bnclaims"):
            assert node.module == "bnclaims"
            assert {name.name for name in node.names} <= set(bnclaims.__all__)
