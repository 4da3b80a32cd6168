"""Results as Markdown: a summary for a build's page, a table for a README."""

import html
import os
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from bnclaims.errors import CommandError, MarkerError
from bnclaims.reporting import changes, checked, whole
from bnclaims.reporting.badges import MARKS, anchors, claim_files, tally_text
from bnclaims.reporting.results import ClaimResult, ReferenceRecord, Results
from bnclaims.reporting.terminal import interval_text


def summary(results: Results, since: Results | None = None) -> list[str]:
    """Returns a summary: how many claims came to what, what is unexpected, and a row a claim.

    Args:
        results: Of a session.
        since: Of an earlier one; what changed since then comes first.
    """
    protocol = results.protocol
    data = f", on {' and '.join(results.data_names)}" if results.claims else ""
    backend = f", by {results.backend}" if results.backend else ""
    return [
        f"## Claims: {tally_text(results)}",
        "",
        f"{_text(protocol.name.capitalize())} protocol, {protocol.size}{_text(data + backend)}.",
        "",
        *([results.ending, ""] if results.ending else []),
        *([*_changed(since, results), ""] if since else []),
        *(
            f"- **{_text(error.id)}** has no verdict: {_text(error.message)}"
            for error in results.errors
        ),
        *(
            f"- **{_text(claim.id)}**: expected {claim.expected}, now {claim.verdict}"
            for claim in results.claims
            if not claim.as_expected
        ),
        *(["", *_table(results)] if results.claims else []),
        *(_checked(results.reference, results) if results.reference else []),
    ]


def _table(results: Results) -> list[str]:
    return [
        "| verdict | claim | estimate [interval] | claimed | seeds |",
        "|---|---|---|---|---|",
        *map(_row, results.claims),
    ]


def _checked(record: ReferenceRecord, results: Results) -> list[str]:
    """Returns what came of the comparison with a reference, a row for what is not as before."""
    told = checked.notable(record)
    return [
        "",
        f"### Against the reference: {_text(checked.counts_text(record))}",
        "",
        _text(f"{checked.since_text(record, results)}."),
        *(f"\n{_text(line)}." for line in checked.left_out(record)),
        *(["", "| status | metric | before, now and change |", "|---|---|---|"] if told else []),
        *(
            f"| {check.status} | {_text(check.name)} | {_text(checked.change_text(check))} |"
            for check in told
        ),
    ]


def _changed(old: Results, new: Results) -> list[str]:
    """Returns what changed since an earlier report, verdicts only, and what else was different."""
    verdicts = [change for change in changes.changes(old, new) if change.of_verdict]
    number = len(verdicts) or "no"
    versions = changes.other_versions(old, new)
    return [
        f"### Since {old.created[:10]}: {number} verdict{'s' * (number != 1)} changed",
        "",
        *(
            f"**Not comparable**, {_text(difference)}."
            for difference in changes.incomparable(old, new)
        ),
        *([f"Other versions: {_text('; '.join(versions))}."] if versions else []),
        *(["", "| claim | before | now |", "|---|---|---|"] if verdicts else []),
        *(
            f"| {_text(change.id)} | {_text(f'{change.before} {change.was}')} "
            f"| {_text(f'{change.after} {change.now}')} |"
            for change in verdicts
        ),
    ]


def _row(claim: ClaimResult) -> str:
    cells = [f"{MARKS[claim.verdict]} {claim.verdict}", _text(claim.id)]
    finding = claim.deciding
    if finding is None:
        cells += [claim.kind_without_numbers, "", ""]
    else:
        cells += [_text(interval_text(finding)), _text(finding.claimed), str(finding.seeds)]
    return f"| {' | '.join(cells)} |"


def badge_table(results: Results, badges: Path, page: Path, link: str = "") -> list[str]:
    """Returns a table of all claims with their badges.

    Args:
        results: Of a session.
        badges: The folder of the badges.
        page: The file that the table is for, to which its links are relative.
        link: Address of the report's page, on which each badge then opens its claim.
    """
    folder = _quoted(Path(os.path.relpath(badges, page.parent)).as_posix())
    files = claim_files(results)
    places = dict(zip(results.ids, anchors(results), strict=False))

    def badge(name: str, verdict: str) -> str:
        picture = f"![{_text(name)}: {verdict}]({folder}/{files[name]}.svg)"
        place = f"#{quote(places[name])}" if name in places else ""
        return f"[{picture}]({_address(link)}{place})" if link else picture

    rows = [(claim.id, claim.statement, str(claim.verdict)) for claim in results.claims]
    rows += [(error.id, error.message, "error") for error in results.errors]
    return [
        "| claim | verdict |",
        "|---|---|",
        *(f"| {_text(words)} | {badge(name, verdict)} |" for name, words, verdict in sorted(rows)),
    ]


def _address(link: str) -> str:
    """Returns an address as one that no Markdown ends."""
    return _quoted(link.partition("#")[0], safe=":/?&=%@+,;~")


def _quoted(name: str, safe: str = "/") -> str:
    """Returns a name as a part of an address, with the bytes that it has where it has no text."""
    return quote(name, safe, errors="surrogateescape")


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
    table = "\n".join(["", *lines, ""])
    if rest.startswith("\r\n"):
        table = table.replace("\n", "\r\n")
    return f"{head}{start}{table}{end}{tail}"


def insert(page: Path, name: str, lines: Sequence[str]) -> None:
    """Writes generated lines into a file, see `inserted`; an error leaves it as it was.

    Raises:
        MarkerError: The page has no such place.
        CommandError: It is not in UTF-8.
        OSError: It cannot be read or written.
    """
    try:
        text = page.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise CommandError(
            f"{page} is not in UTF-8 (byte {error.start + 1}): save it in that encoding first"
        ) from None
    whole.write(page, inserted(text, name, lines))


def _text(words: str) -> str:
    """Returns words that stay words in a cell of a Markdown table, be they HTML or Markdown."""
    escaped = html.escape(" ".join(words.split()), quote=False)
    return re.sub(r"([\\`*_\[\]|~!#])", r"\\\1", escaped)
