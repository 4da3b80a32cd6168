"""Claims: what a test states, where that was said, and which verdict is expected of it."""

import inspect
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast, get_args

import pytest

from bnclaims.errors import ClaimError
from bnclaims.language.finding import Verdict

Expected = Verdict | Mapping[str, Verdict | Mapping[str, Verdict]]
"""One verdict; or one by protocol; or, within a protocol, one by data set."""

_VERDICTS = get_args(Verdict)
_ATTRIBUTE = "__claim__"

Test = TypeVar("Test", bound=Callable[..., None])


@dataclass(frozen=True)
class Claim:
    """A claim as it is declared."""

    id: str
    """Stable name in kebab-case, for tables and badges."""
    statement: str
    source: str
    """Where this was said: work and section."""
    expected: Expected
    because: str
    """The measured reason, where the expected verdict is not *supported*."""

    def expected_under(self, protocol: str, data: str) -> Verdict:
        """Returns the verdict expected under a protocol on a data set.

        What is not mentioned is expected to be supported, as a claim says of itself.
        """
        if isinstance(self.expected, str):
            return self.expected
        found = self.expected.get(protocol, "supported")
        return found if isinstance(found, str) else found.get(data, "supported")

    def check_protocols(self, declared: Collection[str]) -> None:
        """Refuses an expected verdict under a protocol that nobody declares.

        Raises:
            ClaimError: There is one.
        """
        named = self.expected.keys() if isinstance(self.expected, Mapping) else set()
        if unknown := named - set(declared):
            choices = " or ".join(sorted(declared)) or "one verdict, as no protocol is declared"
            raise ClaimError(
                f"{self.id}: expected={self.expected!r}: {min(unknown)!r} is no declared protocol; "
                f"give {choices}"
            )


def claim(
    statement: str,
    *,
    source: str,
    id: str | None = None,  # noqa: A002  (what badges and tables call it)
    expected: Expected = "supported",
    because: str = "",
) -> Callable[[Test], Test]:
    """Declares a test to be a claim.

    Args:
        statement: What is claimed, in a sentence.
        source: Where it was said: work and section.
        id: Stable name in kebab-case; by default the test's name without `test_`, after that of
            its class without `Test`.
        expected: The verdict that we measured. While the evidence still gives it the test passes;
            another verdict fails it. A mapping gives it by protocol and, within, by data set.
        because: The measured reason, needed where a verdict other than *supported* is expected.

    Raises:
        ValueError: The statement or source is empty, the id is not kebab-case, a verdict is
            misspelt, or its reason is missing.
        TypeError: What should be text is not, or what is declared is no function.
    """
    to_fill_in = source is cast(object, ...)
    texts = {"statement": statement, "because": because}
    texts |= {} if to_fill_in else {"source": source}
    texts |= {} if id is None else {"id": id}
    for name, text in texts.items():
        if not isinstance(text, str):
            raise TypeError(f"{name}={text!r:.80}: give text")
    if not to_fill_in and not (statement.strip() and source.strip()):
        raise ValueError("a claim needs a statement and a source: what was said, and where")
    for verdict in _verdicts(expected):
        if verdict not in _VERDICTS:
            raise ValueError(f"expected={verdict!r}: a verdict is one of {', '.join(_VERDICTS)}")
    if not because.strip() and any(v != "supported" for v in _verdicts(expected)):
        raise ValueError(
            f"{statement!r} is expected to be {expected!r}: say why, in because='...', as measured"
        )

    def declare(function: Test) -> Test:
        if not inspect.isfunction(function):
            raise TypeError(f"@claim on {function!r:.80}: declare a test function")
        if inspect.iscoroutinefunction(function):
            raise TypeError(f"@claim on async {function.__name__}: write it without async")
        _check_filled_in(function, to_fill_in)
        name = _id_of(function) if id is None else id
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
            what = f"{function.__name__} makes no id" if id is None else f"id={name!r}"
            raise ValueError(
                f"{what}: a claim's id is lower-case words joined by hyphens, as in "
                'id="bn-speeds-up-sigmoid"'
            )
        setattr(function, _ATTRIBUTE, Claim(name, statement, source, expected, because))
        marked: Test = pytest.mark.claim(function)
        return marked

    return declare


def _check_filled_in(function: Callable[..., None], source_is_left: bool) -> None:
    """Refuses a claim with an ellipsis in the place of its source, or of a constant that it uses.

    Raises:
        ValueError: It has one.
    """
    left = ['source=..., where this was said: "own", or a work and the place in it']
    left = left if source_is_left else []
    code, known = function.__code__, function.__globals__
    left += [
        f"{name} = ..., a number: a margin is the smallest difference that would matter to you"
        for name in code.co_names
        if known.get(name) is ...
    ]
    if left:
        raise ValueError(f"{function.__name__} has blanks to fill in: {'; and '.join(left)}")


def _id_of(function: Callable[..., None]) -> str:
    """Returns the id that a test's name, and that of its class, make."""
    *classes, test = function.__qualname__.rpartition("<locals>.")[2].split(".")
    words = [_kebab(name.removeprefix("Test")) for name in classes]
    return "-".join(filter(None, [*words, _kebab(test.removeprefix("test_"))]))


def _kebab(name: str) -> str:
    """Returns a name of Python's in kebab-case: `BatchNorm_2` as `batch-norm-2`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_+", "-", name).lower().strip("-")


def claim_of(function: Any) -> Claim | None:
    """Returns the claim that a test function declares, or None."""
    return getattr(function, _ATTRIBUTE, None)


def _verdicts(expected: Expected) -> list[str]:
    if isinstance(expected, Mapping):
        return [verdict for value in expected.values() for verdict in _verdicts(value)]
    return [expected]
