"""Descriptions: equal for equal work, and never equal for work that may differ."""

import collections
import contextlib
import copy
import dataclasses
import datetime as dt
import decimal
import errno
import fractions
import importlib
import importlib.metadata
import importlib.util
import itertools
import json
import os
import subprocess
import sys
import textwrap
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from bnclaims.errors import DescriptionError
from bnclaims.experiment import fingerprint as describe_module
from bnclaims.experiment.fingerprint import describe, digest
from bnclaims.experiment.models import GLOROT_NORMAL, MLP

Load = Callable[..., types.ModuleType]


def digest_of(value: Any) -> str:
    return digest(describe(value))


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Imports sources as the modules `helpers` and `user`, each time from other files.

    What the `user` of one call reaches must be described before the next call.
    """
    numbers = itertools.count()

    def load(source: str, helpers: str = "") -> types.ModuleType:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        for name, text in (("helpers", helpers), ("user", source)):
            path = folder / f"{name}.py"
            path.write_text(textwrap.dedent(text))
            spec = importlib.util.spec_from_file_location(name, path)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            monkeypatch.setitem(sys.modules, name, module)
            spec.loader.exec_module(module)
        return module

    return load


# Plain data

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.integers()
    | st.floats()
    | st.sampled_from([0.0, -0.0, 1.0, 2.0])
    | st.text("ab", max_size=2)
    | st.text()
)
PLAIN = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text("ab", max_size=2) | st.integers(0, 2), inner, max_size=3)
    ),
    max_leaves=6,
)
ARRAYS = hnp.arrays(
    hnp.integer_dtypes() | hnp.floating_dtypes() | hnp.boolean_dtypes(),
    hnp.array_shapes(min_dims=0, min_side=0, max_side=3),
)


@pytest.mark.parametrize(
    "values",
    [
        [range(3), range(1, 3), range(0, 3, 2), slice(3), slice(1, 3), slice(np.int64(1), 3)],
        [..., None, "..."],
        [decimal.Decimal("1.5"), decimal.Decimal("1.50"), fractions.Fraction(3, 2), 1.5],
        [dt.date(2020, 1, 1), dt.datetime(2020, 1, 1), dt.timedelta(1)],
        [np.dtype("float32"), np.dtype("float64"), np.dtype([("a", "f4")]), "float32"],
        [{"a": 1}, collections.OrderedDict(a=1), collections.Counter(a=1), {"a": 2}],
        [collections.Counter(a=2), collections.Counter(b=1), collections.Counter()],
        [collections.defaultdict(None, a=1), collections.defaultdict(int, a=1)],
        [collections.deque([1]), collections.deque([1], 2), collections.deque([1, 1]), [1]],
    ],
    ids=lambda values: type(values[0]).__name__,
)
def test_data_of_the_standard_library_are_told_apart(values: list[Any]) -> None:
    digests = [digest_of(value) for value in values]
    assert len(set(digests)) == len(values)
    assert digests == [digest_of(copy.deepcopy(value)) for value in values]


def test_annotations_within_a_function_are_described() -> None:
    numbers, tables = NDArray[np.float64], dict[str, list[int]] | None

    def build() -> Any:
        def inner(x: numbers, y: tables, z: Callable[..., S]) -> list[numbers]:  # type: ignore[valid-type]
            return [x]

        return inner

    assert digest_of(build)
    assert digest_of(list[int]) != digest_of(list[float])
    assert digest_of(list[int]) == digest_of(list[int])


S = TypeVar("S")


def test_a_container_that_holds_itself_is_described() -> None:
    within: collections.deque[Any] = collections.deque([1])
    within.append(within)
    assert digest_of(within) != digest_of(collections.deque([1, 1]))


@given(PLAIN, PLAIN)
def test_plain_data_have_the_same_digest_exactly_when_they_are_the_same(one: Any, two: Any) -> None:
    assert (digest_of(one) == digest_of(two)) == (repr(one) == repr(two))


@given(PLAIN | ARRAYS | st.frozensets(SCALARS, max_size=4))
def test_a_copy_has_the_same_description_and_it_is_json(value: Any) -> None:
    described = describe(value)
    assert describe(copy.deepcopy(value)) == described
    assert json.loads(json.dumps(described, allow_nan=False)) == described


@given(st.lists(SCALARS, max_size=5, unique=True), st.randoms())
def test_the_order_of_a_set_does_not_count(items: list[Any], random: Any) -> None:
    shuffled = random.sample(items, len(items))
    first = set(items)
    assert describe(set(shuffled) | first) == describe(first) == describe(frozenset(first))


def test_the_order_of_a_dict_counts_as_a_builder_may_follow_it() -> None:
    assert digest_of({"a": 1, "b": 2}) != digest_of({"b": 2, "a": 1})


def test_containers_of_the_same_items_differ_by_kind() -> None:
    values: list[Any] = [[1], (1,), {1}, {1: None}, {"1": None}, [[1]], [1, None]]
    values += [1, "1", True, 1.0, None, "None"]
    assert len({digest_of(value) for value in values}) == len(values)


@given(ARRAYS, ARRAYS)
def test_arrays_differ_by_type_shape_and_content(one: Any, two: Any) -> None:
    def identity(array: Any) -> tuple[Any, ...]:
        return array.dtype, array.shape, array.tobytes()

    assert (digest_of(one) == digest_of(two)) == (identity(one) == identity(two))


def test_the_memory_layout_of_an_array_does_not_count() -> None:
    array = np.arange(6.0).reshape(2, 3)
    assert describe(np.asfortranarray(array)) == describe(array)
    assert describe(np.repeat(array, 2, axis=1)[:, ::2]) == describe(array)
    assert describe(np.float64(0.5)) == describe(0.5)  # it is a float
    assert digest_of(np.float32(0.5)) != digest_of(0.5)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (np.array(1.0), np.array([1.0])),
        (np.float32(1), np.array([1], np.float32)),
        (np.zeros(1, [("a", "i4"), ("b", "i4")]), np.zeros(1, [("a", "f4"), ("b", "f4")])),
        (np.ma.array([1, 2], mask=[False, True]), np.ma.array([1, 2], mask=[False, False])),
        (np.zeros(2, ">f4"), np.zeros(2, "<f4")),
        (np.array(["ab"]), np.array(["ac"])),
    ],
    ids=["no dimension", "scalar", "fields", "mask", "byte order", "text"],
)
def test_arrays_of_unusual_kinds_are_told_apart_or_refused(one: Any, two: Any) -> None:
    with contextlib.suppress(DescriptionError):
        assert digest_of(one) != digest_of(two)


def test_containers_that_contain_themselves_are_described() -> None:
    value: list[Any] = [1]
    value.append(value)
    other: list[Any] = [2]
    other.append(other)
    assert describe(value) == describe(copy.deepcopy(value))
    assert digest_of(value) != digest_of(other)


# Functions: what changes a digest

CHANGES = {
    "constant": """
        def build():
            return HERE
        """,
    "constant in a container": """
        def build():
            return sum((1, HERE, 2))
        """,
    "global": """
        units = HERE
        def build():
            return units
        """,
    "global in a container": """
        units = {"first": [HERE]}
        def build():
            return units["first"][0]
        """,
    "global array": """
        import numpy as np
        units = np.full(3, HERE)
        def build():
            return int(units[0])
        """,
    "global in a nested function": """
        units = HERE
        def build():
            def inner():
                return units
            return inner()
        """,
    "global in a comprehension": """
        units = HERE
        def build():
            return sum([units for _ in range(3)])
        """,
    "global in a nested lambda": """
        units = HERE
        def build():
            return (lambda: [units])()[0]
        """,
    "global in a class made inside": """
        units = HERE
        def build():
            class Inner:
                n = units
            return Inner.n
        """,
    "global that the function sets": """
        units = HERE
        def build():
            global units
            units += 0
            return units
        """,
    "helper": """
        def helper():
            return HERE
        def build():
            return helper()
        """,
    "helper of a helper": """
        def last():
            return HERE
        def helper():
            return last()
        def build():
            return helper()
        """,
    "global of a helper": """
        units = HERE
        def helper():
            return units
        def build():
            return [helper() for _ in range(2)][0]
        """,
    "helper imported by name": """
        from helpers import network
        def build():
            return network()
        """,
    "closure": """
        def make(units):
            def build():
                return units
            return build
        build = make(HERE)
        """,
    "closure of a nested function": """
        def make(units):
            def build():
                return [units for _ in range(1)][0]
            return build
        build = make(HERE)
        """,
    "closure over a list that grows later": """
        def make(units):
            def build():
                return sum(units)
            return build
        sizes = [1]
        build = make(sizes)
        sizes.append(HERE)
        """,
    "function in a closure": """
        def make(function):
            return lambda: function()
        def layer():
            return HERE
        build = make(layer)
        """,
    "default": """
        units = HERE
        def build(n=units):
            return n
        """,
    "keyword default": """
        units = HERE
        def build(*, n=units):
            return n
        """,
    "function as default": """
        def layer():
            return HERE
        def build(n=layer):
            return n()
        """,
    "lambda": """
        build = lambda: HERE
        """,
    "lambda on a line with others": """
        pair = [lambda: 8, lambda: 16]
        build = pair[HERE > 8]
        """,
    "lambda on a line with others, global": """
        a, b = 1, 2
        pair = [lambda: a, lambda: b]
        build = pair[HERE > 8]
        """,
    "partial's argument": """
        from functools import partial
        def network(units):
            return units
        build = partial(network, HERE)
        """,
    "partial's keyword": """
        from functools import partial
        def network(units):
            return units
        build = partial(network, units=HERE)
        """,
    "partial's function": """
        from functools import partial
        def network(units):
            return units * HERE
        build = partial(network, 1)
        """,
    "decorator without wraps": """
        def decorated(function):
            def wrapper():
                return function() * HERE
            return wrapper
        @decorated
        def build():
            return 1
        """,
    "decorated function": """
        import functools
        def decorated(function):
            @functools.wraps(function)
            def wrapper():
                return function()
            return wrapper
        @decorated
        def build():
            return HERE
        """,
    "argument of a decorator": """
        import functools
        def times(n):
            def decorated(function):
                @functools.wraps(function)
                def wrapper():
                    return function() * n
                return wrapper
            return decorated
        factor = HERE
        @times(factor)
        def build():
            return 1
        """,
    "method": """
        class Net:
            def units(self):
                return HERE
        def build():
            return Net().units()
        """,
    "method of a base": """
        class Base:
            def units(self):
                return HERE
        class Net(Base):
            pass
        def build():
            return Net().units()
        """,
    "base": """
        class A:
            units = 1
        class B:
            units = 2
        class Net(A if HERE > 8 else B):
            pass
        def build():
            return Net.units
        """,
    "class attribute": """
        class Net:
            units = HERE
        def build():
            return Net.units
        """,
    "global in a method": """
        units = HERE
        class Net:
            def n(self):
                return units
        def build():
            return Net().n()
        """,
    "global in a property": """
        units = HERE
        class Net:
            @property
            def n(self):
                return units
        def build():
            return Net().n
        """,
    "global in a class method": """
        units = HERE
        class Net:
            @classmethod
            def n(cls):
                return units
        def build():
            return Net.n()
        """,
    "global in a static method": """
        units = HERE
        class Net:
            @staticmethod
            def n():
                return units
        def build():
            return Net.n()
        """,
    "bound class method": """
        class Net:
            @classmethod
            def n(cls):
                return HERE
        build = Net.n
        """,
    "field of a frozen dataclass": """
        from dataclasses import dataclass
        @dataclass(frozen=True)
        class Net:
            units: int
            def build(self):
                return self.units
        build = Net(HERE)
        """,
    "method of a frozen dataclass": """
        from dataclasses import dataclass
        @dataclass(frozen=True)
        class Net:
            def build(self):
                return HERE
        build = Net()
        """,
    "default factory of a frozen dataclass": """
        from dataclasses import dataclass, field
        @dataclass(frozen=True)
        class Net:
            units: tuple = field(default_factory=lambda: (HERE,))
            def build(self):
                return self.units[0]
        build = Net()
        """,
    "bound method of a frozen dataclass": """
        from dataclasses import dataclass
        @dataclass(frozen=True)
        class Net:
            units: int
            def network(self):
                return self.units
        build = Net(HERE).network
        """,
    "frozen dataclass that a function reaches": """
        from dataclasses import dataclass
        @dataclass(frozen=True)
        class Settings:
            units: int = 3
        settings = Settings(HERE)
        def build():
            return settings.units
        """,
    "subclass of MLP": """
        from dataclasses import dataclass
        from bnclaims import MLP
        @dataclass(frozen=True)
        class Net(MLP):
            def build(self):
                return HERE
        build = Net()
        """,
}

HIDDEN = {
    "constant of a module": """
        import helpers
        def build():
            return helpers.UNITS
        """,
    "function of a module": """
        import helpers
        def build():
            return helpers.network()
        """,
    "import inside": """
        def build():
            from helpers import network
            return network()
        """,
    "module imported inside": """
        def build():
            import helpers
            return helpers.UNITS
        """,
    "helper found by its name": """
        import helpers
        def build():
            return getattr(helpers, "network")()
        """,
    "module imported by its name": """
        import importlib
        def build():
            return importlib.import_module("helpers").network()
        """,
    "module and helper by name": """
        import importlib
        def build():
            return getattr(importlib.import_module("helpers"), "UNITS")
        """,
    "decorator that wraps": """
        import functools
        def decorated(function):
            @functools.wraps(function)
            def wrapper():
                return function() * HERE
            return wrapper
        @decorated
        def build():
            return 1
        """,
    "below an installed decorator": """
        import contextlib
        @contextlib.contextmanager
        def scope():
            yield HERE
        def build():
            with scope() as units:
                return units
        """,
    "below an installed context": """
        import numpy as np
        @np.errstate(all="ignore")
        def build():
            return HERE
        """,
    "below single dispatch": """
        import functools
        @functools.singledispatch
        def units(of):
            return HERE
        def build():
            return units(1)
        """,
    "below a cache": """
        import functools
        @functools.lru_cache
        def build():
            return HERE
        """,
    "attribute of a class, set later": """
        class Settings:
            units = 0
        Settings.units = HERE
        def build():
            return Settings.units
        """,
    "attribute of a class, computed": """
        units = HERE
        class Settings:
            n = units
        def build():
            return Settings.n
        """,
    "default of a method": """
        units = HERE
        class Net:
            def n(self, n=units):
                return n
        def build():
            return Net().n()
        """,
    "default of a dataclass": """
        from dataclasses import dataclass
        units = HERE
        @dataclass(frozen=True)
        class Net:
            n: int = units
        def build():
            return Net().n
        """,
    "method taken from elsewhere": """
        def network(self):
            return HERE
        class Net:
            n = network
        def build():
            return Net().n()
        """,
    "method set later": """
        class Net:
            def n(self):
                return 0
        Net.n = lambda self: HERE
        def build():
            return Net().n()
        """,
    "decorator of a method": """
        def decorated(function):
            def wrapper(self):
                return function(self) * HERE
            return wrapper
        class Net:
            @decorated
            def n(self):
                return 1
        def build():
            return Net().n()
        """,
    "cached property": """
        import functools
        units = HERE
        class Net:
            @functools.cached_property
            def n(self):
                return units
        def build():
            return Net().n
        """,
    "cached method": """
        import functools
        units = HERE
        class Net:
            @functools.lru_cache
            def n(self):
                return units
        def build():
            return Net().n()
        """,
    "class in a class": """
        units = HERE
        class Net:
            class Layer:
                def n(self):
                    return units
        def build():
            return Net.Layer().n()
        """,
    "metaclass": """
        class Meta(type):
            def units(cls):
                return HERE
        class Net(metaclass=Meta):
            pass
        def build():
            return Net.units()
        """,
    "one of two classes of a name": """
        if HERE > 8:
            class Net:
                units = 1
        else:
            class Net:
                units = 2
        def build():
            return Net.units
        """,
    "method of a named tuple": """
        from typing import NamedTuple
        class Net(NamedTuple):
            units: int
            def build(self):
                return self.units * HERE
        build = Net(3)
        """,
    "method of an enumeration of strings": """
        from enum import StrEnum
        class Net(StrEnum):
            SMALL = "small"
            def build(self):
                return HERE
        build = Net.SMALL
        """,
    "method of a dict": """
        class Net(dict):
            def build(self):
                return HERE
        build = Net()
        """,
    "method of a list": """
        class Layers(list):
            def total(self):
                return HERE
        layers = Layers()
        def build():
            return layers.total()
        """,
    "object with a config": """
        class Initializer:
            def get_config(self):
                return {}
            def __call__(self):
                return HERE
        initializer = Initializer()
        def build():
            return initializer()
        """,
    "factory of a dict": """
        from collections import defaultdict
        units = defaultdict(lambda: HERE)
        def build():
            return units["first"]
        """,
    "method of a built-in object": """
        get = {"units": HERE}.get
        def build():
            return get("units")
        """,
    "attribute of a function": """
        def build():
            return build.units
        build.units = HERE
        """,
    "function within a lambda on a line with others": """
        pair = [lambda: (lambda: 8)(), lambda: (lambda: 16)()]
        build = pair[HERE > 8]
        """,
    "comprehension within a lambda on a line with others": """
        pair = [lambda: sum(8 for _ in "a"), lambda: sum(16 for _ in "a")]
        build = pair[HERE > 8]
        """,
    "closure that is called like a global": """
        units = 1
        def make(units):
            def build():
                def other():
                    global units
                    return units
                return units * other()
            return build
        build = make(HERE)
        """,
}
HANDED_ON = {
    "closure": """
        import helpers
        def make(config):
            return lambda: config.UNITS
        build = make(helpers)
        """,
    "closure that is handed on": """
        import helpers
        def units(of):
            return of.UNITS
        def make(config):
            return lambda: units(config)
        build = make(helpers)
        """,
    "closure of a function within": """
        import helpers
        def make(config):
            def build():
                return (lambda: vars(config)["UNITS"])()
            return build
        build = make(helpers)
        """,
    "default": """
        import helpers
        def build(of=helpers):
            return of.UNITS
        """,
    "argument": """
        from functools import partial
        import helpers
        def units(of):
            return of.UNITS
        build = partial(units, helpers)
        """,
    "argument of a call": """
        import helpers
        def units(of):
            return of.UNITS
        def build():
            return units(helpers)
        """,
    "argument of a call, imported there": """
        def units(of):
            return of.UNITS
        def build():
            import helpers as h
            return (lambda: units(h))()
        """,
    "container": """
        import helpers
        modules = {"first": [helpers]}
        def build():
            return modules["first"][0].UNITS
        """,
    "attribute of a class": """
        import helpers
        class Net:
            module = helpers
        def build():
            return Net.module.network()
        """,
    "vars": """
        import helpers
        def build():
            return vars(helpers)["UNITS"]
        """,
    "dictionary": """
        import helpers
        def build():
            return helpers.__dict__["UNITS"]
        """,
    "name that is made up": """
        import helpers
        def build():
            return getattr(helpers, "UN" + "ITS".upper())
        """,
    "another variable": """
        import helpers
        def build():
            of = helpers
            return vars(of)["UNITS"]
        """,
    "module of a module": """
        import sys
        import helpers
        me = sys.modules[__name__]
        def units(of):
            return of.helpers.UNITS
        def build():
            return units(me)
        """,
    "function of a module": """
        import helpers
        def first(of):
            return [getattr(of, name) for name in dir(of) if name == "network"][0]
        def build():
            return first(helpers)()
        """,
}
"""Modules that are handed on as values."""

ANSWERING = {
    "function": "def __getattr__(name):\n    return HERE\n",
    "class": """
        import sys, types
        class Lazy(types.ModuleType):
            @property
            def SIZE(self):
                return HERE
        sys.modules[__name__].__class__ = Lazy
        """,
}
HELPERS = "UNITS = HERE\ndef network():\n    return UNITS\n"


def digests(load: Load, source: str) -> tuple[str, str]:
    """Digests of `build` in a source with 8 and with 16 in one place, which give other numbers."""
    results, numbers = [], []
    for number in ("8", "16"):
        module = load(source.replace("HERE", number), HELPERS.replace("HERE", number))
        build = module.build
        numbers.append(getattr(build, "build", build)())
        results.append(digest_of(build))
    assert numbers[0] != numbers[1]  # a check of the check
    return results[0], results[1]


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_what_a_function_reaches_changes_its_digest(load: Load, name: str) -> None:
    one, two = digests(load, CHANGES[name])
    assert one != two


@pytest.mark.parametrize("name", HANDED_ON)
def test_a_change_of_a_module_that_is_handed_on_changes_a_digest(load: Load, name: str) -> None:
    """Such a module was its name."""
    one, two = digests(load, HANDED_ON[name])
    assert one != two


@pytest.mark.parametrize("answering", ANSWERING)
@pytest.mark.parametrize("used", ["helpers.SIZE", "getattr(helpers, 'SIZE')"])
def test_what_a_module_answers_for_names_that_it_lacks_changes_a_digest(
    load: Load, answering: str, used: str
) -> None:
    source = f"import helpers\ndef build():\n    return {used}\n"
    one, two = (
        load(source, ANSWERING[answering].replace("HERE", units)).build for units in ("8", "16")
    )
    assert digest_of(one) != digest_of(two)


@pytest.mark.parametrize("held", ["from typing import List, Literal, Optional; S = Literal['a']"])
def test_what_a_module_holds_for_its_annotations_can_be_handed_on(load: Load, held: str) -> None:
    source = "import helpers\ndef build(of=helpers):\n    return of.UNITS\n"
    one, same, other = (
        digest_of(load(source, f"{held}\nUNITS = {units}\n").build) for units in (8, 8, 16)
    )
    assert one == same != other


@pytest.mark.parametrize(
    "used",
    [
        "helpers.UNITS", "helpers.network()", "getattr(helpers, 'UNITS')",
        "[helpers.UNITS for _ in 'a'][0]", "(lambda: helpers.UNITS)()",
    ],
)  # fmt: skip
@pytest.mark.parametrize("imported", ["", "import helpers", "from user import helpers"])
def test_of_a_module_only_what_a_function_takes_of_it_counts(
    load: Load, used: str, imported: str
) -> None:
    source = f"import helpers\ndef build():\n    {imported or 'pass'}\n    return {used}\n"
    helpers = HELPERS.replace("HERE", "8")
    one, two = (digest_of(load(source, helpers + f"OTHER = {n}\n").build) for n in (8, 16))
    assert one == two
    assert "hands on" not in describe(load(source, helpers).build)


def test_of_a_module_in_a_closure_only_what_a_function_takes_of_it_counts(load: Load) -> None:
    source = HANDED_ON["closure"]
    helpers = HELPERS.replace("HERE", "8")
    one, two = (digest_of(load(source, helpers + f"OTHER = {n}\n").build) for n in (8, 16))
    assert one == two


def test_a_module_that_is_handed_on_may_reach_itself(load: Load) -> None:
    helpers = """
        import sys
        me = sys.modules[__name__]
        UNITS = HERE
        def network(of=me):
            return units(of)
        def units(of):
            return of.UNITS if of is me else network(me)
        """
    found = [
        digest_of(load(HANDED_ON["argument of a call"], helpers.replace("HERE", number)).build)
        for number in ("8", "8", "16")
    ]
    assert found[0] == found[1] != found[2]


def test_what_a_module_that_is_handed_on_holds_must_be_describable(load: Load) -> None:
    helpers = "import logging\nLOG = logging.getLogger()\nUNITS = 8\n"
    words = (
        r"^cannot describe the module 'helpers', which is handed on as a value, for its LOG: hand "
        r"on what is needed of the module instead \(cannot describe <RootLogger root .*\)$"
    )
    with pytest.raises(DescriptionError, match=words):
        describe(load(HANDED_ON["default"], helpers).build)
    describe(load("import helpers\ndef build():\n    return helpers.UNITS\n", helpers).build)


def test_a_package_of_several_modules_cannot_be_handed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    package = importlib.import_module("nets")
    monkeypatch.delitem(sys.modules, "nets")
    describe([package])
    (tmp_path / "nets" / "parts.py").touch()
    with pytest.raises(DescriptionError, match="cannot describe the package 'nets', which is hand"):
        describe([package])


@pytest.mark.parametrize("name", HIDDEN)
def test_a_change_that_hides_is_seen_or_refused(load: Load, name: str) -> None:
    try:
        one, two = digests(load, HIDDEN[name])
    except DescriptionError:
        return
    assert one != two


@pytest.mark.parametrize(
    ("line", "other"),
    [
        ("            total += 10", "        total += 10"),
        ("        total += len('a b')", "        total += len('a  b')"),
    ],
    ids=["indentation", "text"],
)
def test_white_space_counts_in_code_that_holds_text_at_the_margin(
    load: Load, line: str, other: str
) -> None:
    source = """
