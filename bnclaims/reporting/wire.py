"""Results as plain data: what xdist carries from a worker, and the file results.json."""

import json
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec

from bnclaims.errors import ResultsError
from bnclaims.reporting.checked import change_text
from bnclaims.reporting.results import Check, ClaimResult, ErrorRecord, Outcome, Results

FILE = "results.json"

SCHEMA_VERSION = 5
"""Raised whenever a reader of the older form would misread the newer."""

_VERSION_KEY = "schemaVersion"

SIGN = f'"{_VERSION_KEY}"'
"""What tells results.json from others, at its beginning."""

_T = TypeVar("_T", Outcome, ErrorRecord, Check)
_D = TypeVar("_D")
_V = TypeVar("_V")


def to_plain(value: Outcome | ErrorRecord | Check) -> dict[str, Any]:
    """Returns builtin types only: anything else does not survive the way to the controller.

    Raises:
        TypeError: A NumPy scalar is among the numbers.
    """
    plain: dict[str, Any] = msgspec.to_builtins(writable(value))
    return plain


def writable(value: _V) -> _V:
    """Returns a value whose texts can be written and sent: lone surrogates in them are escaped.

    Undecodable names of files have some.

    Args:
        value: A text, or a dataclass, tuple or dictionary with texts in it.
    """
    try:
        msgspec.json.encode(value)
    except (UnicodeEncodeError, TypeError):  # a type that JSON has not, of which others tell
        return cast(_V, _escaped(value))
    return value


def _escaped(value: Any) -> Any:
    match value:
        case str():
            return value.encode(errors="backslashreplace").decode()
        case tuple():
            return tuple(map(_escaped, value))
        case dict():
            return {_escaped(key): _escaped(item) for key, item in value.items()}
        case _ if is_dataclass(value) and not isinstance(value, type):
            return replace(
                value, **{part.name: _escaped(getattr(value, part.name)) for part in fields(value)}
            )
    return value


def from_plain(plain: dict[str, Any], kind: type[_T]) -> _T:
    """Returns what `to_plain` took apart."""
    return msgspec.convert(plain, kind)


def save(results: Results, folder: Path) -> Path:
    """Writes results into a folder's results.json; returns its path.

    Raises:
        OSError: The folder cannot be written to.
    """
    path = folder / FILE
    path.write_text(encoded(results) + "\n", encoding="utf-8")
    return path


def encoded(results: Results) -> str:
    """Returns what results.json says."""
    document = {_VERSION_KEY: SCHEMA_VERSION} | msgspec.to_builtins(results)
    return json.dumps(document, allow_nan=False)


def read(path: Path) -> Results:
    """Returns the results in a file, or in a report's folder.

    Raises:
        ResultsError: There is no such file, or it has another form.
        OSError: It cannot be read.
    """
    file = path / FILE if path.is_dir() else path
    try:
        document = msgspec.json.decode(file.read_bytes())
    except FileNotFoundError:
        raise ResultsError(
            f"{file} does not exist: run `pytest --claims-report=DIR` first, and name DIR"
        ) from None
    except (ValueError, RecursionError) as error:  # neither JSON nor UTF-8, or nested too deep
        raise ResultsError(f"{file} holds no results of bnclaims: {error}") from None
    if not isinstance(document, dict) or _VERSION_KEY not in document:
        raise ResultsError(f"{file} holds no results of bnclaims: it has no {_VERSION_KEY}")
    if (version := document[_VERSION_KEY]) != SCHEMA_VERSION:
        raise ResultsError(
            f"{file} has schema version {version!r:.20}; this is bnclaims for {SCHEMA_VERSION}: "
            "run `pytest --claims-report=DIR` again, for which what is stored is not trained anew"
        )
    return converted(document, Results, file)


def converted(document: dict[str, Any], kind: type[_D], file: Path) -> _D:
    """Returns what a document of a file says.

    Raises:
        ResultsError: It has another form.
    """
    try:
        return msgspec.convert(document, kind)
    except (msgspec.ValidationError, OverflowError) as error:
        raise ResultsError(f"{file} is damaged: {error}") from None


def brief(results: Results) -> dict[str, Any]:
    """Returns what the verdict table says, as JSON data."""
    return {
        "protocol": results.protocol.name,
        "claims": [_brief_claim(claim) for claim in results.claims],
        "errors": msgspec.to_builtins(results.errors),
        "reference": [
            {"name": check.name, "status": check.status, "said": change_text(check)}
            for check in results.checks
        ],
    }


def _brief_claim(claim: ClaimResult) -> dict[str, Any]:
    names = ("id", "statement", "verdict", "expected", "data", "holm_p")
    told = {name: getattr(claim, name) for name in names}
    if finding := claim.deciding:
        numbers = ("estimate", "low", "high", "seeds", "p")
        told |= {name: getattr(finding, name) for name in numbers}
        told |= {"claimed": msgspec.to_builtins(finding.region), "unit": finding.unit}
    return told


def schema() -> dict[str, Any]:
    """Returns the form of results.json as JSON schema."""
    (root,), parts = msgspec.json.schema_components([Results], ref_template="#/$defs/{name}")
    whole = parts.pop(root["$ref"].rpartition("/")[2])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **whole,
        "required": [_VERSION_KEY, *whole["required"]],
        "properties": {_VERSION_KEY: {"const": SCHEMA_VERSION}, **whole["properties"]},
        "$defs": parts,
    }
