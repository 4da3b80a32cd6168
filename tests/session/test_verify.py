"""Claims outside pytest: the same verdicts, numbers and refusals as within."""

import asyncio
import contextlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bnclaims import (
    ClaimError,
    Data,
    DataError,
    Finding,
    History,
    Seed,
    Train,
    TrainingProtocol,
    Verification,
    all_of,
    claim,
    mean_loss,
    verify,
)
from bnclaims.backends.functions import FunctionBackend
from bnclaims.experiment.sources import DataSource

Verify = Callable[..., Verification]

ROOT = Path(__file__).parents[2]


def trained(seed: Seed, level: float) -> History:
    """A run whose loss is its level, but for some noise of its own."""
    noise = seed.generator(f"noise of {level}").normal(0, 0.05, 4)
    return History(loss=level + noise)


def loss(train: Train, level: float) -> Any:
    return mean_loss(train(partial(trained, level=level)))


@claim("Less is lower", source="lunch")
def test_less(train: Train) -> None:
    assert loss(train, 1.0) < loss(train, 2.0) - 0.5


test_less.__test__ = False  # type: ignore[attr-defined]  # pytest leaves it to us


@pytest.fixture
def judge(images: DataSource, tmp_path: Path) -> Verify:
    return partial(verify, data=images.path, store=tmp_path / "store")


# Outcomes


def test_an_outcome_is_typed_and_whole(judge: Verify) -> None:
    found = judge(test_less)
    assert (found.id, found.verdict, found.as_expected) == ("less", "supported", True)
    assert found.estimate == pytest.approx(1.0, abs=0.1)
    assert found.interval == found.findings[0].ends
    assert found.interval[0] > 0.5
    assert found.p is not None
    assert found.p < 0.01
    assert found.seeds == 5
    assert all(isinstance(finding, Finding) for finding in found.findings)
    assert "assert loss(train, 1.0)" in found.code


def test_an_outcome_is_read_on_a_console(judge: Verify) -> None:
    found = judge(test_less)
    row, statement, opening, *rest = str(found).splitlines()
    assert re.fullmatch(r"supported +less 1\.\d+ \[.*\], claimed > 0\.5, n 5", row)
    assert statement == "Less is lower"
    assert opening.startswith("The runs support this claim, after 5 seeds")
    assert rest[-1].startswith("default protocol, ")
    assert max(map(len, rest[:-1])) <= 80
    assert re.fullmatch(r"<Verification: supported less 1\.\d+ \[.*\], .*>", repr(found))


def test_an_outcome_is_shown_in_a_notebook(judge: Verify) -> None:
    page = judge(test_less)._repr_html_()
    assert "Less is lower" in page
    assert "<svg" in page
    assert "Holm" not in page  # there are no other claims


def test_a_claim_may_come_out_otherwise_than_expected(judge: Verify) -> None:
    @claim("More is lower", source="lunch")
    def test_more(train: Train) -> None:
        assert loss(train, 2.0) < loss(train, 1.0)

    found = judge(test_more)
    assert (found.verdict, found.expected, found.as_expected) == ("refuted", "supported", False)
    assert str(found).splitlines()[0].startswith("refuted!")
    assert "Expected: supported." in str(found)


def test_a_claim_says_why_it_is_expected_so(judge: Verify) -> None:
    @claim("More is lower", source="lunch", expected="refuted", because="it is higher by 1")
    def test_more(train: Train) -> None:
        assert loss(train, 2.0) < loss(train, 1.0)

    found = judge(test_more)
    assert found.as_expected
    assert "Expected, because: it is higher by 1." in str(found)


def test_what_is_expected_may_depend_on_the_protocol(judge: Verify) -> None:
    @claim("More is lower", source="lunch", expected={"long": "refuted"}, because="it is higher")
    def test_more(train: Train) -> None:
        assert loss(train, 2.0) < loss(train, 1.0)

    assert not judge(test_more).as_expected
    assert judge(test_more, protocol=TrainingProtocol("long", epochs=9)).as_expected


