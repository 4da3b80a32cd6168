"""The command line: `python -m bnclaims COMMAND`, on saved results."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bnclaims.errors import CommandError, MarkerError
from bnclaims.reporting import badges, markdown, report
from bnclaims.reporting.outcome import Outcome
from bnclaims.reporting.terminal import evidence, interval_text, table


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit status: 1 where a verdict changed, 2 for a mistake."""
    asked = _parser().parse_args(arguments)
    try:
        status: int = asked.command(asked)
    except (CommandError, OSError) as error:
        print(f"python -m bnclaims: {error}", file=sys.stderr)  # noqa: T201
        return 2
    return status


def _list(asked: argparse.Namespace) -> int:
    results = _loaded(asked.results)
    for line, _ in table(_outcomes(results)):
        _say(line)
    for claim, message in _errors(results).items():
        first, *_ = message.split("\n")
        _say(f"error  {claim}: {first}")
    return 0


def _show(asked: argparse.Namespace) -> int:
    results = _loaded(asked.results)
    outcomes, errors = _outcomes(results), _errors(results)
    known = sorted({outcome.id for outcome in outcomes} | errors.keys())
    if asked.claim not in known:
        raise CommandError(
            f"there is no claim {asked.claim!r} in {asked.results}; it has {', '.join(known)}"
        )
    if asked.claim in errors:
        _say(f"{asked.claim}: its test went wrong\n{errors[asked.claim]}")
    for line in evidence(outcomes, asked.claim):
        _say(line)
    return 0


def _report(asked: argparse.Namespace) -> int:
    source = Path(asked.results)
    beside = source if source.is_dir() else source.parent
    results, folder = _loaded(asked.results), Path(asked.folder or beside)
    page = report.render(results, folder)
    if asked.folder:  # the page says that they are beside it
        report.save(results, folder)
    _say(str(page))
    return 0


def _markdown(asked: argparse.Namespace) -> int:
    results = _loaded(asked.results)
    page = Path(asked.into) if asked.into else None
    lines = markdown.summary(results)
    if asked.badges:
        badges.write(results, Path(asked.badges))
        lines = markdown.badge_table(results, Path(asked.badges), page or Path("README.md"))
    if page is None:
        _say("\n".join(lines))
        return 0
    try:
        markdown.insert(page, "claims", lines)
    except MarkerError as error:
        raise CommandError(f"{page}: {error}") from None
    return 0


def _badges(asked: argparse.Namespace) -> int:
    for path in badges.write(_loaded(asked.results), Path(asked.folder)):
        _say(str(path))
    return 0


def _compare(asked: argparse.Namespace) -> int:
    old, new = (_verdicts(_loaded(path)) for path in (asked.old, asked.new))
    names = sorted(old.keys() | new.keys())
    changed = 0
    for name in names:
        (before, was), (after, now) = old.get(name, _ABSENT), new.get(name, _ABSENT)
        if before != after:
            changed += 1
            _say(f"{name}: {before} -> {after}")
        elif was != now:
            _say(f"{name}: {after} as before, {was} -> {now}")
    _say(f"{changed} of {len(names)} verdicts changed")
    return 1 if changed else 0


_ABSENT = "absent", ""


def _verdicts(results: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Returns each claim's verdict and its first number."""
    decided = {claim["id"]: (claim["verdict"], _number(claim)) for claim in results["claims"]}
    return decided | dict.fromkeys(_errors(results), ("error", ""))


def _number(claim: dict[str, Any]) -> str:
    return interval_text(claim["findings"][0]) if claim["findings"] else "no value"


def _errors(results: dict[str, Any]) -> dict[str, str]:
    """Returns what went wrong with the claims whose test did."""
    return {error["id"]: error["message"] for error in results["errors"]}


def _outcomes(results: dict[str, Any]) -> list[Outcome]:
    return [Outcome.from_plain(claim) for claim in results["claims"]]


def _loaded(path: str) -> dict[str, Any]:
    """Returns the results in a file, or in a report's folder."""
    file = Path(path)
    file = file / "results.json" if file.is_dir() else file
    try:
        results: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        version = results["schemaVersion"]
    except FileNotFoundError:
        raise CommandError(
            f"{file} does not exist: run `pytest --claims-report DIR` first, and name DIR"
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError):
        raise CommandError(f"{file} holds no results of bnclaims") from None
    if version != report.SCHEMA_VERSION:
        raise CommandError(
            f"{file} has schema version {version}; this is bnclaims for {report.SCHEMA_VERSION}: "
            "run `pytest --claims-report DIR` again, for which what is stored is not trained anew"
        )
    if missing := set(report.schema()["required"]) - results.keys():
        raise CommandError(f"{file} lacks {', '.join(sorted(missing))}: it is not whole")
    return results


def _say(line: str) -> None:
    print(line)  # noqa: T201


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bnclaims", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    where = "results.json of `pytest --claims-report DIR`, or DIR"

    def command(name: str, function: Any, text: str, **arguments: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(command=function)
        for argument, meaning in arguments.items():
            sub.add_argument(argument, help=meaning)
        return sub

    command("list", _list, "print the verdict table", results=where)
    command("show", _show, "print a claim's evidence", results=where, claim="the claim's id")
    page = command("report", _report, "write the page, badges and figures anew", results=where)
    page.add_argument("folder", nargs="?", help="where to; beside the results by default")
    summary = command("markdown", _markdown, "print a summary in Markdown", results=where)
    summary.add_argument("--badges", metavar="FOLDER", help="write badges, and a table of them")
    summary.add_argument(
        "--into",
        metavar="FILE",
        help="put it between <!-- claims --> and <!-- /claims --> instead of printing it",
    )
    command("badges", _badges, "write a badge for each claim", results=where, folder="where to")
    command(
        "compare",
        _compare,
        "say which verdicts and estimates changed; exit status 1 if a verdict did",
        old=where,
        new=where,
    )
    return parser
