"""How wide a text is in DejaVu Sans, which Verdana and most systems' sans serifs resemble."""

import unicodedata

_ADVANCES = {
    "'ijlIJ": 0.28, " ,./:;\\|f·": 0.33, "-()[]t!r": 0.39, '"*_`sz?': 0.51, "cLFkvxy": 0.57,
    "PTYaoe": 0.61, "ABKVXZRC": 0.68, "UNHDGO&Qw✓": 0.77, "#+<=>^~": 0.84, "Mm%W@—…": 0.97,
}  # fmt: skip
"""Widths of characters, for a font of size 1."""
_ADVANCE = {character: width for group, width in _ADVANCES.items() for character in group}
_DIGIT, _WIDE = 0.636, 1.0
"""The widths of all others, and of those that East Asian fonts make wide."""


def width(text: str, size: float) -> float:
    """Returns how wide a text is, in the unit of the font's size."""
    return size * sum(
        _WIDE if unicodedata.east_asian_width(c) in "WF" else _ADVANCE.get(c, _DIGIT) for c in text
    )
