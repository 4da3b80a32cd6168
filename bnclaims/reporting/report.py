"""The report of a session: everything that its claims came to, as one JSON document.

The document's form is `results.schema.json`, beside this file; its version is raised whenever a
reader of the older form would misread the newer.
"""

import json
import os
import platform
import re
import shlex
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from bnclaims.reporting import badges, page, plots
from bnclaims.reporting.outcome import Outcome, holm_p
from bnclaims.session.options import Settings
from bnclaims.statistics.design import Sequential

SCHEMA_VERSION = 2


def document(
    outcomes: Sequence[Outcome],
    errors: Sequence[dict[str, str]],
    figures: Sequence[dict[str, Any]],
    settings: Settings,
    versions: Mapping[str, str],
) -> dict[str, Any]:
    """Returns the JSON document of a session.

    Args:
        outcomes: What its claims came to.
        errors: The claims whose test went wrong: `id` and `message`.
        figures: What `bnclaims.language.figure.drawn` returns of each.
        settings: What the session was asked for.
        versions: Of the backend that trained.
    """
    ordered = sorted(outcomes, key=lambda outcome: outcome.id)
    return {
        "schemaVersion": SCHEMA_VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {
            "bnclaims": _own_version(),
            "python": platform.python_version(),
            "scipy": metadata.version("scipy"),
            **versions,
        },
        "machine": {"platform": platform.platform(), "cores": os.cpu_count() or 1},
        "protocol": {
            "name": settings.protocol.name,
            "images": settings.protocol.images,
            "epochs": settings.protocol.epochs,
        },
        "design": _design(settings),
        "declared": max((outcome.declared for outcome in ordered), default=0),
        "claims": [
            outcome.to_plain()
            | {
                "as_expected": outcome.as_expected,
                "holm_p": p,
                "command": shlex.join(settings.command(outcome.test)),
            }
            for outcome, p in zip(ordered, holm_p(ordered), strict=True)
        ],
        "errors": sorted(
            ({"id": error["id"], "message": _text(error["message"])} for error in errors),
            key=lambda error: error["id"],
        ),
        "figures": list(figures),
    }


def schema() -> dict[str, Any]:
    """Returns the form that documents have, as JSON schema."""
    text = (
        resources.files("bnclaims.reporting")
        .joinpath("results.schema.json")
        .read_text(encoding="utf-8")
    )
    found: dict[str, Any] = json.loads(text)
    return found


def write(results: dict[str, Any], folder: Path) -> Path:
    """Writes the document, the page, badges and figures into a folder; returns the page's path.

    A new folder git is told to ignore.

    Raises:
        OSError: The folder cannot be written to.
    """
    if not folder.exists():
        folder.mkdir(parents=True)
        (folder / ".gitignore").write_text("*\n", encoding="utf-8")
    save(results, folder)
    return render(results, folder)


def save(results: dict[str, Any], folder: Path) -> None:
    """Writes the document itself.

    Raises:
        OSError: The folder cannot be written to.
    """
    text = json.dumps(results, allow_nan=False)
    (folder / "results.json").write_text(text + "\n", encoding="utf-8")


def render(results: dict[str, Any], folder: Path) -> Path:
    """Writes what people look at, from a document: the page, whose path it returns, and pictures.

    Raises:
        OSError: The folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    badges.write(results, folder / "badges")
    plots.write(results["figures"], folder / "figures")
    path = folder / "index.html"
    path.write_text(page.html(results), encoding="utf-8")
    return path


def _text(message: str) -> str:
    """Returns a message without a terminal's colours and other control characters."""
    plain = re.sub(r"\x1b\[[0-?]*[ -/]*[@-~]", "", message)
    return "".join(c for c in plain if c in "\n\t" or unicodedata.category(c) not in {"Cc", "Cs"})


def _own_version() -> str:
    try:
        return metadata.version("bnclaims")
    except metadata.PackageNotFoundError:
        return "a checkout"


def _design(settings: Settings) -> dict[str, Any]:
    design = settings.design
    return {
        "kind": design.name,
        "looks": list(design.looks),
        "alpha": design.alpha,
        "spending": str(design.spending) if isinstance(design, Sequential) else None,
    }
