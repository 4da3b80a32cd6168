"""What a function does with modules beyond taking names from them: it may hand one on as a value.

Of a module that only names are taken from, as in `module.NAME`, these names say all. What another
function, or `vars`, takes of a module that is handed to it, no name in this function says.
"""

import dis
import importlib.util
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from types import CodeType, FunctionType, ModuleType
from typing import Any

_Event = tuple[str, Any]
"""The kind of an instruction, and what it is about."""

_PASSED_OVER = {"COPY", "EXTENDED_ARG", "LOAD_CLOSURE", "POP_TOP", "PUSH_NULL", "SWAP"}
_OF_ATTRIBUTES = {"DELETE_ATTR", "LOAD_ATTR", "LOAD_METHOD", "STORE_ATTR"}
_CALLS = {"CALL", "PRECALL"}
_IMPORTS = {"IMPORT_FROM", "IMPORT_NAME"}
_OF_GLOBALS = {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"}
_OF_LOCALS = {"LOAD_CLASSDEREF", "LOAD_DEREF", "LOAD_FAST", "LOAD_FROM_DICT_OR_DEREF", "LOAD_NAME"}


def handed_on(function: FunctionType, is_own: Callable[[ModuleType], bool]) -> Iterator[Any]:
    """Yields the modules that a function hands on, and what answers for names that one lacks.

    Args:
        function: Looked at with the functions and classes within it. What it imports is imported
            already.
        is_own: Says whether a module is the user's own; others do not count.
    """
    code = function.__code__
    cells = dict(zip(code.co_freevars, function.__closure__ or (), strict=False))
    local = {name: _held(cell) for name, cell in cells.items()}
    yield from _handed_on(code, function.__globals__, local, is_own)


def _held(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # filled later
        return None


def _handed_on(
    code: CodeType,
    known: Mapping[str, Any],
    around: Mapping[str, Any],
    is_own: Callable[[ModuleType], bool],
) -> Iterator[Any]:
    events = list(_events(code))
    package = known.get("__package__")
    local = {name: around[name] for name in code.co_freevars if name in around}
    local |= _imported(events, package)
    for number, (kind, name) in enumerate(events):
        value = local.get(name) if kind in _OF_LOCALS else None
        if value is None and kind in _OF_GLOBALS:
            value = known.get(name)
        if isinstance(value, ModuleType) and is_own(value):
            asked = events[number - 1] == ("LOAD_GLOBAL", "getattr")
            yield from _left(value, events[number + 1 :], is_own, asked=asked)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _handed_on(constant, known, local, is_own)


def _events(code: CodeType) -> Iterator[_Event]:
    cells = {*code.co_cellvars, *code.co_freevars}
    for instruction in dis.get_instructions(code):
        name, about = instruction.opname, instruction.argval
        if name in _PASSED_OVER:
            continue
        if "_FAST" not in name:
            yield name, about
            continue
        # Python 3.13 and later have instructions for two variables.
        kinds = re.findall("LOAD|STORE", name)
        for kind, variable in zip(kinds, about if len(kinds) > 1 else [about], strict=False):
            if variable not in cells:  # else it is made a cell of a function within
                yield f"{kind}_FAST", variable


def _imported(events: list[_Event], package: str | None) -> dict[str, Any]:
    """Returns what a code's own import statements bind, by name."""
    bound: dict[str, Any] = {}
    module = part = None
    names: Any = None
    for number, (kind, about) in enumerate(events):
        if kind == "IMPORT_NAME":
            level, names = events[number - 2][1], events[number - 1][1]
            full = importlib.util.resolve_name("." * level + about, package)
            module = part = sys.modules.get(full if names else full.partition(".")[0])
        elif kind == "IMPORT_FROM":
            part = getattr(module, "__dict__", {}).get(about)
            module = module if names else part  # as of `import a.b as c`
        elif kind.startswith("STORE") and events[number - 1][0] in _IMPORTS:
            bound[about] = part
    return bound


def _left(
    module: ModuleType,
    events: list[_Event],
    is_own: Callable[[ModuleType], bool],
    *,
    asked: bool,
) -> Iterator[Any]:
    """Yields what is left to describe of a module that a function loads.

    Args:
        module: It.
        events: What the function does next.
        is_own: As above.
        asked: Whether it is the first argument of `getattr`.
    """
    while is_own(module):
        kind, name = events.pop(0)
        literal = asked and kind == "LOAD_CONST" and _is_whole(events)
        if not (literal or kind in _OF_ATTRIBUTES) or name == "__dict__":
            yield module
            return
        item = vars(module).get(name)
        if name not in vars(module) and kind != "STORE_ATTR":
            yield from _answering(module)
        if literal or not isinstance(item, ModuleType):
            return
        module = item


def _is_whole(events: list[_Event]) -> bool:
    """Says whether a constant is an argument, rather than part of one, by what is done next.

    It is the second of a call of two, or of three whose last is as simple.
    """
    return any(
        kind in _CALLS and count == arguments
        for arguments, (kind, count) in enumerate(events[:2], start=2)
    )


def _answering(module: ModuleType) -> Iterator[Any]:
    """Yields what a module is asked by for names that it lacks."""
    if "__getattr__" in vars(module):
        yield vars(module)["__getattr__"]
    if type(module) is not ModuleType:
        yield type(module)
