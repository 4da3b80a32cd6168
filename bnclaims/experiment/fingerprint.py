"""Descriptions: what a value is, as plain JSON data, so that equal work has an equal digest.

A function is described by the code that it runs and by everything it reaches: closure, defaults,
attributes, and the functions, classes, constants and modules of the user's own. Formatting,
comments and what docstrings say do not count. What is installed (Keras, NumPy) is described by
name; versions of what the engine itself uses belong to the arm, those of other packages are named
here.

Our own classes go by their public name, so that a digest does not depend on where they live. A
`Path` is described by the content of the file; a Keras object by its class and configuration, with
the user's own classes and functions that the configuration names, and by its weights if it has any.

Of a module of the user's own that a function takes names from, these are described; of one that is
handed on as a value, all that it holds.

A function must do the same each time. Not found are modules whose names it makes up while it runs
(an `importlib.import_module(name)` whose name is no literal in its own code) or looks up in
`sys.modules`, what other functions take of a module that it imports by a name, `eval` and `exec`,
environment variables, and files named by strings.
"""

import collections
import contextlib
import dataclasses
import datetime as dt
import decimal
import dis
import enum
import fractions
import functools
import hashlib
import importlib
import importlib.util
import inspect
import itertools
import json
import pkgutil
import re
import sys
import sysconfig
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from bnclaims.errors import DescriptionError
from bnclaims.experiment.handing import handed_on

