"""Feeds whatever outsiders can write to what reads it: it is accepted, or refused in a line.

    python -m benchmarks.fuzz                       # everything
    python -m benchmarks.fuzz results --calls 12000

Needs the extra `test`: Hypothesis makes the inputs, by the strategies of the tests. A trial that
finds a fault prints the smallest input that shows it and ends with exit status 1.
"""

import argparse
import contextlib
import hashlib
import io
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bnclaims.cli import main as command_line
from bnclaims.errors import DataError, StoreError
from bnclaims.experiment.image_files import read_images
from bnclaims.reporting import badges, plots
from bnclaims.running.arrays import packed
from bnclaims.running.local_store import LocalStore, decoded
from bnclaims.session.options import OPTIONS, ini_name
from tests.fake_results import results
from tests.fakes import FakeArm, history_of
from tests.hostile import COMMANDS, VALUES, cut, json_values, mutated, odd, settings_of
from tests.image_sets import save, save_idx, small
from tests.strategies import ARRAYS, NAMES

Tally = Counter[str]
Trial = Callable[[Path, Tally, int], None]
"""Makes so many calls in a folder, and counts what they came to."""


def main(trials: list[str], calls: int) -> int:
    print("| input | calls | accepted | refused in a line | faults |")
    print("|---|---|---|---|---|")
    faults = 0
    for name in trials:
        tally = Tally()
        with tempfile.TemporaryDirectory() as folder:
            try:
                TRIALS[name](Path(folder), tally, calls)
            except Exception as error:  # noqa: BLE001  (whatever it is, it is what we look for)
                tally["faults"] += 1
                notes = "\n".join(getattr(error, "__notes__", []))
                print(f"{name}: {error!r:.500}\n{notes:.2000}", file=sys.stderr)
        counts = [sum(tally.values()), tally["accepted"], tally["refused"], tally["faults"]]
        print(f"| {name} | " + " | ".join(f"{count:,}" for count in counts) + " |", flush=True)
        faults += tally["faults"]
    return int(faults > 0)


def _try(check: Callable[[Any], None], inputs: st.SearchStrategy[Any], calls: int) -> None:
    """Calls a check with drawn inputs; what it raises comes out with the smallest input."""
    often = settings(
        max_examples=calls,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    often(given(inputs)(check))()


def _results(folder: Path, tally: Tally, calls: int) -> None:
    """`results.json`, through every command that reads it."""
    anything = odd() | mutated() | cut() | json_values.map(lambda value: json.dumps(value).encode())
    file = folder / "results.json"

    def check(content: bytes) -> None:
        file.write_bytes(content)
        for command in COMMANDS:
            said = io.StringIO()
            arguments = [part.format(results=file, folder=folder) for part in command]
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
                status = command_line(arguments)
            refused = said.getvalue()
            assert status in {0, 2}, status
            assert refused.startswith("bnclaims: ") == (status == 2), refused
            assert refused.count("\n") == (status == 2), refused
            tally["refused" if status else "accepted"] += 1

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plots, "write", lambda *_: [])  # seconds for each
        _try(check, anything, calls // len(COMMANDS))


def _options(_: Path, tally: Tally, calls: int) -> None:
    """Options of the session, several at a time."""
    names = [*(name for name, _, _ in OPTIONS), "report"]

    def check(given_values: dict[str, str]) -> None:
        try:
            settings_of(**{ini_name(name): value for name, value in given_values.items()})
        except pytest.UsageError as error:
            message = str(error)
            assert message.startswith("--claims-"), message
            assert len(message) < 500, message
            tally["refused"] += 1
        else:
            tally["accepted"] += 1

    _try(check, st.dictionaries(st.sampled_from(names), VALUES, min_size=1), calls)


ARM, SEED = FakeArm("a" * 64), 0


def _runs(folder: Path, tally: Tally, calls: int) -> None:
    """Files of runs: flipped, cut, and made up under a checksum that is right."""
    store = LocalStore(folder)
    store.save(ARM, SEED, history_of(SEED))
    whole = store.path(ARM, SEED).read_bytes()
    header = json.dumps({"digest": ARM.digest, "seed": SEED}).encode()
    arrays = packed(history_of(SEED).to_arrays())
    made_up = st.one_of(
        st.binary().map(partial(_signed, arrays=arrays)),
        json_values.map(lambda value: _signed(json.dumps(value).encode(), arrays)),
        st.binary().map(lambda content: _signed(header, content)),
        _damaged(arrays).map(lambda content: _signed(header, content)),
        st.dictionaries(st.sampled_from(["loss", "seconds"]) | NAMES, ARRAYS).map(
            lambda more: _signed(header, packed(history_of(SEED).to_arrays() | more))
        ),
    )

    def check(file: tuple[bool, bytes]) -> None:
        signed, content = file
        try:
            decoded(content, (ARM.digest, SEED))
        except StoreError as error:
            message = str(error)
            assert "\n" not in message, message
            tally["refused"] += 1
        else:
            assert signed or content == whole, "a damaged file was accepted"
            tally["accepted"] += 1

    damaged = _damaged(whole).map(lambda content: (False, content))
    _try(check, damaged | made_up.map(lambda content: (True, content)), calls)


def _signed(header: bytes, arrays: bytes) -> bytes:
    content = header + b"\n" + arrays
    return b"bnclaims-run-1 " + hashlib.sha256(content).hexdigest().encode() + b"\n" + content


def _damaged(whole: bytes) -> st.SearchStrategy[bytes]:
    """Draws files that are cut, that grew, or of which some bytes are others."""
    places = st.lists(st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255)), min_size=1)

    def flipped(changes: list[tuple[int, int]]) -> bytes:
        content = bytearray(whole)
        for place, value in changes:
            content[place] = value
        return bytes(content)

    return st.one_of(
        places.map(flipped),
        st.integers(0, len(whole) - 1).map(lambda end: whole[:end]),
        st.binary(min_size=1).map(lambda more: whole + more),
    )


