"""Options: whatever is given, they are understood or refused in one readable line."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnclaims.session.options import OPTIONS, Settings, ini_name


class FakeConfig:
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
    return Settings.from_pytest_config(cast(Any, FakeConfig(**given)))


NASTY = st.sampled_from(
    ["1e999", "-0", "nan", "inf", "99999999999999999999", "5,1000000", "1" * 5_000, "~nobody/x",
     "a" * 5_000, "\0", "0.5", "power:inf", "power:nan", "power:1e-300", "5,5", "1", "2,3", "😀",
     "5,10,15,20," * 50 + "900"]
)  # fmt: skip
VALUES = NASTY | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from([name for name, *_ in OPTIONS] + ["report"]), VALUES))
def test_whatever_is_given_is_understood_or_refused_in_a_line(given_values: dict[str, str]) -> None:
    try:
        settings_of(**{ini_name(name): value for name, value in given_values.items()})
    except pytest.UsageError as error:
        (message,) = error.args
        assert message.startswith("--claims-")
        assert len(message) < 500


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("looks", "5,1000000", "give at most 100 looks, the last at 10,000 seeds or before"),
        ("looks", "99999999999999999999", "give at most 100 looks"),
        ("run_timeout", "0", "--claims-run-timeout 0: give seconds, as in 600"),
        ("run_timeout", "soon", "give seconds"),
        ("store", "a" * 5_000, "File name too long"),
    ],
)
def test_what_has_no_sense_is_refused(option: str, value: str, words: str) -> None:
    """A million seeds were planned, and a path of 5,000 characters was an internal error."""
    with pytest.raises(pytest.UsageError, match=words):
        settings_of(**{f"claims_{option}": value})


def test_without_a_home_folder_the_option_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs went to a folder called `~`."""
    assert settings_of().homeless == ""
    monkeypatch.setattr("bnclaims.session.options.cache_folder", lambda: Path("~/.cache"))
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda _: (_ for _ in ()).throw(KeyError()))
    assert "give --claims-store=DIR" in settings_of().homeless
    assert settings_of(claims_store="/runs").homeless == ""


def test_a_run_timeout_is_in_seconds() -> None:
    assert settings_of().run_timeout is None
    assert settings_of(claims_run_timeout="1.5").run_timeout == 1.5
