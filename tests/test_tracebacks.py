"""Where in the user's code an error was raised, whoever raised it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bnclaims import tracebacks
from bnclaims.language.new_claim import write

HERE = tracebacks.shown(Path(__file__))


def met(function: Callable[[], Any]) -> Exception:
    try:
        function()
    except Exception as error:  # noqa: BLE001  (whatever it is)
        return error
    raise AssertionError


def own() -> None:
    raise KeyError("x")


def through_a_library() -> None:
    json.loads("{")


LINES = {function: function.__code__.co_firstlineno + 1 for function in (own, through_a_library)}


@pytest.mark.parametrize("function", LINES)
def test_the_users_last_statement_is_the_place(function: Callable[[], Any]) -> None:
    assert tracebacks.place(met(function)) == f"{HERE}:{LINES[function]}"


def test_elsewhere_the_path_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert tracebacks.place(met(own)) == f"{Path(__file__)}:{LINES[own]}"


def test_what_comes_before_our_own_code_is_not_the_place(tmp_path: Path) -> None:
    assert tracebacks.place(met(lambda: write("", tmp_path))) == ""


def test_code_without_a_file_is_no_place() -> None:
    error = met(lambda: exec("1 / 0"))
    *_, last = tracebacks.walk(error.__traceback__)
    assert tracebacks.place(error.with_traceback(last)) == ""


@pytest.mark.parametrize(
    ("path", "users"),
    [
        (Path(__file__), True),
        (Path("/home/me/model.py"), True),
        (Path(tracebacks.__file__), False),
        (Path(json.__file__), False),
        (Path(pytest.__file__), False),
        (Path("/home/me/.local/lib/python3.11/site-packages/keras/layer.py"), False),
        (Path("/usr/lib/python3/dist-packages/numpy/core.py"), False),
    ],
)
def test_a_file_is_the_users_if_nobody_installed_it(path: Path, users: bool) -> None:
    assert tracebacks.is_users(path) == users