def make():
    def build():
        total = '''
flush left'''
        total = 0
        for _ in range(3):
            total += 1
LINE
        return total
    return build
build = make()
"""
    one = load(source.replace("LINE", line)).build
    first = digest_of(one)
    two = load(source.replace("LINE", other)).build
    assert one() != two()
    assert digest_of(two) != first


def test_a_digest_is_of_the_code_that_runs_not_of_the_file_as_it_was_edited_since(
    load: Load,
) -> None:
    module = load("def build():\n    return 8\n")
    before = digest_of(module.build)
    assert module.__file__
    Path(module.__file__).write_text("def build():\n    return 1600\n")
    assert module.build() == 8
    try:
        after = digest_of(module.build)
    except DescriptionError:
        return
    assert after == before
    assert digest_of(load("def build():\n    return 1600\n").build) != after


def test_a_class_of_a_module_that_was_not_registered_is_told_apart_or_refused(
    tmp_path: Path,
) -> None:
    found = []
    for number in (8, 16):
        path = tmp_path / f"loose{number}.py"
        path.write_text(f"class Net:\n    def units(self):\n        return {number}\n")
        spec = importlib.util.spec_from_file_location("loose", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        try:
            found.append(digest_of(module.Net))
        except DescriptionError:
            return
    assert found[0] != found[1]


@pytest.mark.parametrize(
    ("statement", "used"),
    [
        ("from networks import parts", "parts.layer"),
        ("from networks import parts as kinds", "kinds.layer"),
        ("from networks.parts import layer", "layer"),
        ("import networks.parts", "networks.parts.layer"),
        ("import networks.parts as kinds", "kinds.layer"),
        ("import importlib", "importlib.import_module('networks.parts').layer"),
        ("from . import parts", "parts.layer"),
        ("from .parts import layer", "layer"),
    ],
)
def test_a_module_of_a_package_counts_though_nobody_has_imported_it_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statement: str, used: str
) -> None:
    package = tmp_path / "networks"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "model.py").write_text(f"def build():\n    {statement}\n    return {used}()\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    def described(units: int, *imported_before: str) -> str:
        (package / "parts.py").write_text(f"def layer():\n    return {units}\n")
        for name in [name for name in sys.modules if name.partition(".")[0] == "networks"]:
            monkeypatch.delitem(sys.modules, name)
        importlib.invalidate_caches()
        for name in imported_before:
            importlib.import_module(name)
        return digest_of(importlib.import_module("networks.model").build)

    three = described(3)
    assert described(30) != three
    assert described(3, "networks.parts") == three


# Functions: what does not

SAME = {
    "comments": (
        "def build():\n    return 8\n",
        "# why\ndef build():  # because\n    # so\n    return 8  # done\n",
    ),
    "formatting": (
        "def build():\n    return max(8, 'a' and 7)\n",
        '\n\n\ndef build( ):\n  return (max(\n      8,\n\n      "a" and 7,\n  ))\n',
    ),
    "what it does not reach": (
        "def build():\n    return 8\n",
        "OTHER = 3\ndef other():\n    return OTHER\ndef build():\n    return 8\n",
    ),
    "order of definitions": (
        "def helper():\n    return 8\ndef build():\n    return helper()\n",
        "def build():\n    return helper()\ndef helper():\n    return 8\n",
    ),
    "names of modules": (
        "from helpers import network\ndef build():\n    return network()\n",
        "UNITS = 8\ndef network():\n    return UNITS\ndef build():\n    return network()\n",
    ),
    "formatting of a class": (
        "class Net:\n    def n(self):\n        return 8\ndef build():\n    return Net().n()\n",
        "class Net:\n\n  # n\n  def n(self): return 8\n\ndef build():\n    return Net().n()\n",
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_a_change_that_changes_nothing_leaves_the_digest(load: Load, name: str) -> None:
    one, two = (digest_of(load(s, HELPERS.replace("HERE", "8")).build) for s in SAME[name])
    assert one == two


def test_functions_and_classes_that_reach_themselves_are_described(load: Load) -> None:
    source = """
        def build(n=3):
            return other(n - 1) if n else HERE
        def other(n):
            return build(n)
        class Node:
            def child(self):
                return Node()
            def parent(self):
                return self.child().parent() if build() else super().__init__()
        class Leaf(Node):
            def parent(self):
                return Leaf()
        """
    found = set()
    for number in ("8", "16"):
        module = load(source.replace("HERE", number))
        found |= {digest_of(thing) for thing in (module.build, module.Node, module.Leaf)}
    assert len(found) == 6


def test_a_description_grows_with_the_functions_not_with_the_paths_between_them(
    load: Load,
) -> None:
    names = range(7)
    calls = " + ".join(f"f{i}()" for i in names)
    source = "\n".join(f"def f{i}():\n    return {calls}" for i in names) + "\nbuild = f0\n"
    assert len(json.dumps(describe(load(source).build))) < 50_000


def test_what_is_installed_is_described_by_name() -> None:
    assert describe(np) == {"installed": "numpy"}
    assert describe(json.dumps) == {"installed": "json.dumps"}
    assert describe(len) == {"installed": "builtins.len"}
    assert describe(int) == {"installed": "builtins.int"}
    assert describe(json.JSONEncoder) == {"installed": "json.encoder.JSONEncoder"}
    assert describe(MLP) == {"installed": "bnclaims.MLP"}
    assert describe(digest) == {"installed": "bnclaims.digest"}


def test_our_own_descriptions_are_described_by_name_and_fields() -> None:
    described = describe(GLOROT_NORMAL)
    assert described == {
        "object": {"installed": "bnclaims.Initializer"},
        "fields": {"mapping": [["class_name", "GlorotNormal"], ["arguments", {"tuple": []}]]},
    }
    names = [name for name, _ in describe(MLP())["fields"]["mapping"]]
    assert names == [field.name for field in dataclasses.fields(MLP)]


def test_our_own_are_described_by_their_public_name_wherever_they_live(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = describe(MLP())
    monkeypatch.setattr(MLP, "__module__", "bnclaims.elsewhere")
    assert describe(MLP()) == before


# Keras's objects, and those of classes derived from Keras's

KERAS = {
    "registered schedule of an optimizer": """
        import keras
        @keras.saving.register_keras_serializable("ours", "Schedule")
        class Schedule(keras.optimizers.schedules.LearningRateSchedule):
            def __call__(self, step):
                return HERE / 100
            def get_config(self):
                return {}
        thing = keras.optimizers.SGD(Schedule())
        """,
    "schedule of an optimizer, by its module": """
        import keras
        class Schedule(keras.optimizers.schedules.LearningRateSchedule):
            def __call__(self, step):
                return HERE / 100
            def get_config(self):
                return {}
        thing = keras.optimizers.SGD(Schedule())
        """,
    "registered layer of a model": """
        import keras
        @keras.saving.register_keras_serializable("ours", "Scale")
        class Scale(keras.layers.Layer):
            def call(self, x):
                return x * HERE
        thing = keras.Sequential([keras.Input((2,)), Scale()])
        """,
    "weights of a model": """
        import keras, numpy as np
        thing = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, "relu", False, "zeros")])
        thing.set_weights([np.full((2, 1), HERE, "float32")])
        """,
    "call of a loss": """
        import keras
        class Loss(keras.losses.Loss):
            def call(self, y, p):
                return (y - p) ** HERE
        thing = Loss()
        """,
    "private state of a loss": """
        import keras
        class Loss(keras.losses.Loss):
            def __init__(self, power):
                super().__init__()
                self._power = power
            def call(self, y, p):
                return (y - p) ** self._power
        thing = Loss(HERE)
        """,
    "variable of a loss": """
        import keras
        class Loss(keras.losses.Loss):
            def __init__(self, start):
                super().__init__()
                self.level = keras.Variable(start)
            def call(self, y, p):
                return (y - p) ** self.level
        thing = Loss(HERE / 2)
        """,
    "variable that a loss reaches": """
        import keras
        level = keras.Variable(HERE / 2)
        def thing(y, p):
            return (y - p) ** level
        """,
    "registered function of a loss": """
        import keras
        @keras.saving.register_keras_serializable("ours", "power")
        def power(y, p):
            return (y - p) ** HERE
        thing = keras.metrics.MeanMetricWrapper(power)
        """,
    "delta of a loss, which its configuration leaves out": """
        import keras
        thing = keras.losses.Huber(HERE / 100)
        """,
    "axis of a loss": """
        import keras
        thing = keras.losses.CosineSimilarity(axis=HERE)
        """,
    "number format of a loss": """
        import keras
        thing = keras.losses.MeanSquaredError(dtype={8: "float32", 16: "float64"}[HERE])
        """,
    "gain of an initialiser": """
        import keras
        thing = keras.initializers.Identity(HERE)
        """,
    "list in the configuration of an optimizer": """
        import keras
        class Ours(keras.optimizers.SGD):
            def __init__(self, factors, **arguments):
                super().__init__(**arguments)
                self.factors = factors
            def get_config(self):
                return {**super().get_config(), "factors": self.factors}
        thing = Ours([1, HERE])
        """,
    "schedule without a configuration": """
        import keras
        class Schedule(keras.optimizers.schedules.LearningRateSchedule):
            def __init__(self, start):
                self.start = start
            def __call__(self, step):
                return self.start
        thing = Schedule(HERE)
        """,
    "patience of a callback": """
        import keras
        thing = keras.callbacks.EarlyStopping(patience=HERE)
        """,
    "private state of a callback": """
        import keras
        class Callback(keras.callbacks.Callback):
            def __init__(self, epoch):
                super().__init__()
                self._epoch = epoch
        thing = Callback(HERE)
        """,
    "private state of an optimizer": """
        import keras
        class Ours(keras.optimizers.SGD):
            def __init__(self, factor, **arguments):
                super().__init__(**arguments)
                self._factor = factor
        thing = Ours(HERE)
        """,
    "registered activation that a function names": """
        import keras
        @keras.saving.register_keras_serializable("ours", "act")
        def act(x):
            return x * HERE
        def thing():
            return keras.layers.Dense(1, activation="act")
        """,
    "registered optimizer by name": """
        import keras
        from bnclaims import Optimizer
        @keras.saving.register_keras_serializable("ours", "Ours")
        class Ours(keras.optimizers.SGD):
            def update_step(self, gradient, variable, learning_rate):
                return HERE
        thing = Optimizer("ours>Ours")
        """,
}


@pytest.mark.parametrize("name", KERAS)
def test_what_a_keras_object_is_made_of_changes_its_digest(load: Load, name: str) -> None:
    one, same, two = (
        digest_of(load(KERAS[name].replace("HERE", number)).thing) for number in ("8", "8", "16")
    )
    assert one == same != two


def test_a_model_class_keeps_its_digest_when_a_model_is_built(load: Load) -> None:
    source = """
        import keras
        class Model(keras.Model):
            pass
        class Deeper(Model):
            pass
        def build():
            x = keras.Input((2,))
            return Deeper(x, keras.layers.Dense(1)(x))
        """
    module = load(source)
    before = digest_of(module.build), digest_of(module.Model)
    module.build()
    assert (digest_of(module.build), digest_of(module.Model)) == before


def test_an_optimizer_keeps_its_digest_from_one_instance_to_the_next() -> None:
    import keras

    assert digest_of(keras.optimizers.Adam(0.1)) == digest_of(keras.optimizers.Adam(0.1))


def test_what_keras_would_not_find_again_is_refused() -> None:
    import keras

    class Schedule(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
        def __call__(self, step: Any) -> float:
            return 0.1

        def get_config(self) -> dict[str, Any]:
            return {}

    with pytest.raises(DescriptionError, match=r"cannot find 'Schedule'.*: register it with keras"):
        describe(keras.optimizers.SGD(Schedule()))


# Files


def test_a_path_is_the_content_of_its_file(tmp_path: Path) -> None:
    one, same, other = (tmp_path / folder / "weights.npz" for folder in "abc")
    for path, content in ((one, b"1"), (same, b"1"), (other, b"2")):
        path.parent.mkdir()
        path.write_bytes(content)
    assert digest_of(one) == digest_of(same) != digest_of(other)
    assert digest_of(one.parent) != digest_of(other.parent)

    def build() -> bytes:
        return one.read_bytes()

    before = digest_of(build)
    one.write_bytes(b"3")
    assert digest_of(build) != before


def test_a_path_to_nothing_is_refused(tmp_path: Path) -> None:
    words = r"cannot describe the path '.*nothing': nothing is there, and a path stands for the c"
    with pytest.raises(DescriptionError, match=words):
        describe(tmp_path / "nothing")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with a folder."""
    folder = tmp_path / "data"
    (folder / "b").mkdir(parents=True)
    for name in ("a", "b/x", "b/y", "c"):
        (folder / name).write_text(name)
    return folder