def _data(folder: Path, tally: Tally, calls: int) -> None:
    """Images as `.npz`, as IDX files, and as IDX files in gzip: flipped, cut, or something else."""
    npz = save(folder / "images.npz", small())
    files = [npz]
    for zipped in (False, True):
        idx = save_idx(folder / f"idx-{zipped}", small(), zipped=zipped)
        files += sorted(idx.iterdir())[:2]
    whole = {file: file.read_bytes() for file in files}

    def check(damage: tuple[Path, bytes]) -> None:
        file, content = damage
        file.write_bytes(content)
        try:
            read_images(npz if file == npz else file.parent, "images")
        except DataError as error:
            message = str(error)
            assert "\n" not in message, message
            tally["refused"] += 1
        else:
            tally["accepted"] += 1  # other images are images, too
        finally:
            file.write_bytes(whole[file])

    def damages(file: Path) -> st.SearchStrategy[tuple[Path, bytes]]:
        return (_damaged(whole[file]) | st.binary()).map(lambda content: (file, content))

    _try(check, st.sampled_from(files).flatmap(damages), calls)


def _ids(folder: Path, tally: Tally, calls: int) -> None:
    """Names of claims as names of files."""
    parts = st.sampled_from(["..", "/", "\\", "\0", "~", "con", ".", " ", "é" * 200, "%2e", "\n"])

    def check(names: list[str]) -> None:
        inner = folder / "badges"
        written = badges.write(results(errors=names), inner)
        assert len(set(written)) == len(set(names)) + 1, "two claims share a badge"
        assert all(path.parent == inner and path.is_file() for path in written)
        assert [path.name for path in folder.iterdir()] == ["badges"]
        tally["accepted"] += 1

    pieces = st.lists(parts | st.text(), min_size=1, max_size=5).map("".join)
    names = pieces.filter(lambda name: name.encode(errors="ignore").decode() == name)
    _try(check, st.lists(names, min_size=1, max_size=3, unique=True), calls)


TRIALS: dict[str, Trial] = {
    "results": _results, "options": _options, "runs": _runs, "data": _data, "ids": _ids,
}  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trials", nargs="*", choices=[*TRIALS, []], help="all by default")
    parser.add_argument("--calls", type=int, default=12_000, help="of each trial, about")
    asked = parser.parse_args()
    sys.exit(main(asked.trials or list(TRIALS), asked.calls))
