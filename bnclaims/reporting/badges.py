"""Badges: a verdict as a small picture, and as JSON for shields.io's endpoint.

Colours differ in lightness and hue (after Okabe & Ito's palette), are dark enough for white text
(WCAG AA) and never say alone what the words do not.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

from bnclaims.reporting import checked, whole
from bnclaims.reporting.letters import width
from bnclaims.reporting.results import ClaimResult, ReferenceRecord, Results
from bnclaims.reporting.terminal import numbers_text

COLOURS = {
    "supported": "#00664d",
    "refuted": "#a34700",
    "inconclusive": "#5c5c8a",
    "error": "#4d4d4d",
}

MARKS = {"supported": "✓", "refuted": "✗", "inconclusive": "?", "error": "!"}
"""For where there is no room for words, or for words alone."""

_LONGEST = 100
"""Characters of a file's name, before what tells it from others: file systems take 255 bytes."""

_LABEL_COLOUR = "#333333"
_SUITE = "claims"
"""What the suite's badge is called."""
_REFERENCE = "reference"
"""What the badge of the comparison with a reference is called."""
_PADDING, _HEIGHT, _SIZE = 10, 20, 11


def write(results: Results, folder: Path) -> list[Path]:
    """Writes an SVG and a JSON file for each claim, and for the suite; returns the SVGs' paths.

    The comparison with a reference has one, too, where there was one.

    Args:
        results: Of a session.
        folder: Where they go; made if need be.

    Raises:
        OSError: The folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    badges = [_claim(claim) for claim in results.claims]
    badges += [_Badge(error.id, "error", "error") for error in results.errors]
    names = claim_files(results)
    paths = [_written(folder, names[badge.label], badge) for badge in sorted(badges)]
    if results.reference:
        paths.append(_written(folder, _REFERENCE, _reference(results.reference)))
    return [*paths, _written(folder, _SUITE, _suite(results))]


def publish(results: Results, folder: Path) -> list[Path]:
    """Writes badges as `write` does, but all or none: an error leaves older ones as they were."""
    with whole.draft_for(folder) as draft:
        written = write(results, draft)
        whole.replace(draft, folder)
    return [folder / path.name for path in written]


def files(folder: Path) -> set[str]:
    """Returns the names of a folder's badges, in both their forms, without those of others."""
    names = [path.stem for path in folder.glob("*.json") if _is_ours(path)]
    found = {f"{name}.{kind}" for name in names for kind in ("svg", "json")}
    return {name for name in found if (folder / name).exists()}


def tally(results: Results) -> list[tuple[str, int]]:
    """Returns how many claims came to each verdict, those that went wrong included."""
    verdicts: list[str] = [claim.verdict for claim in results.claims]
    verdicts += ["error"] * len(results.errors)
    return [(name, verdicts.count(name)) for name in COLOURS if name in verdicts]


def tally_text(results: Results) -> str:
    """Returns how many claims came to what, and how the session ended if it did not succeed."""
    counts = [
        f"{count} {verdict}" + "s" * (verdict == "error" and count > 1)
        for verdict, count in tally(results)
    ]
    counts += [results.ending_in_brief] if results.ending_in_brief else []
    return ", ".join(counts) or "none"


def file_name(claim: str) -> str:
    """Returns a claim's name as one that every file system takes."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", claim)[:_LONGEST].strip("-")


def file_names(names: Iterable[str], reserved: Collection[str] = ()) -> dict[str, str]:
    """Returns a file name for each name, no two of them the same on any file system.

    Args:
        names: Of claims or figures.
        reserved: File names that are taken.
    """
    known = list(dict.fromkeys(names))
    short = {name: file_name(name) for name in known}
    counts = Counter([*(text.lower() for text in short.values()), *reserved])
    return {
        name: text
        if text.strip(".") and counts[text.lower()] == 1 and len(text) <= _LONGEST
        else f"{text[:_LONGEST]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}".lstrip("-")
        for name, text in short.items()
    }


def claim_files(results: Results) -> dict[str, str]:
    """Returns the file name of each claim's badge."""
    return file_names(results.ids, reserved=[_SUITE, *([_REFERENCE] if results.reference else [])])