_FOLDERS = {sysconfig.get_path(kind) for kind in ("purelib", "platlib", "stdlib", "platstdlib")}
# A user's own, a system's beside a virtual environment's, or one that a .pth file names.
_FOLDERS |= {path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")}
_INSTALLED = tuple(Path(folder).resolve() for folder in _FOLDERS)
_OURS = Path(__file__).resolve().parents[1]
STATED_BY_THE_ARM = frozenset({"keras", "numpy", "tensorflow"})
"""Packages whose versions the arm states itself."""

_COMPUTING = frozenset({"jax", "jaxlib", "numpy", "scikit-learn", "scipy", "tensorflow", "torch"})
"""Distributions that compute for those which require them: their versions change numbers, too."""

_OF_TENSORS = ("jax", "jaxlib", "tensorflow", "torch")
"""Packages whose arrays are described by their content."""

_BOOKKEEPING = {
    "__abstractmethods__", "__annotate__", "__annotate_func__", "__annotations__",
    "__annotations_cache__", "__dataclass_fields__", "__dataclass_params__", "__dict__", "__doc__",
    "__firstlineno__", "__match_args__", "__module__", "__orig_bases__", "__parameters__",
    "__qualname__", "__replace__", "__signature__", "__static_attributes__", "__weakref__",
    "_abc_impl",
}  # fmt: skip
"""Members that Python keeps for itself and that change nothing a class does."""

_OF_CLASSES = "__doc__", "__firstlineno__"
"""What the body of a class sets that changes nothing; the latter since Python 3.13."""

_OF_MODULES = _BOOKKEEPING | {
    "__builtins__", "__cached__", "__conditional_annotations__", "__file__", "__loader__",
    "__name__", "__package__", "__path__", "__spec__", "__warningregistry__",
}  # fmt: skip
"""Likewise, of a module."""


def describe(value: Any) -> Any:
    """Returns a value as JSON data that is equal for equal values.

    Args:
        value: Plain data, NumPy arrays, dataclasses, functions, classes, modules, objects of the
            user's own classes, and containers of these.

    Raises:
        DescriptionError: The value, or one that a function reaches, is of another type.
    """
    return _Describer().describe(value)


def digest(description: Any) -> str:
    """Returns the SHA-256 of a description, in hexadecimal."""
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()


def named_versions(description: Any) -> dict[str, str]:
    """Returns the packages whose versions a description names, with these versions."""
    if isinstance(description, list):
        return {name: v for part in description for name, v in named_versions(part).items()}
    if not isinstance(description, dict):
        return {}
    if "installed" in description and "version" in description:
        return {description["installed"].partition(".")[0]: description["version"]}
    return named_versions(list(description.values()))


def without_versions(description: Any) -> Any:
    """Returns a description without the versions that `named_versions` finds in it."""
    if isinstance(description, list):
        return [without_versions(part) for part in description]
    if not isinstance(description, dict):
        return description
    named = "installed" in description
    return {
        name: without_versions(part)
        for name, part in description.items()
        if not (named and name == "version")
    }


class _Describer:
    """One description in the making.

    What has an identity (functions, classes, objects) is described once and then referred to by
    its number, so that references may go in circles.
    """

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        self._kept: list[Any] = []
        """Keeps what is numbered alive: an id is free again when its object is gone."""
        self._within: list[int] = []

    def describe(self, value: Any) -> Any:
        if value is None or type(value) in (bool, int, str):
            return value
        if type(value) in (float, np.float64):
            return {"float": value.hex()}
        if plain := _PLAIN.get(type(value)) or _OF_THE_LIBRARY.get(type(value)):
            return self._plain(plain, value)
        if isinstance(value, np.ndarray | np.generic):
            return _array(value)
        if id(value) in self._numbers:
            return {"again": self._numbers[id(value)]}
        self._numbers[id(value)] = len(self._numbers)
        self._kept.append(value)
        return self._thing(value)

    def _plain(self, describe: Callable[["_Describer", Any], Any], value: Any) -> Any:
        if id(value) in self._within:
            return {"outer": len(self._within) - self._within.index(id(value))}
        self._within.append(id(value))
        try:
            return describe(self, value)
        finally:
            self._within.pop()

    # Plain data, by their exact type: what a subclass adds is described as an object's

    def _sequence(self, value: Any) -> Any:
        return {type(value).__name__: [self.describe(item) for item in value]}

    def _set(self, value: Any) -> Any:
        return {"set": sorted(json.dumps(self.describe(item), sort_keys=True) for item in value)}

    def _mapping(self, value: Mapping[Any, Any]) -> Any:
        return {"mapping": [[self.describe(k), self.describe(v)] for k, v in value.items()]}

    def _bytes(self, value: bytes | bytearray) -> Any:
        return {type(value).__name__: value.hex()}

    def _complex(self, value: complex) -> Any:
        return {"complex": [value.real.hex(), value.imag.hex()]}

    def _written(self, value: Any) -> Any:
        """Describes what its `repr` says all of."""
        return {type(value).__name__: repr(value)}

    def _slice(self, value: slice) -> Any:
        return {"slice": [self.describe(part) for part in (value.start, value.stop, value.step)]}

    def _named_mapping(self, value: Mapping[Any, Any]) -> Any:
        return {type(value).__name__: self._mapping(value)}

    def _default_mapping(self, value: collections.defaultdict[Any, Any]) -> Any:
        return self._named_mapping(value) | {"default": self.describe(value.default_factory)}

    def _deque(self, value: collections.deque[Any]) -> Any:
        return {"deque": [self.describe(item) for item in value], "most": value.maxlen}

    # Things with an identity

    @functools.singledispatchmethod
    def _thing(self, value: Any) -> Any:
        kind = type(value)
        described = {"object": self.describe(kind)}
        if wrapped := getattr(value, "__wrapped__", None):  # functools.lru_cache and its like
            return described | {"wraps": self.describe(wrapped)}
        installed = is_installed(kind.__module__, _file_of(kind))
        if dataclasses.is_dataclass(value):
            fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
            described["fields"] = self.describe(fields | ({} if installed else _state(value)))
            if installed and (own := _looked_up(fields)) is not None:  # a `KerasObject` of ours
                described["names"] = self.describe(own)
        elif _is_keras(kind):
            described |= self._keras(value)
        elif installed and isinstance(value, np.ufunc):
            return {"installed": f"numpy.{value.__name__}"}
        elif installed and hasattr(value, "__array__") and _package(kind) in _OF_TENSORS:
            described |= _tensor(value)
        elif installed:
            raise _refusal(value)
        else:
            if hasattr(value, "get_config"):
                described["config"] = self._config(value.get_config())
            described["state"] = self.describe(_state(value))
        if not installed or _is_keras(kind):  # which has lists and dictionaries of its own
            for plain in (*_PLAIN, int, float, str):
                if isinstance(value, plain):
                    described["content"] = self.describe(plain(value))
        return described

    @_thing.register
    def _(self, value: types.FunctionType) -> Any:
        installed = is_installed(value.__module__, value.__code__.co_filename)
        # What a package's factory returned has a closure of the user's values.
        if installed and (not value.__closure__ or _goes_by_its_name(value)):
            return _installed(value)
        described = {
            "code": self._code(value.__code__),
            "defaults": self.describe([value.__defaults__, value.__kwdefaults__]),
            "closure": [self._cell(cell, value) for cell in value.__closure__ or ()],
            "reaches": {name: self.describe(item) for name, item in _reached(value)},
            "modules": self._modules(value),
            "attributes": self.describe(_attributes(value)),
            "registered": {name: self.describe(item) for name, item in _registered(value)},
        }
        if handed := list(handed_on(value, _is_own_module)):
            described["hands on"] = self.describe(handed)
        return described

    @_thing.register(types.GenericAlias)
    @_thing.register(types.UnionType)
    @_thing.register(type(typing.Optional[int]))  # noqa: UP045  (whose class has no public name)
    @_thing.register(type(typing.Callable[..., int]))
    @_thing.register(type(typing.Literal[1]))
    @_thing.register(type(typing.List[int]))  # noqa: UP006  (likewise)
    def _(self, value: Any) -> Any:
        """Describes a type with arguments, such as stands in an annotation."""
        return {"type": self.describe([typing.get_origin(value), *typing.get_args(value)])}

    @_thing.register(type(typing.Optional))
    @_thing.register(type(typing.Callable))
    @_thing.register(type(typing.List))  # noqa: UP006
    @_thing.register(typing.TypeVar)
    @_thing.register(np.dtype)
    def _(self, value: Any) -> Any:
        return self._written(value)

    @_thing.register
    def _(self, value: types.MethodType) -> Any:
        return {"method": self.describe(value.__func__), "of": self.describe(value.__self__)}

    @_thing.register
    def _(self, value: types.BuiltinFunctionType) -> Any:
        owner = value.__self__
        if owner is None or isinstance(owner, types.ModuleType):
            return _installed(value)
        return {"method": value.__name__, "of": self.describe(owner)}

    @_thing.register
    def _(self, value: functools.partial) -> Any:  # type: ignore[type-arg]
        return {
            "partial": self.describe(value.func),
            "arguments": self.describe([list(value.args), value.keywords]),
        }

    @_thing.register
    def _(self, value: enum.Enum) -> Any:
        return {"enum": self.describe(type(value)), "name": value.name}

    @_thing.register
    def _(self, value: type) -> Any:
        if is_installed(value.__module__, _file_of(value)):
            return _installed(value)
        members = {
            name: self._member(member)
            for name, member in sorted(vars(value).items())
            if name not in _BOOKKEEPING and not _is_generated(member, value)
        }
        return {
            "class": value.__qualname__,
            "kind": self.describe(type(value)),
            "bases": [self._base(base) for base in value.__bases__],
            "members": members,
        }

    @_thing.register
    def _(self, value: types.ModuleType) -> Any:
        if not _is_own_module(value):
            return _named(value.__name__)
        if any(pkgutil.iter_modules(getattr(value, "__path__", ()))):
            raise DescriptionError(
                f"cannot describe the package {value.__name__!r}, which is handed on as a value: "
                "which of its modules it holds depends on what was imported before. Hand on the "
                "one that is needed, or what is needed of it"
            )
        described = {
            name: self._held(value, name)
            for name in sorted(vars(value))
            # Pytest's own names in a file of tests begin with an @.
            if name not in _OF_MODULES and not name.startswith("@")
        }
        return {"module": described, "kind": self.describe(type(value))}

    @_thing.register
    def _(self, value: PurePath) -> Any:
        return {"path": _files(Path(value))}

    # Parts of things

    def _code(self, code: types.CodeType) -> Any:
        unread = _unread(code)
        constants = [
            self._code(c) if isinstance(c, types.CodeType) else self.describe(c)
            for c in (None if n in unread else c for n, c in enumerate(code.co_consts))
        ]
        return {
            "bytes": code.co_code.hex(),
            "exceptions": getattr(code, "co_exceptiontable", b"").hex(),
            "constants": constants,
            "names": list(code.co_names),
            "variables": [*code.co_varnames, *code.co_freevars, *code.co_cellvars],
            "arguments": [code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount],
            "flags": code.co_flags,
        }

    def _cell(self, cell: types.CellType, function: types.FunctionType) -> Any:
        try:
            content = cell.cell_contents
        except ValueError:  # filled later, as by a class that is still being made
            return "empty"
        if isinstance(content, types.ModuleType) and _is_own_module(content):
            return {"module": self._taken(content, _names(function), set())}
        return {"cell": self.describe(content)}

    def _held(self, module: types.ModuleType, name: str) -> Any:
        try:
            return self.describe(vars(module)[name])
        except DescriptionError as error:
            raise DescriptionError(
                f"cannot describe the module {module.__name__!r}, which is handed on as a value, "
                f"for its {name}: hand on what is needed of the module instead ({error})"
            ) from error

    def _modules(self, function: types.FunctionType) -> Any:
        """Describes what a function takes from modules: of the user's own, each name it uses."""
        names = _names(function)
        return {label: self._taken(module, names, set()) for label, module in _modules_of(function)}

    def _taken(self, module: types.ModuleType | str, names: set[str], seen: set[str]) -> Any:
        if isinstance(module, str):
            return _named(module)
        if module.__name__ in seen:
            return module.__name__
        seen.add(module.__name__)
        taken = {}
        for name in sorted(names & vars(module).keys()):
            item = vars(module)[name]
            if isinstance(item, types.ModuleType):
                taken[name] = self._taken(_own_or_name(item), names, seen)
            else:
                taken[name] = self.describe(item)
        return taken

    def _base(self, base: type) -> Any:
        # Keras puts `Functional` in the place of `Model` when a subclass is first called with
        # inputs and outputs: a class must not change its digest by being built.
        if (base.__module__, base.__qualname__) == ("keras.src.models.functional", "Functional"):
            return {"installed": "keras.src.models.model.Model"}
        return self.describe(base)

    def _member(self, member: Any) -> Any:
        if isinstance(member, types.GetSetDescriptorType | types.MemberDescriptorType):
            return type(member).__name__
        if isinstance(member, property):
            return {"property": [self.describe(f) for f in (member.fget, member.fset)]}
        if isinstance(member, staticmethod | classmethod):
            return {type(member).__name__: self.describe(member.__func__)}
        if isinstance(member, functools.cached_property):
            return {"property": self.describe(member.func)}
        return self.describe(member)

    # Keras's objects, and those of classes derived from Keras's

    def _keras(self, value: Any) -> dict[str, Any]:
        """Describes an object by its configuration; a callback, which has none, by its state."""
        keras = sys.modules["keras"]
        if isinstance(value, keras.Variable):  # whose name is counted
            return {"value": _array(value.numpy()), "trainable": value.trainable}
        try:
            config = value.get_config() if hasattr(value, "get_config") else None
            described: dict[str, Any] = {"state": self.describe(_own_state(value))}
        except NotImplementedError:  # as of a schedule of the user's own
            config, described = None, {"state": self.describe(_state(value))}
        if config is not None:
            described["config"] = self._config(config)
        described |= {
            name: self.describe(vars(value)[name]) for name in _LEFT_OUT if vars(value).get(name)
        }
        if isinstance(value, keras.losses.Loss):
            described["dtype"] = value.dtype
            if held := _held(value):
                described["held"] = self.describe(held)
        if weights := getattr(value, "weights", None):
            described["weights"] = [_array(weight.numpy()) for weight in weights]
        drawn: Any = getattr(value, "state", None)
        if hasattr(drawn, "numpy"):  # of a `SeedGenerator`
            described["drawn"] = _array(drawn.numpy())
        return described

    def _config(self, config: Any) -> Any:
        """Describes a configuration and what it names of the user's own, which Keras looks up."""
        return self.describe([_unnumbered(config), list(_named_by(config))])


_PLAIN: dict[type, Callable[[_Describer, Any], Any]] = {
    tuple: _Describer._sequence,
    list: _Describer._sequence,
    set: _Describer._set,
    frozenset: _Describer._set,
    dict: _Describer._mapping,
    types.MappingProxyType: _Describer._mapping,
    bytes: _Describer._bytes,
    bytearray: _Describer._bytes,
    complex: _Describer._complex,
}

_WRITTEN = (
    range, type(...), decimal.Decimal, fractions.Fraction,
    dt.date, dt.time, dt.datetime, dt.timedelta,
)  # fmt: skip
"""Whose `repr` says all of them."""

_OF_THE_LIBRARY: dict[type, Callable[[_Describer, Any], Any]] = {
    slice: _Describer._slice,
    collections.OrderedDict: _Describer._named_mapping,
    collections.Counter: _Describer._named_mapping,
    collections.defaultdict: _Describer._default_mapping,
    collections.deque: _Describer._deque,
    **dict.fromkeys(_WRITTEN, _Describer._written),
}
"""Likewise, but not what a class of the user's own that derives from one has for its content: a
`Counter` is a `dict` as well."""

_BY_NAME = {"getattr", "import_module", "__import__"}
"""Functions that find a thing by a name, which is looked for among the texts of the code."""


def _refusal(value: Any) -> DescriptionError:
    shown = " ".join(repr(value).split())
    return DescriptionError(
        f"cannot describe {shown:.80} of type {type(value).__qualname__}: an arm is identified by "
        "what its model function reaches. Give it plain data, arrays, dataclasses or functions, or "
        "create the object inside the function"
    )


def _array(value: Any) -> Any:
    if isinstance(value, np.ma.MaskedArray) or value.dtype.hasobject:
        raise DescriptionError(
            "cannot describe an array of Python objects, or one with a mask: use a numeric dtype"
        )
    array = np.asarray(value)
    content = hashlib.sha256(array.tobytes()).hexdigest()
    return {"array": [repr(array.dtype.descr), list(array.shape), content]}


def _tensor(value: Any) -> Any:
    """Describes another framework's array by its content and, in PyTorch, whether it is trained.

    Raises:
        DescriptionError: It cannot be read as a NumPy array, as on a GPU.
    """
    try:
        array = np.asarray(value.detach() if hasattr(value, "detach") else value)
    except (TypeError, ValueError, RuntimeError):
        raise _refusal(value) from None
    trained = {"trained": True} if getattr(value, "requires_grad", False) else {}
    return {"dtype": str(value.dtype), **_array(array), **trained}


def _state(value: Any) -> dict[str, Any]:
    slots = (name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ()))
    held = {name: getattr(value, name) for name in slots if hasattr(value, name)}
    return dict(sorted((held | getattr(value, "__dict__", {})).items()))


