"""The report of a session: everything that its claims came to, as a document and a page."""

import os
import platform
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from bnclaims.errors import CommandError
from bnclaims.experiment.protocol import TrainingProtocol
from bnclaims.language.figure import Drawing
from bnclaims.reporting import badges, page, plots, whole, wire
from bnclaims.reporting.results import (
    ClaimResult,
    DesignRecord,
    ErrorRecord,
    MachineRecord,
    ProtocolRecord,
    ReferenceRecord,
    Results,
    SessionRecord,
)
from bnclaims.statistics.design import Design, Sequential

_PAGE, _BADGES, _FIGURES = "index.html", "badges", "figures"
_GENERATOR = '<meta name="generator" content="bnclaims">'
"""What tells a report's page from others."""

FOLDER = "claims-report"
"""Where a report goes unless the user names a folder."""


def results_of(
    claims: Sequence[ClaimResult],
    errors: Sequence[ErrorRecord],
    *,
    session: SessionRecord,
    figures: Sequence[Drawing],
    protocol: TrainingProtocol,
    design: Design,
    versions: Mapping[str, str],
    fingerprint: str = "",
    reference: ReferenceRecord | None = None,
) -> Results:
    """Returns the results of a session; their texts can be written, see `wire.writable`.

    Args:
        claims: What its claims came to, sorted by id.
        errors: The claims whose test went wrong; their messages lose a terminal's colours.
        session: How it ended.
        figures: Those whose runs are stored.
        protocol: How arms are trained where claims do not say.
        design: When the evidence was looked at.
        versions: Of the backend that trained.
        fingerprint: Of the session's images; '' where no arm was shown any.
        reference: What came of the comparison with an earlier release.
    """
    made = Results(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions={
            "bnclaims": own_version(),
            "python": platform.python_version(),
            "scipy": metadata.version("scipy"),
            **versions,
        },
        machine=MachineRecord(platform.platform(), os.cpu_count() or 1),
        session=session,
        protocol=ProtocolRecord(protocol.name, protocol.images, protocol.epochs),
        design=_design_record(design),
        declared=max((claim.declared for claim in claims), default=0),
        claims=tuple(claims),
        errors=tuple(
            ErrorRecord(error.id, _text(error.message))
            for error in sorted(errors, key=lambda error: error.id)
        ),
        figures=tuple(figures),
        fingerprint=fingerprint,
        reference=reference,
    )
    return wire.writable(made)


def write(results: Results, folder: Path) -> Path:
    """Writes results.json, the page, badges and figures into a folder; returns the page's path.

    All of it or nothing: an error leaves the older report as it was. Badges of claims that the
    results do not have go, files of others stay. A new folder git is told to ignore.

    Raises:
        CommandError: The folder holds another program's page or results.
        OSError: It cannot be written to.
    """
    return _published(results, folder, document=True)


def render(results: Results, folder: Path) -> Path:
    """Writes what people look at, as `write` does: the page, whose path it returns, and pictures.

    Raises:
        CommandError: The folder holds another program's page.
        OSError: It cannot be written to.
    """
    return _published(results, folder, document=False)


def is_in(folder: Path) -> bool:
    """Says whether a folder holds a report, rather than files of others, or none."""
    return _has(folder / _PAGE, _GENERATOR) or _has(folder / wire.FILE, wire.SIGN)


def check_place(folder: Path, *, document: bool = True) -> None:
    """Refuses what can be no folder of a report, or holds another program's page.

    Args:
        folder: Where the report is to go.
        document: Whether results.json goes there, too: then another program's is refused.

    Raises:
        CommandError: It does.
        OSError: Its name cannot be one.
    """
    first = next(place for place in (folder, *folder.parents) if place.exists())
    if not first.is_dir():
        raise CommandError(f"{first} is no folder: give the report another place")
    names = [_PAGE, wire.FILE] if document else [_PAGE]
    there = [folder / name for name in names if (folder / name).exists()]
    if there and not is_in(folder):
        raise CommandError(
            f"{there[0]} is of no report of bnclaims and is left as it is: give the report a "
            "folder of its own, or remove the file"
        )


def _has(file: Path, sign: str) -> bool:
    """Says whether a file has a sign at its beginning."""
    try:
        with file.open("rb") as opened:
            return sign.encode() in opened.read(1_000)
    except (OSError, ValueError):  # such as too long a name, or one with a NUL in it
        return False


def _published(results: Results, folder: Path, *, document: bool) -> Path:
    check_place(folder, document=document)
    with whole.draft_for(folder) as draft, whole.alone(folder):
        if whole.is_empty(folder):
            (draft / ".gitignore").write_text("*\n", encoding="utf-8")
        badges.write(results, draft / _BADGES)
        plots.write(results.figures, draft / _FIGURES, results.conditions, folder / _FIGURES)
        (draft / _PAGE).write_text(page.html(results), encoding="utf-8")
        if document:
            wire.save(results, draft)
        stale = badges.files(folder / _BADGES) - badges.files(draft / _BADGES)
        whole.replace(draft, folder, unwanted=[Path(_BADGES, name) for name in stale])
    return folder / _PAGE


def _text(message: str) -> str:
    """Returns a message without a terminal's colours and other control characters."""
    plain = re.sub(r"\x1b\[[0-?]*[ -/]*[@-~]", "", message)
    return "".join(c for c in plain if c in "\n\t" or unicodedata.category(c) != "Cc")


def own_version() -> str:
    """Returns the version of this package."""
    try:
        return metadata.version("bnclaims")
    except metadata.PackageNotFoundError:
        return "a checkout"


def _design_record(design: Design) -> DesignRecord:
    looks = tuple(design.looks)
    if isinstance(design, Sequential):
        how = str(design.spending), design.boundary.name
        return DesignRecord("sequential", looks, design.alpha, *how, design.futility)
    return DesignRecord("open", looks, design.alpha, None, None, design.futility)