def test_the_looks_may_not_suffice(judge: Verify) -> None:
    @claim("Nothing is lower", source="lunch")
    def test_nothing(train: Train) -> None:
        assert loss(train, 1.0) < loss(train, 1.001)

    found = judge(test_nothing, looks=(3,))
    assert (found.verdict, found.seeds) == ("inconclusive", 3)


def test_several_asserts_are_one_claim(judge: Verify) -> None:
    @claim("One, two, three", source="lunch")
    def test_order(train: Train) -> None:
        assert all_of(loss(train, 1.0) < loss(train, 2.0), loss(train, 2.0) < loss(train, 3.0))
        assert loss(train, 3.0) < loss(train, 1.0)
        assert loss(train, 1.0) < 0

    found = judge(test_order)
    assert found.verdict == "refuted"
    assert [finding.verdict for finding in found.findings] == ["refuted", "supported", "supported"]


def test_an_exact_claim_has_no_numbers(judge: Verify) -> None:
    @claim("It adds up", source="arithmetic")
    def test_sum() -> None:
        assert 1 + 1 == 2

    @claim("It does not", source="arithmetic")
    def test_no_sum() -> None:
        assert sum([1, 1]) == 3

    found = judge(test_sum)
    assert (found.verdict, found.estimate, found.interval) == ("supported", None, None)
    assert (found.p, found.seeds, found.findings) == (None, 0, ())
    assert judge(test_no_sum).verdict == "refuted"
    with pytest.raises(ValueError, match="sum compares no runs, so there is nothing to draw"):
        found.plot()


def test_a_parametrised_claim_is_verified_value_by_value(judge: Verify) -> None:
    @pytest.mark.parametrize("level", [1.0, 2.0])
    @claim("Less is lower", source="lunch")
    def test_below(train: Train, level: float) -> None:
        assert loss(train, level) < loss(train, level + 1)

    assert judge(test_below, parameters={"level": 2.0}).id == "below[2.0]"
    words = "takes level, which only pytest's .* parameters={'level': ...}"
    with pytest.raises(ClaimError, match=words):
        judge(test_below)


def test_a_method_is_a_claim_too(judge: Verify) -> None:
    class TestMethods:
        @claim("Less is lower", source="lunch")
        def test_less(self, train: Train) -> None:
            assert loss(train, 1.0) < loss(train, 2.0)

    assert judge(TestMethods().test_less).id == "methods-less"


def test_data_may_be_arrays(small_data: Data, tmp_path: Path) -> None:
    found = verify(test_less, data=small_data, store=tmp_path)
    assert found.data == "small"
    assert found.command.startswith("verify(test_less, data=Data(name='small'")


# The same trial


def test_verifying_twice_is_the_same_trial(judge: Verify, monkeypatch: pytest.MonkeyPatch) -> None:
    first = judge(test_less)

    def run(*_: object) -> None:
        raise AssertionError("this trains again")

    monkeypatch.setattr(FunctionBackend, "run", run)
    again = judge(test_less)
    assert again == first
    assert again._repr_html_() == first._repr_html_()


CLAIMS = """
import numpy as np
import pytest
from functools import partial
from sklearn.datasets import load_digits
from bnclaims import MLP, Data, History, claim, mean_loss, val_accuracy

digits = load_digits()
x, y = (digits.images / 16).astype("float32"), digits.target
DATA = Data(name="8x8", x_train=x[:300], y_train=y[:300], x_test=x[300:], y_test=y[300:])

def trained(seed, level):
    return History(loss=level + seed.generator(str(level)).normal(0, 0.5, 4))

@claim("Less is lower", source="here")
def test_fake(train):
    assert mean_loss(train(partial(trained, level=1))) < mean_loss(train(partial(trained, level=2)))

@pytest.mark.parametrize("units", [16])
@claim("More units learn faster", source="here")
def test_real(train, units):
    how = {"optimizer": "adam", "learning_rate": 0.02, "data": DATA, "epochs": 3}
    one, other = (train(MLP(hidden=(n,), inputs=64), **how) for n in (1, units))
    assert mean_loss(other) < mean_loss(one) - 0.01
    assert val_accuracy(other) > val_accuracy(one)
"""