def _own_state(value: Any) -> dict[str, Any]:
    """Returns the attributes of a Keras object that its configuration, if it has one, leaves out.

    What Keras's classes set themselves is in the configuration, or is their bookkeeping, unless it
    is of the user's own making.
    """
    kind: Any = type(value)  # which `functools.cache` need not know
    theirs = _stored_by_keras(kind) if hasattr(value, "get_config") else _OF_CALLBACKS
    return {
        name: item
        for name, item in _state(value).items()
        if (name not in theirs and not type(item).__module__.startswith("keras.")) or _is_own(item)
    }


def _held(loss: Any) -> dict[str, Any]:
    """Returns the Keras objects that a loss of the user's own keeps beside its configuration."""
    kind: Any = type(loss)  # which `functools.cache` need not know
    theirs = _stored_by_keras(kind)
    return {
        name: item
        for name, item in _state(loss).items()
        if name not in theirs and _is_keras(type(item)) and not _is_own(item)
    }


def _is_own(item: Any) -> bool:
    if isinstance(item, types.FunctionType):
        return not is_installed(item.__module__, item.__code__.co_filename)
    return not is_installed(type(item).__module__, _file_of(type(item)))


_LEFT_OUT = ("_fn_kwargs", "gain")
"""What Keras leaves out of some configurations: the delta of `Huber`, the gain of `Identity`."""