def test_a_folder_is_its_files_in_their_order(tree: Path) -> None:
    (tree / "b.txt").symlink_to("c")
    names = [name for name, _ in describe(tree)["path"]]
    assert names == ["data/a", "data/b/x", "data/b/y", "data/b.txt", "data/c"]


def test_what_is_behind_a_link_to_a_folder_counts(tree: Path) -> None:
    """It was passed over."""
    real = tree.parent / "real"
    real.mkdir()
    (real / "image").write_text("1")
    (tree / "images").symlink_to("../real")
    one = digest_of(tree)
    assert one == digest_of(tree)
    (real / "image").write_text("2")
    assert digest_of(tree) != one


@pytest.mark.parametrize("link", ["b/up", "again"])
def test_links_may_go_in_circles(tree: Path, link: str) -> None:
    before = digest_of(tree)
    (tree / link).symlink_to(tree)
    circle = digest_of(tree)
    assert circle != before
    (tree / link).unlink()
    (tree / link).symlink_to(tree / link)  # which leads to nothing
    assert digest_of(tree) == before


def test_two_links_to_a_folder_are_told_from_links_to_two(tree: Path) -> None:
    for name in ("one", "two"):
        (tree.parent / name).mkdir()
        (tree / f"to {name}").symlink_to("../one")
        (tree.parent / name / "x").touch()
    both = digest_of(tree)
    (tree / "to two").unlink()
    (tree / "to two").symlink_to("../two")
    two = digest_of(tree)
    (tree.parent / "two" / "x").write_text("another")
    assert len({both, two, digest_of(tree)}) == 3