SCRIPT = """
import json
import msgspec
from bnclaims import verify
from test_claims import test_fake, test_real

where = {"data": "digits", "store": "outside", "looks": (5, 8), "alpha": 0.02, "threads": 2}
found = [verify(test_fake, **where), verify(test_real, parameters={"units": 16}, **where)]
print(json.dumps([msgspec.to_builtins(each) for each in found]))
"""


def without_circumstances(outcomes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What claims came to, without how long it took and who else was there."""
    for outcome in outcomes:
        for name in ("test", "command", "declared", "holm_p"):
            del outcome[name]
        for arm in outcome["arms"]:
            del arm["seconds"]
    return outcomes


def test_the_numbers_are_those_of_a_session(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.makeconftest("pytest_plugins = ['bnclaims.plugin']")
    pytester.makepyfile(test_claims=CLAIMS)
    options = ["--claims-store=within", "--claims-looks=5,8", "--claims-alpha=0.02"]
    pytester.runpytest_subprocess("-n0", "--claims-data=digits", *options)
    report = pytester.path / "claims-report" / "results.json"
    within = json.loads(report.read_text())["claims"]
    outside = json.loads(pytester.runpython_c(SCRIPT).outlines[-1])
    assert [claim["id"] for claim in outside] == ["fake", "real[16]"]
    assert len(outside[1]["findings"]) == 2
    assert without_circumstances(outside) == without_circumstances(within)


# Refusals


def not_a_claim(train: Train) -> None:
    assert loss(train, 1.0) < 2


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"looks": (3, 2)}, ValueError, "looks=(3, 2), alpha=0.01: looks must increase"),
        ({"looks": 5}, TypeError, "looks=5, alpha=0.01: give numbers of seeds"),
        ({"looks": (5, 10**6)}, ValueError, "at most 100 looks, the last at 10,000 seeds"),
        ({"alpha": 0.7}, ValueError, "looks=(5, 10, 15, 20), alpha=0.7: "),
        ({"design": "wishful"}, ValueError, "design='wishful': choose one of open, sequential"),
        ({"protocol": "quick"}, TypeError, "protocol='quick': outside pytest no conftest.py"),
        ({"data": "nowhere"}, DataError, "unknown data 'nowhere': expected auto, mnist, digits"),
        ({"store": "/dev/null"}, ValueError, "store='/dev/null': this is a file; give a folder"),
        ({"threads": 0}, ValueError, "threads=0: give an integer of 1 or more"),
        ({"parameters": {"level": 1}}, TypeError, "test_less takes no 'level'"),
    ],
)
def test_what_cannot_be_used_is_refused(
    judge: Verify, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=re.escape(words)):
        judge(test_less, **options)


def test_a_function_that_claims_nothing_is_refused(judge: Verify) -> None:
    with pytest.raises(TypeError, match=r"verify\(not_a_claim\): this is no claim; give"):
        judge(not_a_claim)


def test_xfail_is_refused_as_under_pytest(judge: Verify) -> None:
    @pytest.mark.xfail
    @claim("x", source="y", id="less")
    def test_less() -> None: ...

    with pytest.raises(ClaimError, match="less: xfail on a claim: say which verdict"):
        judge(test_less)


def test_a_claim_that_tests_nothing_is_refused(judge: Verify) -> None:
    @claim("Nothing", source="lunch")
    def test_nothing(train: Train) -> None:
        loss(train, 1.0)

    @claim("Nothing", source="lunch")
    def test_unasserted(train: Train) -> None:
        loss(train, 1.0) < 2  # noqa: B015

    @claim("Anything", source="lunch")
    def test_whatever(train: Train) -> None:
        with contextlib.suppress(AssertionError):
            assert loss(train, 77.0) < loss(train, 78.0)

    with pytest.raises(ClaimError, match=r"^whatever: this claim passes whatever it compares"):
        judge(test_whatever)
    with pytest.raises(ClaimError, match=r"^nothing: this claim names arms but compares nothing"):
        judge(test_nothing)
    with pytest.raises(ClaimError, match=r"^unasserted: .* comparison that it does not assert"):
        judge(test_unasserted)


def test_an_outcome_is_no_truth_value(judge: Verify) -> None:
    with pytest.raises(TypeError, match="neither true nor false: ask for its verdict"):
        assert judge(test_less)


def test_a_home_folder_is_needed_or_a_store(
    images: DataSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    def expanded(_: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("bnclaims.session.options.cache_folder", lambda: Path("~/cache"))
    monkeypatch.setattr(Path, "expanduser", expanded)
    with pytest.raises(ValueError, match=r"no home folder .* give store="):
        verify(test_less, data=images.path)


# What goes wrong


def broken(seed: Seed) -> History:
    raise ZeroDivisionError(f"seed {int(seed)}")


def test_a_broken_model_shows_its_users_frames_only(judge: Verify) -> None:
    @claim("Broken", source="lunch")
    def test_broken(train: Train) -> None:
        assert mean_loss(train(broken)) < 1

    with pytest.raises(ZeroDivisionError, match="seed 0") as caught:
        judge(test_broken)
    names = [frame.name for frame in traceback.extract_tb(caught.tb)]
    assert names[-2:] == ["test_broken", "broken"]
    assert not [name for name in names if name in {"run", "require", "_train", "_decide"}]


def test_a_failed_assertion_of_something_else_is_no_verdict(judge: Verify) -> None:
    @claim("Less is lower", source="lunch")
    def test_both(train: Train) -> None:
        assert loss(train, 1.0) < loss(train, 2.0)
        assert not train, "this is about something else"

    with pytest.raises(AssertionError, match="something else"):
        judge(test_both)


def interrupted(seed: Seed) -> History:
    if seed == 3:
        raise KeyboardInterrupt
    return trained(seed, 1.0)


def test_what_was_trained_before_an_interruption_is_kept(judge: Verify, tmp_path: Path) -> None:
    @claim("Interrupted", source="lunch")
    def test_interrupted(train: Train) -> None:
        assert mean_loss(train(interrupted)) < 2

    words = f"interrupted was interrupted, without a verdict; .* are in {tmp_path}"
    with pytest.raises(KeyboardInterrupt, match=words):
        judge(test_interrupted)
    assert len(list((tmp_path / "store").glob("runs/*/*.run"))) == 3


# Where it is called


def test_it_may_be_called_while_an_event_loop_runs(judge: Verify) -> None:
    async def cell() -> Verification:
        return judge(test_less)

    assert asyncio.run(cell()) == judge(test_less)


def test_threads_take_turns_and_leave_standard_error_alone(judge: Verify) -> None:
    before = os.fstat(2)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(judge, [test_less] * 4))
    assert found == [found[0]] * 4
    assert os.path.samestat(os.fstat(2), before)


# Pictures


def test_a_claim_is_drawn(judge: Verify) -> None:
    figure = judge(test_less).plot()
    seeds, curves = figure.axes
    assert len(seeds.lines[0].get_xdata()) == 5
    assert seeds.get_xlim()[0] <= 0.5
    assert len(curves.get_legend().get_texts()) == 2
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_without_matplotlib_a_drawing_is_refused(
    judge: Verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = judge(test_less)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ImportError, match=r"plot\(\) needs Matplotlib: .*bnclaims\[figures\]"):
        found.plot()


# Costs


@pytest.fixture
def imported() -> set[str]:
    """What `import bnclaims` imports."""
    code = "import bnclaims, sys; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(run.stdout.split())


def test_importing_the_package_takes_no_session_and_no_report(imported: set[str]) -> None:
    assert "bnclaims.language.claim" in imported
    assert not imported & {"bnclaims.session", "bnclaims.reporting", "tensorflow", "keras"}
