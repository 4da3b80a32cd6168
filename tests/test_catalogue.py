"""The claims that come with the project: each has a name of its own, and its body can be traced."""

import ast
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bnclaims.backends.keras.backend import KerasBackend
from bnclaims.language.claim import Claim, claim_of
from bnclaims.running.local_store import LocalStore
from bnclaims.session.options import Settings
from bnclaims.session.suite import Suite
from bnclaims.statistics.design import Sequential
from claims.bn_article import BN_ARTICLE
from claims.glorot_article import GLOROT_ARTICLE
from claims.protocols import PROTOCOLS

FOLDER = Path(__file__).parents[1] / "claims"


def modules(package: str) -> list[ModuleType]:
    folder = FOLDER.parent.joinpath(*package.split("."))
    return [import_module(f"{package}.{path.stem}") for path in sorted(folder.glob("test_*.py"))]


def declared(module: ModuleType) -> list[tuple[Claim, Any]]:
    return [(found, value) for value in vars(module).values() if (found := claim_of(value))]


ARTICLES = [pair for module in modules("claims") for pair in declared(module)]
LITERATURE = [pair for module in modules("claims.literature") for pair in declared(module)]
CLAIMS = ARTICLES + LITERATURE


def test_names_are_unique() -> None:
    names = [found.id for found, _ in CLAIMS]
    assert len(names) == len(set(names))


def test_a_finding_against_a_claim_has_its_reason() -> None:
    for found, _ in CLAIMS:
        assert found.expected == "supported" or len(found.because) > 20, found.id


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda path: path.stem)
def test_a_claim_holds_whatever_the_framework(path: Path) -> None:
    names = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in imported(node)
    }
    assert not names & {"tensorflow", "jax", "torch"}


def imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []


@pytest.mark.parametrize(("found", "body"), CLAIMS, ids=[found.id for found, _ in CLAIMS])
def test_a_claim_can_be_planned_and_can_fail(found: Claim, body: Any, tmp_path: Path) -> None:
    settings = Settings(
        data="digits",
        protocol=PROTOCOLS["quick"],
        store=tmp_path,
        design=Sequential(),
        threads=1,
        chosen=True,
    )
    suite = Suite(settings, None, KerasBackend(1), LocalStore(tmp_path))
    suite.trace(found.id, body, {})
    trace = suite.traces[found.id]
    assert trace.runs
    assert trace.edges
    assert not trace.certain


documented = pytest.mark.skipif(
    not (FOLDER.parent / "docs").is_dir(), reason="only a checkout has documentation"
)


@documented
def test_the_results_show_a_badge_of_every_claim() -> None:
    docs = FOLDER.parent / "docs"
    results = (docs / "results.md").read_text(encoding="utf-8")
    stored = {found.id for found, body in ARTICLES if not is_timed(body)}
    for name in stored:
        assert f"(badges/{name}.svg)" in results, "run benchmarks/publish.py"
        assert (docs / "badges" / f"{name}.svg").exists()


@documented
def test_the_literature_has_a_page_with_every_claim() -> None:
    page = (FOLDER.parent / "docs/literature.md").read_text(encoding="utf-8")
    for found, _ in LITERATURE:
        assert f"| {found.id} |" in page, "run benchmarks/publish_literature.py"


@documented
@pytest.mark.parametrize("page", ["README.md", "CITATION.cff", "docs/results.md"])
@pytest.mark.parametrize(
    ("label", "title"),
    [
        (BN_ARTICLE, "Toplu standardizasyonun üç alanını anlama"),
        (GLOROT_ARTICLE, "30天深度學習-從零到英雄"),
    ],
)
def test_the_articles_are_named(label: str, title: str, page: str) -> None:
    assert title in label
    assert title in (FOLDER.parent / page).read_text(encoding="utf-8")


def is_timed(body: Any) -> bool:
    return any(mark.name == "timed" for mark in getattr(body, "pytestmark", []))
