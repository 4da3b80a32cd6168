"""Figures: what a drawing may hold."""

import dataclasses
from typing import Any

import pytest

from bnclaims.language.figure import Line
from tests.fake_results import CURVES, HISTOGRAM


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"edges": (0.0,)}, "the edges of the bins do not increase"),
        ({"edges": (0.0, 1.0, 1.0)}, "the edges of the bins do not increase"),
        ({"lines": (Line("a", ((0.5,),)),)}, "line 'a' has not one share a bin"),
        ({"lines": (Line("a", ()),)}, "line 'a' has not one share a bin"),
        ({"lines": (Line("a", ((0.5, None),)),)}, "line 'a' lacks a share"),
    ],
)
def test_a_histogram_has_a_share_for_each_bin(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(HISTOGRAM, **changes)


def test_curves_may_end_early() -> None:
    assert CURVES.lines[0].values[0][-1] is None
