"""Results as plain data: there and back, their form, and files that are none."""

import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import execnet
import jsonschema
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from bnclaims.cli import main
from bnclaims.errors import ResultsError
from bnclaims.reporting import plots, wire
from bnclaims.reporting.results import ErrorRecord, Outcome
from tests.fake_results import (
    EXACT,
    HOSTILE,
    MAYBE,
    NO,
    STRANGE,
    WITH_ARMS,
    YES,
    compared,
    results,
    several,
)
from tests.fakes import SEEDS, endpoint
from tests.hostile import COMMANDS, DOCUMENT, cut, json_values, mutated, odd

OPEN = compared(
    "open",
    lambda trial: (
        endpoint([6.0] * SEEDS, [float("inf")] * SEEDS, trial)
        < endpoint([6.0] * SEEDS, [float("inf")] * SEEDS, trial, number=2)
    ),
)
EVERYTHING = results(
    YES, NO, MAYBE, EXACT, WITH_ARMS, STRANGE, OPEN, several("refuted", "refuted", "supported"),
    errors=("broken", HOSTILE),
)  # fmt: skip


@pytest.mark.parametrize("outcome", [YES, MAYBE, EXACT, WITH_ARMS, STRANGE, OPEN])
def test_outcomes_survive_the_way_to_the_controller(outcome: Outcome) -> None:
    plain = execnet.loads(execnet.dumps(wire.to_plain(outcome)))
    assert wire.from_plain(plain, Outcome) == outcome


def test_the_table_as_json_says_the_unit() -> None:
    told = wire.brief(results(OPEN, EXACT))["claims"]
    assert "unit" not in told[0]
    assert (told[1]["claimed"], told[1]["unit"]) == ({"low": 0.5, "high": None}, "of seeds")


def test_errors_survive_the_way_to_the_controller() -> None:
    error = ErrorRecord(HOSTILE, "boom\n" * 3)
    assert wire.from_plain(execnet.loads(execnet.dumps(wire.to_plain(error))), ErrorRecord) == error


def test_texts_that_have_no_utf_8_are_escaped_on_the_way() -> None:
    """execnet took no lone surrogates: an undecodable path in a note ended the session."""
    lone = dataclasses.replace(
        WITH_ARMS,
        statement="a \ud800",
        explanation=("b \udce9",),
        arms=(dataclasses.replace(WITH_ARMS.arms[0], metrics={"c \udfff": (1.0, None)}),),
    )
    found = wire.from_plain(execnet.loads(execnet.dumps(wire.to_plain(lone))), Outcome)
    assert found == dataclasses.replace(
        lone,
        statement="a \\ud800",
        explanation=("b \\udce9",),
        arms=(dataclasses.replace(WITH_ARMS.arms[0], metrics={"c \\udfff": (1.0, None)}),),
    )


def test_a_numpy_scalar_does_not_get_onto_the_way() -> None:
    with pytest.raises(TypeError, match="numpy"):
        wire.to_plain(ErrorRecord("a", np.float64(1)))  # type: ignore[arg-type]


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    assert wire.save(EVERYTHING, tmp_path) == tmp_path / "results.json"
    assert wire.read(tmp_path) == EVERYTHING
    assert wire.read(tmp_path / "results.json") == EVERYTHING


def test_a_file_has_the_form_of_the_schema(tmp_path: Path) -> None:
    document = json.loads(wire.save(EVERYTHING, tmp_path).read_text(encoding="utf-8"))
    schema = wire.schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(document, schema)
    document["claims"][0]["findings"] = [{"verdict": "true"}]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema)


# Files that hold no results

OTHER_VERSION = (
    "has schema version 3; this is bnclaims for 5: run `pytest --claims-report=DIR` again, "
    "for which what is stored is not trained anew"
)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.pop("schemaVersion"), "holds no results of bnclaims: it has no schemaVersion"),
        (lambda d: d.update(schemaVersion=3), OTHER_VERSION),
        (
            lambda d: d.pop("figures"),
            "is damaged: Object missing required field `figures`",
        ),
        (
            lambda d: d["claims"][0].update(verdict="true"),
            "is damaged: Invalid enum value 'true' - at `$.claims[0].verdict`",
        ),
        (
            lambda d: d["claims"][1]["findings"][0].update(p="low"),
            "is damaged: Expected `float | null`, got `str` - at `$.claims[1].findings[0].p`",
        ),
        (
            lambda d: d["claims"][1]["findings"][0].update(looks=[]),
            "is damaged: Expected `array` of length >= 1 - at `$.claims[1].findings[0].looks`",
        ),
        (
            lambda d: d["claims"][1]["findings"][0]["region"].update(low=None),
            "is damaged: a region has an edge at least - at `$.claims[1].findings[0].region`",
        ),
        (
            lambda d: d["figures"][1]["edges"].pop(),
            "is damaged: line 'a' has not one share a bin - at `$.figures[1]`",
        ),
        (
            lambda d: d["figures"][1].update(edges=[1, 0, 1]),
            "is damaged: the edges of the bins do not increase - at `$.figures[1]`",
        ),
    ],
)
def test_a_damaged_file_is_named_with_the_place(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], words: str
) -> None:
    document = json.loads(DOCUMENT)
    change(document)
    file = tmp_path / "results.json"
    file.write_text(json.dumps(document))
    with pytest.raises(ResultsError) as caught:
        wire.read(tmp_path)
    assert str(caught.value) == f"{file} {words}"


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff", b"[]", b"3", b"null", b"[" * 100_000, b'{"a":' * 100_000, b"NaN", b'"\\ud800"'],
)
def test_what_is_no_document_is_told_in_a_line(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "results.json"
    file.write_bytes(content)
    with pytest.raises(ResultsError, match=rf"^{re.escape(str(file))} holds no results .*$"):
        wire.read(file)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=odd() | mutated() | cut() | json_values.map(lambda value: json.dumps(value).encode())
)
def test_no_file_makes_a_command_fail_without_a_word(
    command: list[str],
    content: bytes,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plots, "write", lambda *_: [])  # seconds for each example
    file = tmp_path / "results.json"
    file.write_bytes(content)
    status = main([part.format(results=file, folder=tmp_path) for part in command])
    said = capsys.readouterr().err
    assert status in {0, 2}
    assert (status == 2) == said.startswith("bnclaims: ")
    assert said.count("\n") == (status == 2)