@pytest.mark.parametrize("device", [False, True])
def test_a_path_to_a_pipe_or_a_device_is_refused(tmp_path: Path, device: bool) -> None:
    """Its end was waited for."""
    path = Path("/dev/zero") if device else tmp_path / "pipe"
    if not device:
        os.mkfifo(path)
    words = rf"cannot describe the path '{path}': it is neither a file nor a folder, and a path st"
    with pytest.raises(DescriptionError, match=words):
        describe(path)


def test_a_path_that_cannot_be_read_is_refused(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_permission(path: Path, *_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "open", no_permission)
    with pytest.raises(
        DescriptionError, match=r"its file or folder: .* denied: '.*a'\. Make it re"
    ):
        describe(tree)


# Other frameworks


class Compiled:
    """As what `jax.jit` returns: an object of a package that wraps a function of the user's."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.__wrapped__ = function


def test_what_a_compiled_function_wraps_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Compiled, "__module__", "numpy")

    def build(factor: float) -> Callable[[], Any]:
        step = Compiled(lambda x: x * factor)
        return lambda: step

    assert digest_of(build(1.0)) == digest_of(build(1.0)) != digest_of(build(2.0))


def test_tensors_are_described_by_their_content() -> None:
    tf = pytest.importorskip("tensorflow")
    values: list[Any] = [tf.constant([1.0, 2.0]), tf.constant([1.0, 3.0]), tf.constant([1, 2])]
    digests = {digest(describe(value)) for value in values}
    assert len(digests) == 3
    assert digest(describe(tf.constant([1.0, 2.0]))) in digests


def test_a_tensor_that_is_trained_is_another() -> None:
    torch = pytest.importorskip("torch")
    plain, trained = (torch.ones(2, requires_grad=yes) for yes in (False, True))
    assert digest(describe(plain)) != digest(describe(trained))
    with pytest.raises(DescriptionError, match=r"cannot describe tensor\(.* of type Tensor"):
        describe(torch.ones(2, dtype=torch.bfloat16))


def test_versions_below_a_package_count_too(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = {"optimiser": "1", "jax": "2", "jaxlib": "3", "numpy": "4", "rich": "5"}
    required = {
        "optimiser": ["jax>=0.4; python_version > '3'", "rich", "torch; extra == 'all'", "scipy"],
        "jax": ["jaxlib<=2,>=1", "numpy"],
        "jaxlib": ["numpy"],
    }
    monkeypatch.setattr(importlib.metadata, "version", installed.__getitem__)
    monkeypatch.setattr(importlib.metadata, "requires", required.get)
    monkeypatch.setattr(describe_module, "distributions", lambda: {k: [k] for k in installed})
    assert describe_module.version("optimiser") == "optimiser 1, jax 2, jaxlib 3, numpy 4"


def test_packages_beside_a_virtual_environment_are_installed(tmp_path: Path) -> None:
    """A user's own, a system's, or those of a .pth file."""
    place = tmp_path / "dist-packages"
    place.mkdir()
    (place / "elsewhere.py").write_text("class Strange:\n    pass\n")
    code = (
        "import sys\n"
        f"sys.path.append({str(place)!r})\n"
        "from bnclaims.experiment.fingerprint import describe\n"
        "import elsewhere\n"
        "print(describe(elsewhere.Strange)['installed'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "elsewhere.Strange\n"


# Refusals


@pytest.mark.parametrize(
    "value",
    [object(), iter([]), np.random.default_rng(0)],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_described_is_refused_with_what_to_do(value: Any) -> None:
    words = (
        rf"^cannot describe .* of type {type(value).__name__}: an arm is identified by what its "
        "model function reaches. Give it plain data, arrays, dataclasses or functions, or "
        "create the object inside the function$"
    )
    for within in (value, [value], {"key": value}, lambda: value):
        with pytest.raises(DescriptionError, match=words):
            describe(within)


def test_arrays_of_objects_are_refused() -> None:
    with pytest.raises(DescriptionError, match=r"array of Python objects, .*: use a numeric dtype"):
        describe(np.array([object()]))


def test_code_without_source_is_told_apart() -> None:
    """As in an interactive session: what runs is described, not the file that it came from."""

    def made(text: str, name: str) -> Any:
        names: dict[str, Any] = {"__name__": "__main__"}
        exec(text, names)
        return names[name]

    function = "def build():\n    return {}"
    one, same, other = (made(function.format(n), "build") for n in (8, 8, 16))
    assert digest_of(one) == digest_of(same) != digest_of(other)
    net = "class Net:\n    def build(self):\n        return {}"
    one, same, other = (made(net.format(n), "Net") for n in (8, 8, 16))
    assert digest_of(one) == digest_of(same) != digest_of(other)


# Across processes

STABLE = {
    "global_set": "NAMES = {'a', 'b', 'c'}\ndef build():\n    return NAMES\n",
    "constant_set": "def build(x=1):\n    return x in {'a', 'b', 'c'}\n",
    "lambda_with_constant_set": "build = lambda x=1: x in {'a', 'b', 'c'}\n",
    "class_and_closure": (
        "class Net:\n    def n(self):\n        return {'a', 'b'}\n"
        "def make(*names):\n    def build():\n        return Net(), names\n    return build\n"
        "build = make('x', frozenset({'y', 'z'}))\n"
    ),
}


@pytest.fixture(scope="session")
def found_by_processes(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    """What processes with other hash seeds find: name of a source -> digest."""
    folder = tmp_path_factory.mktemp("stable")
    for name, source in STABLE.items():
        (folder / f"{name}.py").write_text(source)
    root = Path(describe_module.__file__).parents[2]
    program = (
        f"import sys; sys.path[:0] = {[str(folder), str(root)]!r}\n"
        "import importlib, json\n"
        "from bnclaims.experiment.fingerprint import describe, digest\n"
        f"builds = {{name: importlib.import_module(name).build for name in {list(STABLE)!r}}}\n"
        "print(json.dumps({name: digest(describe(build)) for name, build in builds.items()}))\n"
    )
    found = []
    for hash_seed in ("1", "2", "3"):
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        found.append(json.loads(done.stdout))
    return found


@pytest.mark.parametrize("name", STABLE)
def test_a_digest_is_the_same_in_every_process(
    found_by_processes: list[dict[str, str]], name: str
) -> None:
    assert len({found[name] for found in found_by_processes}) == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(PLAIN, PLAIN)
def test_a_function_is_told_apart_by_any_data_that_it_closes_over(one: Any, two: Any) -> None:
    def make(data: Any) -> Callable[[], Any]:
        return lambda: data

    same = digest_of(make(one)) == digest_of(make(two))
    assert same == (digest_of(one) == digest_of(two))


def test_a_decorated_function_of_a_package_goes_by_its_name() -> None:
    from sklearn.datasets import load_digits

    def pretender(scale: float) -> Any:
        def load() -> float:
            return scale

        load.__module__, load.__qualname__ = load_digits.__module__, load_digits.__qualname__
        return load

    assert load_digits.__closure__
    assert describe(load_digits)["installed"] == "sklearn.datasets._base.load_digits"
    assert "scikit-learn" in describe(load_digits)["version"]
    assert describe(pretender(1.0)) != describe(pretender(2.0))