_OF_CALLBACKS = frozenset({"_model", "params", "validation_data"})
"""What `fit` sets on a callback."""


@functools.cache
def _stored_by_keras(kind: type) -> frozenset[str]:
    """Returns the names of the attributes that the installed bases of a class set."""
    installed = [b for b in kind.__mro__ if is_installed(b.__module__, _file_of(b))]
    members = [inspect.unwrap(m) for b in installed for m in vars(b).values() if callable(m)]
    return frozenset(
        instruction.argval
        for member in members
        if isinstance(member, types.FunctionType)
        for instruction in dis.get_instructions(member)
        if instruction.opname == "STORE_ATTR"
    ) | {"_auto_config", "_auto_track_sub_layers", "_self_setattr_tracking"}


def _is_keras(kind: type) -> bool:
    return any(base.__module__.startswith("keras.") for base in kind.__mro__)


def _unnumbered(config: Any) -> Any:
    """Returns a configuration with its names numbered in their order.

    Keras's own names count up from object to object, as in `sgd_3`.
    """
    names: dict[str, str] = {}

    def collect(part: Any) -> None:
        if isinstance(part, Mapping):
            if isinstance(name := part.get("name"), str):
                names.setdefault(name, f"name {len(names)}")
            part = part.values()
        if not isinstance(part, str) and isinstance(part, Iterable):
            for item in part:
                collect(item)

    def renamed(part: Any) -> Any:
        if isinstance(part, str):
            return names.get(part, part)
        if isinstance(part, Mapping):
            return {key: renamed(item) for key, item in part.items()}
        return [renamed(item) for item in part] if isinstance(part, list | tuple) else part

    collect(config)
    return renamed(config)


