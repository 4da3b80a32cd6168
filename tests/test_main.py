"""`python -m bnclaims` is the command `bnclaims`, as a process."""

import subprocess
import sys
from pathlib import Path

from bnclaims.reporting import report
from tests.fake_results import YES, results


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "bnclaims", *arguments]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, check=False)


def test_it_prints_what_was_asked_for_and_ends_well(tmp_path: Path) -> None:
    report.write(results(YES), tmp_path)
    shown = run("list", str(tmp_path))
    assert shown.returncode == 0
    assert shown.stdout.splitlines()[1].startswith("supported yes")
    assert shown.stderr == ""


def test_an_error_is_one_line_and_status_2(tmp_path: Path) -> None:
    shown = run("list", str(tmp_path))
    assert shown.returncode == 2
    assert shown.stdout == ""
    (line,) = shown.stderr.splitlines()
    assert line.startswith("bnclaims: ")
    assert str(tmp_path) in line


def test_it_is_quiet_when_nobody_reads_on(tmp_path: Path) -> None:
    report.write(results(YES), tmp_path)
    listing = command("list", str(tmp_path))
    with subprocess.Popen(listing, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141
