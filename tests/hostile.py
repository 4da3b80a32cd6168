"""What outsiders can write, drawn by Hypothesis: documents that are damaged, options that are odd.

Tests draw some of it, `benchmarks/fuzz.py` thousands.
"""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from hypothesis import strategies as st

from bnclaims.reporting import wire
from bnclaims.session.options import Settings
from tests.fake_results import EXACT, HOSTILE, WITH_ARMS, YES, results

# Documents

DOCUMENT = wire.encoded(results(WITH_ARMS, YES, EXACT, errors=("broken",)))
"""A results.json of the right form."""

numbers = st.sampled_from([None, 0.0, -0.0, 5e-324, 1e300, -1e300]) | st.floats(-1e300, 1e300)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**400, -(10**30), 2**53, 0, -1, 1e300, 1e308, 5e-324, -0.0])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(["supported", "refuted", "", HOSTILE, "\ud800", "\x00", "x" * 300]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """All places in a document: a container and the key or the index in it."""
    keys = value if isinstance(value, dict) else range(len(value) if isinstance(value, list) else 0)
    return [(value, key) for key in keys] + [place for key in keys for place in places(value[key])]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A document in which some places hold something else, are gone, or are there twice."""
    document = json.loads(DOCUMENT)
    for _ in range(draw(st.integers(1, 3))):
        container, key = draw(st.sampled_from(places(document)))
        match draw(st.sampled_from(["replace", "number", "delete", "repeat"])):
            case "replace":
                container[key] = draw(json_values)
            case "number":
                container[key] = draw(numbers | st.integers(0, 2**53))
            case "delete":
                del container[key]
            case _ if isinstance(container, list):
                container.append(container[key])
    return json.dumps(document).encode()


@st.composite
def odd(draw: st.DrawFn) -> bytes:
    """A document of the right form in which some words and numbers are others."""
    document = json.loads(DOCUMENT)
    leaves = [(c, k) for c, k in places(document) if isinstance(c[k], float | str | None)]
    for container, key in draw(st.lists(st.sampled_from(leaves), min_size=1, max_size=9)):
        if isinstance(container[key], str):
            container[key] = draw(st.text() | st.sampled_from([HOSTILE, "\x00", "x" * 300]))
        else:
            container[key] = draw(numbers)
    return json.dumps(document).encode()


@st.composite
def cut(draw: st.DrawFn) -> bytes:
    """The beginning of a document, or one with some bytes changed."""
    content = bytearray(DOCUMENT.encode())
    if draw(st.booleans()):
        return bytes(content[: draw(st.integers(0, len(content)))])
    for place in draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=5)):
        content[place] = draw(st.integers(0, 255))
    return bytes(content)


COMMANDS = (
    ["list", "{results}"],
    ["show", "{results}", "yes"],
    ["markdown", "{results}"],
    ["badges", "{results}", "{folder}/badges"],
    ["report", "{results}", "{folder}/page"],
    ["compare", "{results}", "{results}"],
)
"""Every command that reads such a document."""


# Options


class _FakeConfig:
    """As much of pytest's configuration as settings are read from."""

    rootpath = Path("/project")
    hook = SimpleNamespace(pytest_claims_protocols=list)

    def __init__(self, **given: str) -> None:
        self.option = SimpleNamespace(claims_report=given.pop("claims_report", None))
        self._given = given

    def getoption(self, name: str) -> str | None:
        return self._given.get(name)

    def getini(self, _: str) -> str:
        return ""


def settings_of(**given: str) -> Settings:
    """Settings of a session with these options, by the names of their ini settings."""
    return Settings.from_pytest_config(cast(Any, _FakeConfig(**given)))


_NASTY = st.sampled_from(
    ["1e999", "-0", "nan", "inf", "99999999999999999999", "5,1000000", "1" * 5_000, "~nobody/x",
     "a" * 5_000, "\0", "0.5", "power:inf", "power:nan", "power:1e-300", "5,5", "1", "2,3", "😀",
     "5,10,15,20," * 50 + "900"]
)  # fmt: skip
VALUES = _NASTY | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
"""Values of any option."""