def _named_by(config: Any) -> Iterator[Any]:
    """Yields the user's own classes and functions that a Keras configuration names."""
    if isinstance(config, Mapping):
        if {"class_name", "config"} <= config.keys() and (own := _looked_up(config)) is not None:
            yield own
        for item in config.values():
            yield from _named_by(item)
    elif isinstance(config, list | tuple):
        for item in config:
            yield from _named_by(item)


def _looked_up(config: Mapping[str, Any]) -> Any:
    """Returns what Keras makes this configuration with, unless it is Keras's own.

    Raises:
        DescriptionError: Keras would not find it either.
    """
    module, name = config.get("module"), config.get("class_name")
    if not isinstance(name, str) or (module and module.partition(".")[0] == "keras"):
        return None
    if name == "function":
        name = config["config"]
    registered = config.get("registered_name") or name
    keras = sys.modules.get("keras")
    found = keras.saving.get_registered_object(registered) if keras else None
    if found is None and module in sys.modules:
        found = getattr(sys.modules[module], str(name), None)
    if found is None and module not in (None, "builtins"):
        raise DescriptionError(
            f"cannot find {registered!r}, which a Keras object is made with: register it with "
            "keras.saving.register_keras_serializable(), or make the object inside the function"
        )
    return found


def _registered(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """Yields what the user registered with Keras under a name that is a text of the function's."""
    if keras := sys.modules.get("keras"):
        objects = keras.saving.get_custom_objects()
        texts = {c for code in _codes(function.__code__) for c in code.co_consts if type(c) is str}
        for name in sorted(objects):
            if name in texts or name.rpartition(">")[2] in texts:
                yield name, objects[name]


def _files(path: Path) -> list[list[str]]:
    """Returns name and content of a file, or of each in a folder, whatever links lead there.

    Raises:
        DescriptionError: It is neither, or cannot be read.
    """
    try:
        if path.is_dir():
            found = sorted(_below(path, {path.resolve(): path}))
        elif path.is_file():
            found = [(path, "")]
        else:
            raise _no_file(path)
        return [
            [str(file.relative_to(path.parent)), same or _content(file)] for file, same in found
        ]
    except OSError as error:
        raise DescriptionError(
            f"cannot describe the path {str(path)!r}, which stands for the content of its file or "
            f"folder: {error}. Make it readable, or give a string"
        ) from error


def _no_file(path: Path) -> DescriptionError:
    what = "it is neither a file nor a folder" if path.exists() else "nothing is there"
    return DescriptionError(
        f"cannot describe the path {str(path)!r}: {what}, and a path stands for the content of its "
        "file or folder. Make it first, or give a string"
    )


def _below(folder: Path, seen: dict[Path, Path]) -> Iterator[tuple[Path, str]]:
    """Yields the files in a folder, and which folder was `seen` before where a link leads to it.

    Folders are seen once, so that links may go in circles.
    """
    for path in sorted(folder.iterdir()):
        if path.is_file():
            yield path, ""
        elif path.is_dir():
            first = seen.setdefault(path.resolve(), path)
            if first is path:
                yield from _below(path, seen)
            else:
                root = next(iter(seen.values()))
                yield path, f"as {first.relative_to(root)}"


def _content(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _attributes(function: types.FunctionType) -> dict[str, Any]:
    # Keras writes the name that it registered a function by on the function itself.
    return {k: v for k, v in function.__dict__.items() if not k.startswith("_api_export")}


def _goes_by_its_name(value: types.FunctionType) -> bool:
    """Says whether an installed module has a function under its name, decorated as it may be."""
    module = sys.modules.get(value.__module__)
    # What a package's decorator made of the user's own function is of the user's module.
    if module is None or not is_installed(module.__name__, getattr(module, "__file__", None)):
        return False
    return getattr(module, value.__qualname__, None) is value


def _installed(value: Any) -> Any:
    return _named(getattr(value, "__module__", None) or "builtins", value.__qualname__)


def _named(module: str, name: str = "") -> Any:
    """Describes what is installed by its name, and by its version where the arm does not."""
    package = module.partition(".")[0]
    # Our own go by their public name, wherever in the package they live.
    place = package if package == "bnclaims" and name else module
    described = {"installed": f"{place}.{name}" if name else place}
    if package not in {"bnclaims", *STATED_BY_THE_ARM} and package not in sys.stdlib_module_names:
        described["version"] = version(package)
    return described


@functools.cache
def distributions() -> Mapping[str, list[str]]:
    """Returns which distributions each installed package belongs to: to find out takes long."""
    return metadata.packages_distributions()


def version(package: str) -> str:
    """Returns the versions of a package and of what it computes by, as JAX does by jaxlib."""
    found = sorted({*distributions().get(package, [package])})
    try:
        below = sorted({name for each in found for name in _required(each)} - {*found})
        return ", ".join(f"{name} {metadata.version(name)}" for name in (*found, *below))
    except metadata.PackageNotFoundError:
        return "unknown"


def _required(distribution: str) -> set[str]:
    """Returns the installed distributions that one requires to compute by, and those that they do.

    Raises:
        PackageNotFoundError: It is not installed itself.
    """
    required: set[str] = set()
    left = [distribution]
    while left:
        wanted = metadata.requires(left.pop()) or ()
        names = {re.split(r"[^\w.-]", text)[0] for text in wanted if "extra ==" not in text}
        new = {name for name in names & _COMPUTING if _is_there(name)} - required
        required |= new
        left += new
    return required


def _is_there(distribution: str) -> bool:
    return any(distribution in names for names in distributions().values())


def _package(kind: type) -> str:
    return kind.__module__.partition(".")[0]


def _file_of(kind: type) -> str | None:
    module = sys.modules.get(kind.__module__)
    return getattr(module, "__file__", None)


@functools.cache
def is_installed(module: str | None, file: str | None) -> bool:
    """Says whether code is the standard library's or a package's, rather than the user's own."""
    package = (module or "").partition(".")[0]
    if package == "__main__":
        return False
    if package in sys.stdlib_module_names:
        return True
    if file is None or file.startswith("<"):
        return module is not None and _package_is_installed(package)
    path = Path(file).resolve()
    inside = any(path.is_relative_to(folder) for folder in _INSTALLED)
    return inside or path.is_relative_to(_OURS)


@functools.cache
def _package_is_installed(package: str) -> bool:
    """Says whether a package is installed, without importing it."""
    if package in sys.stdlib_module_names:
        return True
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return False
    places = [spec.origin, *(spec.submodule_search_locations or ())] if spec else []
    paths = [Path(place).resolve() for place in places if place]
    folders = (*_INSTALLED, _OURS)
    return any(path.is_relative_to(folder) for path in paths for folder in folders)


def _is_generated(member: Any, kind: type) -> bool:
    """Says whether a dataclass made this method: its fields say all of it."""
    function = inspect.unwrap(member) if callable(member) else member
    if not (dataclasses.is_dataclass(kind) and isinstance(function, types.FunctionType)):
        return False
    return function.__code__.co_filename == "<string>" and function.__name__.startswith("__")


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def _unread(code: types.CodeType) -> set[int]:
    """Returns which constants change nothing: a docstring, and a class's line, if used for no more.

    Where a docstring comes or goes, other constants may move, which the code then shows.
    """
    steps = list(dis.get_instructions(code))
    uses = collections.Counter(step.arg for step in steps if step.opcode in dis.hasconst)
    set_once = {
        load.arg or 0
        for load, store in itertools.pairwise(steps)
        if load.opcode in dis.hasconst
        and store.opname == "STORE_NAME"
        and store.argval in _OF_CLASSES
    }
    docstring = {0} if _has_docstring(code) else set()
    return {n for n in docstring if not uses[n]} | {n for n in set_once if uses[n] == 1}


def _has_docstring(code: types.CodeType) -> bool:
    if sys.version_info >= (3, 14):
        return bool(code.co_flags & inspect.CO_HAS_DOCSTRING)
    # What Python makes itself, such as a comprehension, may begin with any constant.
    is_function = code.co_flags & inspect.CO_OPTIMIZED and not code.co_name.startswith("<")
    return bool(is_function) and isinstance(next(iter(code.co_consts), None), str)


def _names(function: types.FunctionType) -> set[str]:
    """Returns the names that a function may look up in modules, or other things."""
    codes = list(_codes(function.__code__))
    names = {name for code in codes for name in code.co_names}
    if not names.isdisjoint(_BY_NAME):
        names |= {c for code in codes for c in code.co_consts if isinstance(c, str)}
    return names


def loaded(function: types.FunctionType) -> set[str]:
    """Returns the globals that a function names, classes and functions within it included."""
    return {
        instruction.argval
        for code in _codes(function.__code__)
        for instruction in dis.get_instructions(code)
        if instruction.opname in {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"}
    }


def _reached(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """Yields the globals that a function loads, by name, modules apart."""
    for name in sorted(loaded(function) & function.__globals__.keys()):
        item = function.__globals__[name]
        if not isinstance(item, types.ModuleType):
            yield name, item


def _modules_of(function: types.FunctionType) -> Iterator[tuple[str, types.ModuleType | str]]:
    """Yields the modules that a function uses: itself if the user's own, else its name."""
    known = function.__globals__
    for name in sorted(loaded(function) & known.keys()):
        if isinstance(known[name], types.ModuleType):
            yield name, _own_or_name(known[name])
    for code in _codes(function.__code__):
        for level, module, names in (*_imports(code), *_imported_by_name(code)):
            full = "." * level + module
            if not level and _package_is_installed(module.partition(".")[0]):
                yield full, module
                continue
            try:
                imported = importlib.import_module(full, known.get("__package__"))
            except ImportError as error:
                raise DescriptionError(f"cannot import {full!r}, which it imports") from error
            _import_parts(imported, names)
            yield full, imported


def _import_parts(package: types.ModuleType, names: Iterable[str]) -> None:
    """Makes a package know its modules of these names: it does once somebody has imported them."""
    for name in names:
        if hasattr(package, "__path__") and not hasattr(package, name):
            with contextlib.suppress(ImportError):  # as the function itself will meet it
                importlib.import_module(f"{package.__name__}.{name}")


def _imported_by_name(code: types.CodeType) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """Yields the modules that a function's own texts name, if it imports by name."""
    if not {"import_module", "__import__"}.isdisjoint(code.co_names):
        for text in code.co_consts:
            if isinstance(text, str) and _is_importable(text):
                yield 0, text, ()


def _is_importable(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return name in sys.modules


def _is_own_module(module: types.ModuleType) -> bool:
    return not is_installed(module.__name__, getattr(module, "__file__", None))


def _own_or_name(module: types.ModuleType) -> types.ModuleType | str:
    return module if _is_own_module(module) else module.__name__


def _imports(code: types.CodeType) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """Yields level, name and what is taken of it for each import statement of a function's own."""
    before: list[Any] = []
    for instruction in dis.get_instructions(code):
        if instruction.opname == "IMPORT_NAME":
            level, names = before[-2:]
            yield level, instruction.argval, names or ()
        if instruction.opname != "EXTENDED_ARG":
            before.append(instruction.argval)
