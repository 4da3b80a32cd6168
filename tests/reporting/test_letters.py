"""Estimated widths of texts, against those of the font itself."""

import pytest
from matplotlib import get_data_path
from matplotlib.ft2font import FT2Font

from bnclaims.reporting.letters import width

FONT = FT2Font(f"{get_data_path()}/fonts/ttf/DejaVuSans.ttf")
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,:;-()[]/+<>=_%"


def in_the_font(text: str) -> float:
    """The sum of the advances, for a font of size 1."""
    return sum(FONT.load_char(ord(c)).linearHoriAdvance for c in text) / 65536 / FONT_SIZE


FONT_SIZE = 100.0
FONT.set_size(FONT_SIZE, 72)


@pytest.mark.parametrize("letter", LETTERS)
def test_a_letter_is_about_as_wide_as_in_the_font(letter: str) -> None:
    assert width(letter, 1.0) == pytest.approx(
        in_the_font(letter), abs=0.11
    )  # alike ones share a width


@pytest.mark.parametrize(
    "text",
    [
        "3 supported, 2 errors",
        "mean_loss(sigmoid 1 BN)",
        "LayerNorm helps",
        "ILLINI",
        "0.1 [-2, 3]",
    ],
)
def test_a_text_is_about_as_wide_as_in_the_font(text: str) -> None:
    assert width(text, 11) == pytest.approx(11 * in_the_font(text), rel=0.05)


def test_chinese_signs_are_as_wide_as_high() -> None:
    assert width("統計", 12) == 24
