"""docs/errors.md has an entry for each message, and none for messages that are gone."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import bnclaims
from bnclaims import errors

PACKAGE = Path(bnclaims.__file__).parent
PAGE = PACKAGE.parent / "docs" / "errors.md"
if not PAGE.is_file():
    pytest.skip("only a checkout has documentation", allow_module_level=True)

OURS = {
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.BnclaimsError)
}
REFUSALS = dict.fromkeys(("check_graph", "check_drawn", "check_calls", "add_update"), "ValueError")
"""Functions whose built-in errors become an `ArmError`."""


def written(node: ast.expr) -> str:
    """Returns a message as it stands in the source, an ellipsis for each value."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(map(written, parts))
        case ast.BinOp(left=left, right=right):
            return written(left) + written(right)
        case ast.IfExp(body=one, orelse=other):
            return f"{written(one)} {written(other)}"
    return "…"


def raised(tree: ast.Module) -> Iterator[str]:
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            kinds = OURS | {REFUSALS.get(function.name, "")}
            for call in ast.walk(function):
                match call:
                    case ast.Call(func=ast.Name(id=name), args=[text, *_]) if name in kinds:
                        yield written(text)


MESSAGES = sorted(
    {
        message
        for file in PACKAGE.rglob("*.py")
        for message in raised(ast.parse(file.read_text("utf-8")))
        if re.search(r"\w", message)
    }
)
ENTRIES = re.findall(r"(?m)^\| `(.*?)` \|", PAGE.read_text("utf-8"))


def test_there_are_messages_to_look_at() -> None:
    assert len(MESSAGES) > 80


@pytest.mark.parametrize("message", MESSAGES)
def test_each_message_has_an_entry(message: str) -> None:
    assert [entry for entry in ENTRIES if entry in message], f"add to {PAGE.name}: {message}"


@pytest.mark.parametrize("entry", ENTRIES)
def test_each_entry_is_of_a_message(entry: str) -> None:
    assert [message for message in MESSAGES if entry in message]


def test_no_entry_is_there_twice() -> None:
    assert len(set(ENTRIES)) == len(ENTRIES)
