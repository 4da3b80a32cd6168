"""Results as Markdown: a summary for a build's page, a table for a README."""

import html
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bnclaims.errors import MarkerError
from bnclaims.reporting.badges import MARKS, claim_files, tally
from bnclaims.reporting.terminal import interval_text


def summary(results: Mapping[str, Any]) -> list[str]:
    """Returns a summary: how many claims came to what, what is unexpected, and a row a claim."""
    protocol = results["protocol"]
    size = f"{protocol['images']:,} images, {protocol['epochs']} epochs"
    counts = ", ".join(f"{count} {verdict}" for verdict, count in tally(results)) or "none"
    lines = [
        f"## Claims: {counts}",
        "",
        f"{protocol['name'].capitalize()} protocol, {size}.",
        "",
    ]
    for error in results["errors"]:
        lines += [f"- **{_text(error['id'])}** has no verdict: {_text(error['message'])}"]
    for claim in results["claims"]:
        if not claim["as_expected"]:
            name, verdict = _text(claim["id"]), claim["verdict"]
            lines += [f"- **{name}**: expected {claim['expected']}, now {verdict}"]
    lines += ["", "| verdict | claim | estimate [interval] | seeds |", "|---|---|---|---|"]
    for claim in results["claims"]:
        verdict = f"{MARKS[claim['verdict']]} {claim['verdict']}"
        found = claim["findings"][:1]
        numbers = [f"{interval_text(f)} | {f['seeds']}" for f in found] or [" | "]
        lines += [f"| {verdict} | {_text(claim['id'])} | {numbers[0]} |"]
    return lines


def badge_table(results: Mapping[str, Any], badges: Path, page: Path) -> list[str]:
    """Returns a table of all claims with their badges.

    Args:
        results: The document of `bnclaims.reporting.report`.
        badges: The folder of the badges.
        page: The file that the table is for, to which its links are relative.
    """
    folder = quote(Path(os.path.relpath(badges, page.parent)).as_posix())
    rows = [(claim["id"], claim["statement"], claim["verdict"]) for claim in results["claims"]]
    rows += [(error["id"], error["message"], "error") for error in results["errors"]]
    files = claim_files(results)
    return [
        "| claim | verdict |",
        "|---|---|",
        *(
            f"| {_text(words)} | ![{_text(name)}: {verdict}]({folder}/{files[name]}.svg) |"
            for name, words, verdict in sorted(rows)
        ),
    ]


def inserted(page: str, name: str, lines: Sequence[str]) -> str:
    """Returns a page with generated lines between `<!-- NAME -->` and `<!-- /NAME -->`.

    Raises:
        MarkerError: The page has no such place.
    """
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    head, opened, rest = page.partition(start)
    _, closed, tail = rest.partition(end)
    if not opened or not closed:
        raise MarkerError(f"write {start} and, below it, {end} where the table is to go")
    return "\n".join([head + start, *lines, end]) + tail


def insert(page: Path, name: str, lines: Sequence[str]) -> None:
    """Writes generated lines into a file, see `inserted`.

    Raises:
        MarkerError: The page has no such place.
        OSError: It cannot be read or written.
    """
    text = inserted(page.read_text(encoding="utf-8"), name, lines)
    page.write_text(text, encoding="utf-8")


def _text(words: str) -> str:
    """Returns words that stay words in a cell of a Markdown table, be they HTML or Markdown."""
    escaped = html.escape(" ".join(words.split()), quote=False)
    return re.sub(r"([\\`*_\[\]|~!#])", r"\\\1", escaped)
