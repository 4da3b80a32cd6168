"""The command line, `bnclaims COMMAND`: what saved results hold, and what can be made of them."""

import argparse
import difflib
import io
import itertools
import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bnclaims.errors import CommandError, MarkerError, ResultsError
from bnclaims.language import new_claim
from bnclaims.reporting import (
    badges,
    changes,
    checked,
    github,
    markdown,
    reference,
    report,
    terminal,
    whole,
    wire,
)
from bnclaims.reporting.page import found_text
from bnclaims.reporting.results import Results
from bnclaims.running.local_store import LocalStore
from bnclaims.session.options import cache_folder

_REPORT = Path(report.FOLDER)
"""Where commands look for results by default."""

_CLOSED_PIPE = 141
"""What a shell reports of a program whose reader has gone."""

_RESULTS = "results.json of `pytest --claims-report=DIR`, or DIR"
"""What a command takes that reads results."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit status: 1 where a verdict changed, 2 for a mistake."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a mark that it lacks ends no command
    asked = _parser().parse_args(arguments)
    try:
        status: int = asked.command(asked)
        sys.stdout.flush()
    except BrokenPipeError:
        # Else Python complains when it flushes what nobody reads.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _CLOSED_PIPE
    except (CommandError, MarkerError, ResultsError) as error:
        return _failed(str(error))
    except OSError as error:
        return _failed(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    return status


def _failed(why: str) -> int:
    print(f"bnclaims: {why}", file=sys.stderr)  # noqa: T201
    return 2


def _list(asked: argparse.Namespace) -> int:
    results = wire.read(asked.results)
    if asked.json:
        return _say_json(wire.brief(results))
    for line, _ in terminal.table(results.claims, _width()):
        _say(line)
    for error in results.errors:
        first, *_ = error.message.split("\n")
        _say(f"error  {error.id}: {first}")
    counts = [terminal.counts(results.claims)] if results.claims else []
    if results.reference:
        counts.append(f"against {results.reference.file}: {checked.counts_text(results.reference)}")
    for line in [*terminal.fitted(counts, _width()), *terminal.provenance(results.claims)]:
        _say(line)
    return 0


def _show(asked: argparse.Namespace) -> int:
    alone = asked.results == _REPORT and not asked.results.exists()
    if alone and Path(asked.claim).exists():
        raise CommandError(f"say which claim: bnclaims show {asked.claim} CLAIM")
    results = wire.read(asked.results)
    claims = [claim for claim in results.claims if claim.id == asked.claim]
    errors = [error for error in results.errors if error.id == asked.claim]
    if not claims and not errors:
        raise CommandError(_unknown(asked.claim, results, asked.results))
    if asked.json:
        return _say_json(msgspec.to_builtins([*claims, *errors][0]))
    for error in errors:
        _say(f"{error.id} has no verdict: {error.message}")
    words = [found_text(claim) for claim in claims]
    lines = terminal.fitted([*terminal.evidence(claims), *words], _width())
    for line in [*lines, *terminal.provenance(claims)]:
        _say(line)
    return 0


def _width() -> int:
    return shutil.get_terminal_size((terminal.WIDTH, 24)).columns


def _unknown(name: str, results: Results, path: Path) -> str:
    known = sorted(set(results.ids))
    close = difflib.get_close_matches(name, known)
    hint = f"did you mean {' or '.join(close)}?" if close else f"it has {', '.join(known)}"
    return f"there is no claim {name!r} in {path}: {hint}"


def _report(asked: argparse.Namespace) -> int:
    results = wire.read(asked.results)
    beside = asked.results if asked.results.is_dir() else asked.results.parent
    # The page says that the results are beside it.
    page = report.write(results, asked.folder) if asked.folder else report.render(results, beside)
    _say(str(page))
    return 0


def _markdown(asked: argparse.Namespace) -> int:
    results = wire.read(asked.results)
    lines = markdown.summary(results, _earlier(asked))
    if asked.badges:
        badges.publish(results, asked.badges)
        page = asked.into or Path("README.md")
        lines = markdown.badge_table(results, asked.badges, page, asked.link)
    if asked.into is None:
        _say("\n".join(lines))
        return 0
    try:
        markdown.insert(asked.into, "claims", lines)
    except MarkerError as error:
        raise CommandError(f"{asked.into}: {error}") from None
    return 0


def _github(asked: argparse.Namespace) -> int:
    results, build = wire.read(asked.results), github.Build.of(os.environ)
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    told = github.report(
        results, _earlier(asked), build, name=asked.name, summary=Path(summary) if summary else None
    )
    for line in told:
        _say(line)
    return 0


def _earlier(asked: argparse.Namespace) -> Results | None:
    return wire.read(asked.since) if asked.since else None


def _freeze(asked: argparse.Namespace) -> int:
    made = reference.frozen(wire.read(asked.results), asked.margin, asked.deviations)
    whole.write(asked.output, reference.encoded(made))
    seeds = sorted({len(metric.values) for metric in made.metrics})
    most = f" to {seeds[-1]}" if len(seeds) > 1 else ""
    count = len(made.metrics)
    _say(f"{asked.output}: {count} metric{'s' * (count != 1)}, {seeds[0]}{most} seeds")
    _say(f"compare a later release with it by --claims-reference={asked.output}")
    return 0


def _badges(asked: argparse.Namespace) -> int:
    for path in badges.publish(wire.read(asked.results), asked.folder):
        _say(str(path))
    return 0


def _compare(asked: argparse.Namespace) -> int:
    old, new = wire.read(asked.old), wire.read(asked.new)
    unlike = changes.incomparable(old, new)
    if unlike and not asked.anyway:
        raise CommandError(
            f"{asked.old} and {asked.new} differ in {'; '.join(unlike)}. That alone may change "
            "verdicts; compare them all the same with --anyway"
        )
    found = changes.changes(old, new)
    changed = sum(change.of_verdict for change in found)
    versions = changes.other_versions(old, new)
    if asked.json:
        different = {"conditions": unlike, "versions": versions}
        _say_json({"changes": msgspec.to_builtins(found), **different})
        return 1 if changed else 0
    _say(f"{changed} of {len({*old.ids, *new.ids})} verdicts changed")
    for change in found[:changed]:
        _say(
            f"{change.id}: {_came_to(change.before, change.was)} -> "
            f"{_came_to(change.after, change.now)}"
        )
    for difference in (*unlike, *versions):
        _say(f"also different: {difference}")
    for change in found[changed:]:
        _say(f"{change.id}: {change.after} as before, {change.was} -> {change.now}")
    return 1 if changed else 0


def _came_to(verdict: str, numbers: str) -> str:
    return f"{verdict} {numbers}".rstrip()


def _store(asked: argparse.Namespace) -> LocalStore:
    if not asked.folder.is_dir():
        raise CommandError(f"there is no store in {asked.folder}: no such folder")
    store = LocalStore(asked.folder)
    if not store.is_one():
        raise CommandError(f"there is no store in {asked.folder}: it holds other files only")
    return store


def _store_list(asked: argparse.Namespace) -> int:
    runs = [run for run in _store(asked).stored() if not run.problem]
    if not runs:
        _say(f"no runs in {asked.folder}")
    for digest, of_arm in itertools.groupby(runs, lambda run: run.path.parent.name):
        first, *more = of_arm
        trained = max(run.trained for run in (first, *more))
        _say(f"{digest[:12]}  {1 + len(more):4} runs, last {trained}  {first.arm}")
    return 0


def _store_size(asked: argparse.Namespace) -> int:
    sizes = [run.size for run in _store(asked).stored()]
    _say(f"{len(sizes):,} runs, {sum(sizes) / 2**20:,.1f} MiB in {asked.folder}")
    return 0


def _store_verify(asked: argparse.Namespace) -> int:
    runs = list(_store(asked).stored())
    damaged = [run for run in runs if run.problem]
    for run in damaged:
        _say(f"{run.path}: {run.problem}")
    _say(f"{len(damaged)} of {len(runs):,} runs are damaged")
    return 1 if damaged else 0


def _store_prune(asked: argparse.Namespace) -> int:
    nothing = True
    for path in _store(asked).prune():
        nothing = False
        _say(f"removed {path}")
    if nothing:
        _say("nothing to remove")
    return 0


def _new(asked: argparse.Namespace) -> int:
    path = new_claim.write(wire.writable(asked.statement), asked.folder)
    _say(f"{path}: fill in MARGIN and source=, then run `pytest {path}`")
    return 0


def _schema(_: argparse.Namespace) -> int:
    _say(json.dumps(wire.schema(), indent=2))
    return 0


def _say_json(plain: Any) -> int:
    _say(json.dumps(plain, indent=2))
    return 0


def _say(line: str) -> None:
    print(line)  # noqa: T201


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bnclaims", description=__doc__)
    parser.add_argument("--version", action="version", version=f"bnclaims {report.own_version()}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    as_json = argparse.ArgumentParser(add_help=False)
    as_json.add_argument("--json", action="store_true", help="print JSON")
    _add_readers(commands, as_json)
    _add_writers(commands)
    _add_compare(commands, as_json)
    _add_freeze(commands)
    _add_new(commands)
    _command(commands, "schema", _schema, "print the form of results.json, as JSON schema")
    _add_store(commands)
    return parser


def _command(
    commands: Any,
    name: str,
    function: Callable[[argparse.Namespace], int],
    text: str,
    *options: argparse.ArgumentParser,
) -> argparse.ArgumentParser:
    """Adds a command.

    Args:
        commands: What argparse adds commands to.
        name: The command's.
        function: Runs it; returns the exit status.
        text: What it does.
        *options: Parsers of options that it shares with others.
    """
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text, parents=options
    )
    parser.set_defaults(command=function)
    return parser


def _command_on_results(
    commands: Any,
    name: str,
    function: Callable[[argparse.Namespace], int],
    text: str,
    *options: argparse.ArgumentParser,
) -> argparse.ArgumentParser:
    """Adds a command whose first argument names results; see `_command`."""
    parser = _command(commands, name, function, text, *options)
    what = f"{_RESULTS}; {_REPORT} by default"
    parser.add_argument("results", nargs="?", type=Path, default=_REPORT, help=what)
    return parser


def _add_readers(commands: Any, as_json: argparse.ArgumentParser) -> None:
    """Adds what prints results."""
    _command_on_results(commands, "list", _list, "print the verdict table", as_json)
    show = _command_on_results(commands, "show", _show, "print a claim's evidence", as_json)
    show.add_argument("claim", help="its id")


def _add_writers(commands: Any) -> None:
    """Adds what makes something of results."""
    page = _command_on_results(
        commands, "report", _report, "write the page, badges and figures again"
    )
    page.add_argument(
        "folder", nargs="?", type=Path, help="where to; beside the results by default"
    )
    summary = _command_on_results(commands, "markdown", _markdown, "print a summary in Markdown")
    summary.add_argument(
        "--badges", metavar="FOLDER", type=Path, help="write badges, and a table of them"
    )
    summary.add_argument(
        "--link",
        metavar="ADDRESS",
        default="",
        help="of the page, where each badge opens its claim",
    )
    summary.add_argument(
        "--into",
        metavar="FILE",
        type=Path,
        help="put it between <!-- claims --> and <!-- /claims --> instead of printing it",
    )
    on_github = _command_on_results(
        commands,
        "github",
        _github,
        "tell GitHub Actions: summary, annotations, a comment, an issue",
    )
    on_github.add_argument(
        "--name", default="Claims", help="heads the comment and the issue; %(default)s by default"
    )
    for telling in (summary, on_github):
        telling.add_argument(
            "--since", metavar="OLD", type=Path, help=f"say what changed since then: {_RESULTS}"
        )
    one_badge = _command_on_results(commands, "badges", _badges, "write a badge for each claim")
    one_badge.add_argument("folder", type=Path, help="where to")


def _add_compare(commands: Any, as_json: argparse.ArgumentParser) -> None:
    text = "say what changed; exit status 1 if a verdict did"
    both = _command(commands, "compare", _compare, text, as_json)
    both.add_argument("old", type=Path, help=_RESULTS)
    both.add_argument("new", type=Path, help=_RESULTS)
    both.add_argument(
        "--anyway", action="store_true", help="also under other protocols or on other data"
    )


def _add_freeze(commands: Any) -> None:
    text = "write what the metrics were, for later releases to be compared with"
    freeze = _command_on_results(commands, "freeze", _freeze, text)
    default = Path(reference.FILE)
    freeze.add_argument(
        "-o", "--output", metavar="FILE", type=Path, default=default, help=f"{default} by default"
    )
    freeze.add_argument(
        "--margin",
        metavar="SHARE",
        type=float,
        default=reference.MARGIN,
        help="of a metric does not matter; %(default)s by default",
    )
    freeze.add_argument(
        "--deviations",
        metavar="NUMBER",
        type=float,
        default=reference.DEVIATIONS,
        help="over the seeds never matter; %(default)s by default",
    )


def _add_new(commands: Any) -> None:
    text = "write a claim file, whose margin and source are to be filled in"
    new = _command(commands, "new", _new, text)
    new.add_argument("statement", help='what is claimed: "LayerNorm helps a deep tanh network"')
    new.add_argument(
        "folder", nargs="?", type=Path, default=Path(), help="where to; here by default"
    )


def _add_store(commands: Any) -> None:
    text = "look into a folder of trained runs"
    store = commands.add_parser("store", help=text, description=text)
    actions = store.add_subparsers(required=True, metavar="ACTION")
    for name, function, what in (
        ("ls", _store_list, "list the arms, with how many runs there are of each"),
        ("size", _store_size, "print how many runs there are, and their size"),
        ("verify", _store_verify, "read each run; exit status 1 if one is damaged"),
        ("prune", _store_prune, "remove damaged runs, and what killed sessions left"),
    ):
        action = _command(actions, name, function, what)
        default = cache_folder() / "store"
        action.add_argument(
            "folder", nargs="?", type=Path, default=default, help=f"{default} by default"
        )
