"""Which modules a function hands on, by the way in which it was written."""

import importlib
import os.path
import sys
import textwrap
import types
from pathlib import Path
from typing import Any

import pytest

from bnclaims.experiment.handing import handed_on


def is_own(module: types.ModuleType) -> bool:
    return module.__name__.startswith("own")


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A package `own`, of which `own.a` and `own.a.b` have been imported."""
    for folder in ("own", "own/a", "own/a/b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").write_text("X = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("own.a.b", "own.a", "own"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    importlib.invalidate_caches()
    importlib.import_module("own.a.b")
    return sys.modules["own"]


def found(body: str, **names: Any) -> list[str]:
    """The names of what a function with this body hands on."""
    known = {"__package__": "own", "own": sys.modules["own"], "os": os, **names}
    exec("def function():\n" + textwrap.indent(body, "    "), known)
    return [thing.__name__ for thing in handed_on(known["function"], is_own)]


@pytest.mark.parametrize(
    "body",
    [
        "return own.X, own.a.X, own.a.b.X",
        "own.X += 1",
        "own.X = 1",
        "own.Y = 1",
        "del own.X",
        "return own.X(own.a.X, *own.a.b.X)",
        "return getattr(own, 'X'), getattr(own.a, 'X', None)",
        "return getattr(own.a, 'X', x).y",
        "import own\nreturn own.X",
        "import own.a\nreturn own.a.X",
        "import own.a.b as c\nreturn c.X",
        "from own import a as c\nreturn c.X",
        "from . import a\nreturn a.X",
        "from .a import b, X\nreturn b.X, X",
        "import own\nreturn [own.X for _ in (lambda: own.X)()]",
        "class Inner:\n    x = own.X",
        "import own.a as c\nclass Inner:\n    x = c.X",
        "return os, vars(os), os.path",
        "return (lambda own: own)(1)",
    ],
)
def test_names_of_modules_are_taken_from_them(body: str) -> None:
    assert found(body) == []


@pytest.mark.parametrize(
    ("body", "modules"),
    [
        ("return own", ["own"]),
        ("return vars(own), own.a", ["own", "own.a"]),
        ("return getattr(own, x)", ["own"]),
        ("return getattr(own, 'X' + x)", ["own"]),
        ("return getattr(own, f'X{x}')", ["own"]),
        ("return getattr(own, 'X'.upper(), None)", ["own"]),
        ("return hasattr(own, 'X')", ["own"]),
        ("return own.__dict__", ["own"]),
        ("return own.a.__dict__", ["own.a"]),
        ("return [own.a.b for _ in 'a']", ["own.a.b"]),
        ("c = own", ["own"]),
        ("c = d = own.a", ["own.a"]),
        ("c, d = own, own.a", ["own", "own.a"]),
        ("import own.a as c\nreturn c", ["own.a"]),
        ("import own.a.b as c\nreturn 1, c", ["own.a.b"]),
        ("import own.a\nreturn own", ["own"]),
        ("from own import a\nreturn a, a.X", ["own.a"]),
        ("from .a import b\nreturn lambda: b", ["own.a.b"]),
        ("from .a import b as c\nclass Inner:\n    x = c", ["own.a.b"]),
        ("class Inner:\n    x = own", ["own"]),
        ("import os, own as c\nreturn os, c", ["own"]),
    ],
)
def test_modules_that_are_handed_on_are_found(body: str, modules: list[str]) -> None:
    assert found(body) == modules


def test_what_answers_for_a_name_that_a_module_lacks_is_found(own: types.ModuleType) -> None:
    assert found("return own.Z") == []
    vars(own)["__getattr__"] = len
    assert found("return own.X, own.Z") == ["len"]
    own.__class__ = type("Lazy", (types.ModuleType,), {})
    assert found("return own.Z") == ["len", "Lazy"]


def test_a_module_in_a_closure_is_found(own: types.ModuleType) -> None:
    def make(module: Any) -> tuple[Any, ...]:
        def takes() -> Any:
            return module.X

        def hands() -> Any:
            return [takes, module]

        return takes, hands

    takes, hands = make(own)
    assert list(handed_on(takes, is_own)) == []
    assert list(handed_on(hands, is_own)) == [own]


def test_a_cell_that_is_filled_later_is_passed_over(own: types.ModuleType) -> None:
    def make() -> Any:
        def hands() -> Any:
            return module

        yield hands
        module = own
        yield hands

    made = make()
    assert list(handed_on(next(made), is_own)) == []
    assert list(handed_on(next(made), is_own)) == [own]
