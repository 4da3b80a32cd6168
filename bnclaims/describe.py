"""Descriptions: what a value is, as plain JSON data, so that equal work has an equal digest.

A function is described by its source and by everything it reaches: closure, defaults, and the
functions, classes and constants of the user's own modules. Formatting and comments do not count.
What is installed (Keras, NumPy) is described by name; its version belongs to the arm.
"""

import ast
import dataclasses
import dis
import functools
import hashlib
import inspect
import json
import sysconfig
import textwrap
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

_INSTALLED = tuple(
    Path(sysconfig.get_path(kind)).resolve() for kind in ("purelib", "platlib", "stdlib")
)


class DescriptionError(TypeError):
    """A value cannot be described, so that runs that depend on it could not be told apart."""


def describe(value: Any) -> Any:
    """Returns a value as JSON data that is equal for equal values.

    Args:
        value: Plain data, NumPy arrays, frozen dataclasses, functions, classes, modules and
            containers of these.

    Raises:
        DescriptionError: The value, or one that a function reaches, is of another type.
    """
    return _describe(value, ())


def digest(description: Any) -> str:
    """Returns the SHA-256 of a description, in hexadecimal."""
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()


def _describe(value: Any, within: tuple[Any, ...]) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return {"float": value.hex()}
    if any(value is outer for outer in within):
        return {"recursion": getattr(value, "__qualname__", type(value).__qualname__)}
    inside = (*within, value)
    for kind, describer in _DESCRIBERS:
        if isinstance(value, kind):
            return describer(value, inside)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _dataclass(value, inside)
    if hasattr(value, "get_config"):
        return {
            "object": describe_name(type(value)),
            "config": _describe(value.get_config(), inside),
        }
    raise DescriptionError(
        f"cannot describe {value!r} of type {type(value).__qualname__}: an arm is told apart by "
        "what its model function reaches. Give it plain data, arrays, frozen dataclasses or "
        "functions, or create the object inside the function"
    )


def describe_name(thing: Any) -> str:
    """Returns the importable name of a function, class or module."""
    if isinstance(thing, types.ModuleType):
        return thing.__name__
    return f"{thing.__module__}.{thing.__qualname__}"


def _sequence(value: Any, within: tuple[Any, ...]) -> Any:
    return {type(value).__name__: [_describe(item, within) for item in value]}


def _set(value: Any, within: tuple[Any, ...]) -> Any:
    return {"set": sorted(json.dumps(_describe(item, within), sort_keys=True) for item in value)}


def _mapping(value: Mapping[Any, Any], within: tuple[Any, ...]) -> Any:
    return {
        "mapping": [[_describe(k, within), _describe(v, within)] for k, v in value.items()],
    }


def _array(value: Any, _within: tuple[Any, ...]) -> Any:
    array = np.ascontiguousarray(value)
    if array.dtype.hasobject:
        raise DescriptionError("cannot describe an array of Python objects: use a numeric dtype")
    content = hashlib.sha256(array.tobytes()).hexdigest()
    return {"array": [array.dtype.str, list(array.shape), content]}


def _dataclass(value: Any, within: tuple[Any, ...]) -> Any:
    # What a description does when it builds is part of what it is, unless it is ours: the
    # engine's version stands for that.
    kind = type(value)
    ours = kind.__module__.partition(".")[0] == __package__
    return {
        "dataclass": describe_name(kind) if ours else _class(kind, within),
        "fields": {
            f.name: _describe(getattr(value, f.name), within) for f in dataclasses.fields(value)
        },
    }


def _partial(value: functools.partial[Any], within: tuple[Any, ...]) -> Any:
    return {
        "partial": _describe(value.func, within),
        "args": _describe(value.args, within),
        "keywords": _describe(dict(sorted(value.keywords.items())), within),
    }


def _method(value: types.MethodType, within: tuple[Any, ...]) -> Any:
    return {
        "method": _describe(value.__func__, within),
        "self": _describe(value.__self__, within),
    }


def _function(value: types.FunctionType, within: tuple[Any, ...]) -> Any:
    if _is_installed(value):
        return {"installed": describe_name(value)}
    return {
        "function": value.__qualname__ if value.__name__ == "<lambda>" else value.__name__,
        "source": _source(value),
        "defaults": _describe([value.__defaults__, value.__kwdefaults__], within),
        "reaches": {name: _describe(item, within) for name, item in _reached(value)},
    }


def _class(value: type, within: tuple[Any, ...]) -> Any:
    if _is_installed(value):
        return {"installed": describe_name(value)}
    members = (
        member.fget if isinstance(member, property) else getattr(member, "__func__", member)
        for member in vars(value).values()
    )
    return {
        "class": value.__name__,
        "source": _source(value),
        "bases": [_describe(base, within) for base in value.__bases__],
        "reaches": [
            {name: _describe(item, within) for name, item in _reached(member)}
            for member in members
            if isinstance(member, types.FunctionType)
        ],
    }


def _module(value: types.ModuleType, _within: tuple[Any, ...]) -> Any:
    return {"module": value.__name__}


_DESCRIBERS: tuple[tuple[Any, Callable[[Any, tuple[Any, ...]], Any]], ...] = (
    ((np.ndarray, np.generic), _array),
    ((tuple, list), _sequence),
    ((set, frozenset), _set),
    (Mapping, _mapping),
    (functools.partial, _partial),
    (types.MethodType, _method),
    (types.FunctionType, _function),
    (types.BuiltinFunctionType, lambda value, _: {"installed": describe_name(value)}),
    (type, _class),
    (types.ModuleType, _module),
)


def _is_installed(thing: Any) -> bool:
    try:
        file = inspect.getsourcefile(thing)
    except TypeError:
        return True
    if file is None:
        return False
    path = Path(file).resolve()
    installed = any(path.is_relative_to(folder) for folder in _INSTALLED)
    return installed or path.is_relative_to(Path(__file__).parent)


def _source(thing: Any) -> str:
    try:
        source = textwrap.dedent(inspect.getsource(thing))
    except (OSError, TypeError) as error:
        raise DescriptionError(
            f"cannot read the source of {thing.__qualname__}, which tells its arm apart: "
            "define it in a file"
        ) from error
    code = getattr(thing, "__code__", None)
    try:
        tree = ast.dump(ast.parse(source))
    except SyntaxError:  # a lambda's lines need not parse by themselves
        tree = " ".join(source.split())
    if code is not None and code.co_name == "<lambda>":
        # Two lambdas may share a line: what they compile to tells them apart.
        tree += (
            code.co_code.hex()
            + repr((code.co_names, code.co_varnames))
            + repr([const for const in code.co_consts if not isinstance(const, types.CodeType)])
        )
    return hashlib.sha256(tree.encode()).hexdigest()


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield from _codes(const)


def _reached(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """Yields the closure's values and the globals that the function loads, by name."""
    cells = function.__closure__ or ()
    for name, cell in zip(function.__code__.co_freevars, cells, strict=True):
        try:
            content = cell.cell_contents
        except ValueError:  # a cell that is filled later, as a class's own __class__ while it forms
            continue
        if name != "__class__":
            yield name, content
    loaded = {
        instruction.argval
        for code in _codes(function.__code__)
        for instruction in dis.get_instructions(code)
        if instruction.opname in {"LOAD_GLOBAL", "LOAD_NAME"}
    }
    for name in sorted(loaded & function.__globals__.keys()):
        yield name, function.__globals__[name]