def anchors(results: Results) -> list[str]:
    """Returns each claim's place on the page, as its address says it, no two of them the same."""
    found: list[str] = []
    for place, claim in enumerate(results.claims):
        name = f"claim-{file_name(claim.id)}"
        found.append(f"{name}~{place}" if name in found else name)
    return found


def endpoint(label: str, message: str, colour: str) -> dict[str, Any]:
    """Returns what shields.io's endpoint wants to know of a badge."""
    return {"schemaVersion": 1, "label": label, "message": message, "color": colour}


def svg(label: str, message: str, colour: str, details: str = "") -> str:
    """Returns a badge as an SVG picture, with a title for a pointer and those who cannot see it.

    Args:
        label: What the badge is of, on the left.
        message: What is said of it, on the right.
        colour: Of the right half.
        details: What the title says beside both.
    """
    left, right = (width(text, _SIZE) + _PADDING for text in (label, message))
    whole = left + right
    title = f"{label}: {message}" + (f" · {details}" if details else "")

    def words(text: str, centre: float) -> str:
        # Another font's letters move apart or together, so that they stay within.
        fitted = f'textLength="{width(text, _SIZE):.1f}"'
        return f'<text x="{centre:.1f}" y="14" {fitted}>{escape(text)}</text>'

    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole:.0f}" height="{_HEIGHT}" '
        f'role="img" aria-label="{escape(title, {chr(34): "&quot;"})}">'
        f"<title>{escape(title)}</title>"
        f'<clipPath id="r"><rect width="{whole:.0f}" height="{_HEIGHT}" rx="3"/></clipPath>'
        f'<g clip-path="url(#r)"><rect width="{left:.1f}" height="{_HEIGHT}" '
        f'fill="{_LABEL_COLOUR}"/><rect x="{left:.1f}" width="{right:.1f}" height="{_HEIGHT}" '
        f'fill="{colour}"/></g><g fill="#fff" text-anchor="middle" font-size="{_SIZE}" '
        'font-family="Verdana,DejaVu Sans,Geneva,sans-serif">'
        f"{words(label, left / 2)}{words(message, left + right / 2)}</g></svg>\n"
    )


def _is_ours(path: Path) -> bool:
    """Says whether a file is a badge of this package: nobody else has its colours."""
    try:
        badge = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    if not isinstance(badge, dict) or badge.keys() != endpoint("", "", "").keys():
        return False
    return badge["color"] in COLOURS.values()


class _Badge(NamedTuple):
    label: str
    message: str
    verdict: str
    details: str = ""


def _claim(claim: ClaimResult) -> _Badge:
    unexpected = "" if claim.as_expected else ", unexpected"
    seeds = f", n = {claim.deciding.seeds}" if claim.deciding else ""
    of = f"{claim.protocol} protocol, {claim.data_name}"
    message = f"{claim.verdict}{unexpected}{seeds} · {of}"
    numbers = numbers_text(claim.deciding) if claim.deciding else ""
    return _Badge(claim.id, message, claim.verdict, numbers)


def _suite(results: Results) -> _Badge:
    verdict = "supported" if results.all_as_expected else "error"
    return _Badge(_SUITE, f"{tally_text(results)} · {results.conditions}", verdict)


def _reference(record: ReferenceRecord) -> _Badge:
    message = f"{checked.counts_text(record)} · {record.file}"
    return _Badge(_REFERENCE, message, "supported" if record.is_fine else "refuted")


def _written(folder: Path, name: str, badge: _Badge) -> Path:
    label, message, verdict, details = badge
    data = endpoint(label, message, COLOURS[verdict])
    (folder / f"{name}.json").write_text(json.dumps(data) + "\n", encoding="utf-8")
    path = folder / f"{name}.svg"
    path.write_text(svg(label, message, COLOURS[verdict], details), encoding="utf-8")
    return path
