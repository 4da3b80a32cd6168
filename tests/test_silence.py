"""What libraries write below Python stays off the terminal, unless something breaks."""

import os

import pytest

from bnclaims.silence import silence


def test_chatter_below_python_is_kept_off(capfd: pytest.CaptureFixture[str]) -> None:
    with silence():
        os.write(2, b"chatter\n")
    os.write(2, b"said\n")
    assert capfd.readouterr().err == "said\n"


def test_what_a_failure_wrote_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    @silence()
    def fail() -> None:
        os.write(2, b"why it failed\n")
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        fail()
    assert capfd.readouterr().err == "why it failed\n"
