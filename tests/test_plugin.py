"""The plugin as its users meet it: pytest runs within pytest, on stored runs that we made up.

Made-up runs make verdicts certain and cost no training; tests/test_session.py trains for real.
"""

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from bnclaims.backends.keras.backend import KerasBackend
from bnclaims.experiment.arm import TrainingArm
from bnclaims.experiment.history import History
from bnclaims.experiment.models import MLP
from bnclaims.experiment.sources import DataSource
from bnclaims.reporting import wire
from bnclaims.running.local_store import LocalStore
from tests import sessions

CONFTEST = """
from bnclaims import TrainingProtocol

pytest_plugins = ["bnclaims.plugin"]

def pytest_claims_protocols():
    sizes = {"quick": (10_000, 6), "article": (60_000, 10)}
    return [TrainingProtocol(k, images=n, epochs=epochs) for k, (n, epochs) in sizes.items()]
"""

CLAIMS = """
import pytest
from bnclaims import MLP, claim, decreasing, equivalent, mean_loss

def loss(train, level):
    return mean_loss(train(MLP(hidden=(level,))))

@claim("Less is lower", source="here")
def test_lower(train):
    assert loss(train, 1) < loss(train, 2) - 0.5

@claim("More is lower", source="here", expected="refuted", because="it is higher by 1")
def test_wrong(train):
    assert loss(train, 2) < loss(train, 1)

@claim("It falls from level to level", source="here")
def test_trend(train):
    assert decreasing([loss(train, k) for k in (4, 3, 2, 1)], tolerance=0.1)
"""

REFUTED = """
from bnclaims import MLP, claim, mean_loss

@claim("More is lower", source="here")
def test_more(train):
    assert mean_loss(train(MLP(hidden=(2,)))) < mean_loss(train(MLP(hidden=(1,)))) - 0.25
"""

UNDECIDED = """
from bnclaims import MLP, claim, mean_loss

@claim("Noise is lower", source="here")
def test_noise(train):
    assert mean_loss(train(MLP(hidden=(50,)))) < mean_loss(train(MLP(hidden=(1,))))
"""


def made_up(level: int, seed: int) -> History:
    """A run whose loss is its level; level 50 is noise around 1, 60 and 61 diverge at seed 2."""
    rng = np.random.default_rng([level, seed])
    loss = rng.normal(1, 1) if level == 50 else level + rng.normal(0, 0.01)
    curve = np.full(6, {(60, 2): np.nan, (61, 2): 1e302}.get((level, seed), loss))
    return History(
        loss=curve,
        val_loss=curve,
        val_accuracy=curve,
        fine_loss=curve,
        seconds=np.full(6, 2.0),
    )


@pytest.fixture(scope="session")
def stored(images: DataSource, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that holds all runs that the claims here may need."""
    folder = tmp_path_factory.mktemp("store")
    store = LocalStore(folder)
    for level in (1, 2, 3, 4, 50, 60, 61):
        network = MLP(hidden=(level,))
        arm = TrainingArm(
            network, images, 10_000, 6, loss=MLP.loss, versions=KerasBackend(1).versions
        )
        for seed in range(20):
            store.save(arm, seed, made_up(level, seed))
    return folder


@pytest.fixture
def options(
    pytester: pytest.Pytester, images: DataSource, stored: Path, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """What every run here is given. TensorFlow and Keras cannot be imported."""
    stubs = pytester.mkdir("stubs")
    for name in ("tensorflow", "keras"):
        (stubs / f"{name}.py").write_text("raise ImportError('a cached rerun imports this')\n")
    monkeypatch.setenv("PYTHONPATH", f"{stubs}:{Path(__file__).parents[1]}")
    monkeypatch.delenv("BNCLAIMS_DATA", raising=False)
    pytester.makeconftest(CONFTEST)
    return [f"--claims-data={images.path}", f"--claims-store={stored}"]


HEAVY = (
    "tensorflow", "keras", "scipy.special", "scipy.stats", "matplotlib", "jinja2", "pandas", "dask",
    "distributed", "cloudpickle",
)  # fmt: skip


def test_importing_the_plugin_loads_nothing_that_sessions_without_claims_would_pay_for() -> None:
    program = f"import bnclaims.plugin, sys; print([m for m in {HEAVY} if m in sys.modules])"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert loaded.stdout == "[]\n"


def run(pytester: pytest.Pytester, options: list[str], *more: str) -> pytest.RunResult:
    return sessions.run(pytester, *options, *more)


@pytest.mark.parametrize("workers", [["-n2"], ["-n0"], ["-p", "no:xdist"]])
def test_verdicts_and_table_whatever_the_workers(
    pytester: pytest.Pytester, options: list[str], workers: list[str]
) -> None:
    pytester.makepyfile(CLAIMS)
    result = pytester.runpytest_subprocess(*options, "-v", *workers)
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(
        [
            "bnclaims: *small.npz*",
            "bnclaims: quick protocol (10,000 images, 6 epochs)",
            "bnclaims: looks at 5, 10, 15, 20 seeds, alpha 0.01 each way, spending power:1.5, *",
            "*SUPPORTED*test_lower*" if "-n2" in workers else "*test_lower SUPPORTED*",
            "verdict *claim *estimate *interval *claimed *n *p",
            "supported lower * [[]*[]] * > 0.5 5 *",
            "supported trend * 5 *",
            "refuted * wrong * 5 *",
            "lower: Less is lower",
            "  supported: mean_loss(relu no BN, 2) - *",
            "    standardised effect from the edge * [[]*[]], the two sides*",
            "    p = * adjusted for repeated looks and by Holm correction",
            "trend: It falls from level to level",
            "    standardised effect * Page's trend*",
            "quick protocol, *small.npz*",
            "wrong is refuted, as expected: -1.0* [[]*[]], claimed > 0; declared*",
            "3 of 3 verdicts are significant at 0.01 after Holm correction*",
        ]
        if "-n2" not in workers
        else ["bnclaims: *small.npz*", "supported lower *", "refuted * wrong * 5 *"]
    )
    result.stdout.no_fnmatch_line("*INTERNALERROR*")


def test_a_refuted_claim_fails_with_its_evidence(
    pytester: pytest.Pytester, options: list[str]
) -> None:
    pytester.makepyfile(REFUTED)
    result = run(pytester, options)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "more is refuted, expected supported",
            "test_a_refuted_claim_fails_with_its_evidence.py:5: assert mean_loss(*",
            "",
            "claim: More is lower",
            "source: here",
            "refuted: mean_loss(relu no BN, 1) - mean_loss(relu no BN, 2) =*",
            "*-1* [[]*[]], claimed > 0.25",
            "  5 of at most 20 seeds, p = * adjusted for repeated looks (* nominal,*",
            "  standardised effect from the edge * [[]*[]], the two sides*",
            "quick protocol, *",
            "",
            "what now:",
            "- accept it as a finding; in @claim, write",
            '    expected={"quick": {"custom": "refuted"}},',
            '    because="measured: -1.0* [[]*[]], claimed > 0.25, n 5",',
            "reproduce: pytest test_a_refuted*::test_more --claims-protocol=quick --claims-data=*",
            "refuted! more *",
            "! more: expected supported, now refuted",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")


def test_an_undecided_claim_fails_with_what_it_would_take(
    pytester: pytest.Pytester, options: list[str]
) -> None:
    pytester.makepyfile(UNDECIDED)
    result = run(pytester, options)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "noise is inconclusive, expected supported",
            "*.py:5: assert mean_loss(*",
            "inconclusive: *",
            "  10 of at most 20 seeds*",
            "  these looks detect a distance of * from the edge with 80% power; *",
            "    *80% power and * give 95%",
            "- planned looks stay as planned; under --claims-design=open seeds may be added",
            "inconclusive! noise * 10 *",
        ]
    )


@pytest.mark.parametrize(
    ("expected", "outcome"),
    [
        ("'refuted'", "passed"),
        ("'supported'", "failed"),
        ("{'quick': 'refuted', 'article': 'supported'}", "passed"),
        ("{'article': 'refuted'}", "failed"),
        ("{'quick': {'custom': 'refuted', 'mnist': 'supported'}}", "passed"),
        ("{'quick': {'mnist': 'refuted'}}", "failed"),
    ],
)
def test_expectations_hold_by_protocol_and_data(
    pytester: pytest.Pytester, options: list[str], expected: str, outcome: str
) -> None:
    given = f"source='here', expected={expected}, because='measured'"
    pytester.makepyfile(REFUTED.replace("source='here'", given).replace('source="here"', given))
    run(pytester, options).assert_outcomes(**{outcome: 1})


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--claims-design=open", "open-ended"),
        ("--claims-spending=pocock", "spending pocock"),
        ("--claims-spending=obrien-fleming", "spending obrien-fleming"),
        ("--claims-spending=power:3", "spending power:3"),
        ("--claims-boundary=normal", "*, normal boundary"),
    ],
)
def test_the_design_is_chosen_and_repeated_in_the_command(
    pytester: pytest.Pytester, options: list[str], option: str, said: str
) -> None:
    pytester.makepyfile(REFUTED)
    result = run(pytester, options, option)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            f"bnclaims: looks at 5, 10, 15, 20 seeds, alpha 0.01 each way, {said}*",
            f"reproduce: pytest * {option} *--claims-store=*",
        ]
    )


def test_a_claim_may_say_what_is_not(pytester: pytest.Pytester, options: list[str]) -> None:
    """Its trace turns the answers that make it fail, so that all its arms and edges are known."""
    pytester.makepyfile(
        test_claims=CLAIMS
        + """
@claim("More is not lower, nor by much", source="here")
def test_negated(train):
    assert not (loss(train, 2) < loss(train, 1))
    assert (loss(train, 3) < loss(train, 1)).verdict != "supported"
    assert loss(train, 1) < loss(train, 4)
"""
    )
    result = run(pytester, options, "-k", "negated")
    result.assert_outcomes(passed=1, deselected=3)
    plan = run(pytester, options, "-k", "negated", "--claims-plan")
    plan.stdout.fnmatch_lines(["    relu no BN, 4", "4 arms, 20 runs for the first look:"])


@pytest.mark.parametrize("takes", ["train", "train, tmp_path"])
@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        ("assert not loss(train, 1) < loss(train, 2)", "refuted"),
        ("assert not (loss(train, 2) < loss(train, 1) or loss(train, 1) < 9)", "refuted"),
        ("assert not loss(train, 2) < loss(train, 1)", "supported"),
        ("assert not loss(train, 50) < loss(train, 1)", "inconclusive"),
    ],
)
def test_what_a_claim_says_is_not_refutes_it_where_it_is(
    pytester: pytest.Pytester, options: list[str], body: str, verdict: str, takes: str
) -> None:
    """It was an error, as if the test had gone wrong."""
    pytester.makepyfile(
        f"{CLAIMS}\n@claim('It is not', source='here')\ndef test_negated({takes}):\n    {body}\n"
    )
    result = run(pytester, options, "-k", "negated")
    results = wire.read(pytester.path / "claims-report")
    assert [claim.verdict for claim in results.claims] == [verdict]
    assert results.claims[0].deciding is not None
    assert results.claims[0].deciding.verdict == verdict
    result.assert_outcomes(**{"passed" if verdict == "supported" else "failed": 1}, deselected=3)


def test_a_claim_may_take_what_is_not_pytest_s(
    pytester: pytest.Pytester, options: list[str]
) -> None:
    """Defaults and mocks were an internal KeyError."""
    pytester.makepyfile(
        test_claims=CLAIMS
        + """
from unittest import mock

@claim("With a default", source="here")
def test_default(train, level=2):
    assert loss(train, 1) < loss(train, level)

@claim("With anything", source="here")
def test_anything(train, *more, **others):
    assert loss(train, 1) < loss(train, 2)

@mock.patch("os.getcwd")
@claim("With a mock", source="here")
def test_mock(getcwd, train):
    assert loss(train, 2) < loss(train, 1) or loss(train, 1) < loss(train, 2)
    assert getcwd is not None
    assert train.trial.tracing or train.trial.supports == 2
"""
    )
    result = run(pytester, options, "-k", "default or anything or mock")
    result.assert_outcomes(passed=3, deselected=3)
    plan = run(pytester, options, "-k", "default", "--claims-plan")
    plan.stdout.fnmatch_lines(["    relu no BN, 2"])


def test_fixtures_may_name_arms(pytester: pytest.Pytester, options: list[str]) -> None:
    """What they named was trained while the claim was traced, its alpha not split."""
    pytester.makepyfile(
        test_claims=CLAIMS
        + """
def check(train):
    trial = train.trial
    assert trial.tracing or (trial.supports, len(trial.evidence)) == (2, 2)

@pytest.fixture
def low(train):
    return loss(train, 1)

@claim("It is lower one way round", source="here")
def test_given(low, train):
    assert low > loss(train, 2) or low < loss(train, 2)
    check(train)

class TestOwn:
    @pytest.fixture(autouse=True)
    def keep(self, train):
        self.train = train

    @claim("It is lower one way round", source="here")
    def test_kept(self):
        one, other = loss(self.train, 1), loss(self.train, 2)
        assert other < one or one < other
        check(self.train)

@claim("It cannot fail", source="here")
def test_certain(low):
    assert low < 77 or True
"""
    )
    result = run(pytester, options, "-k", "given or kept or certain")
    result.stdout.fnmatch_lines(["this claim passes whatever it compares comes to, so *"])
    result.assert_outcomes(passed=2, failed=1, deselected=3)


def test_a_fixture_that_is_asked_for_too_late_is_refused(
    pytester: pytest.Pytester, options: list[str]
) -> None:
    """Nothing was known of what the claim compares, so alpha was not split over it."""
    pytester.makepyfile(
        test_claims=CLAIMS
        + """
@claim("It is late", source="here")
def test_late(request):
    train = request.getfixturevalue("train")
    assert loss(train, 2) < loss(train, 1) or loss(train, 1) < loss(train, 2)
"""
    )
    result = run(pytester, options, "-k", "late")
    result.assert_outcomes(failed=1, deselected=3)
    result.stdout.fnmatch_lines(["*this claim asks for its fixture while it runs, too late to *"])


def test_subtests_are_no_claims(pytester: pytest.Pytester, options: list[str]) -> None:
    """A refuted one left the claim supported, and each was reported several times."""
    pytester.makepyfile(
        test_claims=CLAIMS
        + """
import unittest

@claim("Some of it", source="here")
def test_some(train, subtests):
    with subtests.test():
        assert loss(train, 2) < loss(train, 1)

class TestUnit(unittest.TestCase):
    @claim("All of it", source="here")
    def test_all(self):
        for number in (1, 2):
            with self.subTest(number=number):
                assert number == 2
"""
    )
    result = run(pytester, options, "-k", "some or all")
    result.stdout.fnmatch_lines(["subtests in a claim, which has one verdict: make each a claim *"])
    results = wire.read(pytester.path / "claims-report")
    assert [(claim.id, claim.verdict) for claim in results.claims] == [("unit-all", "refuted")]
    assert [error.id for error in results.errors] == ["some"]


def test_a_plan_says_why_a_claim_s_arms_are_not_known(
    pytester: pytest.Pytester, options: list[str]
) -> None:
    pytester.makepyfile(
        test_claims=CLAIMS
        + """
@claim("It takes a folder", source="here")
def test_folder(train, tmp_path):
    assert loss(train, 1) < loss(train, 2)

@claim("It goes wrong", source="here")
def test_wrong(train):
    train(3)

@claim("It goes wrong later", source="here")
def test_later(train):
    loss(train, 7)
    raise LookupError("no such thing\\nat all")

@claim("It names nothing", source="here")
def test_nothing():
    pass
"""
    )
    plan = run(pytester, options, "-k", "folder or wrong or later or nothing", "--claims-plan")
    plan.stdout.fnmatch_lines(
        [
            "*::test_wrong",
            "    (not traced: it ended with TypeError: model=3: give an MLP, or a function *)",
            "*::test_later",
            "    relu no BN, 7",
            "    (traced so far only: it ended with LookupError: no such thing)",
            "*::test_nothing",
            "    (not traced: it names no arm)",
            "*::test_folder",
            "    (not traced: fixtures are made when it runs: tmp_path)",
        ]
    )


def test_a_claim_may_not_pass_over_what_nobody_could_decide(
    pytester: pytest.Pytester, options: list[str]
) -> None:
    pytester.makepyfile(
        test_claims=CLAIMS
        + """
@claim("Noise is lower, or else nothing", source="here")
def test_caught(train):
    try:
        assert loss(train, 50) < loss(train, 1)
    except Exception:
        pass
    assert loss(train, 1) < loss(train, 2)

@claim("Less is lower either way round", source="here")
def test_either(train):
    assert loss(train, 2) < loss(train, 1) or loss(train, 1) < loss(train, 2)
"""
    )
    result = run(pytester, options, "-v", "-k", "caught or either")
    result.assert_outcomes(passed=1, failed=1, deselected=3)
    result.stdout.fnmatch_lines(["caught is inconclusive, expected supported"])
    result.stdout.fnmatch_lines(["supported * either *"])


def test_what_was_compared_last_decides_what_a_failed_assertion_means(
    pytester: pytest.Pytester, options: list[str]
) -> None:
    pytester.makepyfile(
        test_claims=CLAIMS
        + """
@claim("The wrong way it is not, but noise it is not either", source="here")
def test_last(train):
    assert (loss(train, 2) < loss(train, 1)).verdict != "supported"
    assert (loss(train, 50) < loss(train, 1)).verdict == "supported"
"""
    )
    result = run(pytester, options, "-k", "last")
    result.assert_outcomes(failed=1, deselected=3)
    result.stdout.fnmatch_lines(["last is inconclusive, expected supported"])


def test_an_open_design_spends_nothing(pytester: pytest.Pytester, options: list[str]) -> None:
    result = run(pytester, options, "--claims-design=open", "--claims-spending=pocock")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *an open design spends nothing; leave it out"])


@pytest.mark.parametrize(
    "selection", [["-k", "lower"], ["{file}::test_lower"], ["{file}::test_more[1]"]]
)
def test_holm_counts_what_the_files_declare_not_what_was_selected(
    pytester: pytest.Pytester, options: list[str], selection: list[str]
) -> None:
    more = """
@pytest.mark.parametrize("level", [1, 2])
@claim("Less is lower", source="here")
def test_more(train, level):
    assert loss(train, level) < loss(train, level + 1)

class TestOthers:
    @claim("Less is lower", source="here")
    def test_inside(self, train):
        assert loss(train, 1) < loss(train, 2)
"""
    file = pytester.makepyfile(CLAIMS + more)
    chosen = [word.format(file=file.name) for word in selection]
    result = run(pytester, options, "-n2", *chosen)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["1 of 1 verdicts are significant at 0.01 after Holm correction*"])


def test_a_verdict_that_does_not_stand_beside_many_others_is_named(
    pytester: pytest.Pytester, options: list[str]
) -> None:
    other = """
@pytest.mark.parametrize("number", range(4000))
@claim("Nothing", source="here")
def test_other(number): pass
"""
    pytester.makepyfile(CLAIMS.replace("- 0.5", "- 0.98") + other)
    result = run(pytester, options, "-k", "lower or wrong")
    result.assert_outcomes(passed=2, deselected=4001)
    result.stdout.fnmatch_lines(
        ["1 of 2 verdicts are significant at 0.01 after Holm correction over all 4003*", "*: lower"]
    )


def test_a_claim_that_comes_true_against_expectation_fails(
    pytester: pytest.Pytester, options: list[str]
) -> None:
    pytester.makepyfile(
        CLAIMS.replace(
            '"Less is lower", source="here"', '"Less", source="a", expected="refuted", because="b"'
        )
    )
    result = run(pytester, options)
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        [
            "lower is supported, expected refuted",
            '*.py:7: @claim("Less", source="a", expected="refuted", because="b")',
            '    expected={"article": "refuted", "quick": "supported"},',
        ]
    )


@pytest.mark.parametrize("level", ["60", "61"])
def test_a_diverged_run_makes_a_claim_inconclusive_and_is_named(
    pytester: pytest.Pytester, options: list[str], level: str
) -> None:
    """A loss of 1e302 was an internal error, in each later session, too."""
    pytester.makepyfile(UNDECIDED.replace("50", level))
    result = run(pytester, options)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "noise is inconclusive, expected supported",
            f"mean_loss has no finite value (relu no BN, {level}: seeds 2)*",
        ]
    )


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("train(MLP(hidden=(1,)))", "names arms but compares nothing, so it cannot fail"),
        ("loss(train, 1) < loss(train, 2)", "makes a comparison that it does not assert"),
        ("assert loss(train, 1)", "is a sample: compare it, as in"),
        ("assert loss(train, 1) == loss(train, 1)", "no test can show that two samples are equal"),
        ("assert abs(loss(train, 1)) < -1", "the margin of an equivalence is positive"),
        ("assert abs(loss(train, 1)) > 1", "does not say which way the difference goes"),
        ("assert loss(train, 1) < 'low'", "'low' is neither a sample nor a number"),
        ("assert mean_loss(3) < 1", "takes what train(...) or probe(...) returned, not int"),
        ("train(MLP(), batch_size=0)", "batch_size=0: give an integer of 1 or more"),
        ("train(MLP(), optimizer=3)", "optimizer=3: give a name such as 'adam'"),
        ("train(3)", "model=3: give an MLP, or a function that returns a new Keras model"),
        ("decreasing([loss(train, 1)] * 2, tolerance=1)", "a trend needs at least three levels"),
        ("assert loss(train, 1) < loss(train, 1)", "both sides are mean_loss(relu no BN, 1)"),
        ("assert train(MLP()) < train(MLP('tanh'))", "is an arm, not a number: apply a metric"),
    ],
)
def test_misuse_is_told_in_words(
    pytester: pytest.Pytester, options: list[str], body: str, words: str
) -> None:
    pytester.makepyfile(
        CLAIMS + f"\n@claim('Misused', source='here')\ndef test_misused(train):\n    {body}\n"
    )
    result = run(pytester, options, "-k", "misused")
    result.assert_outcomes(failed=1, deselected=2 + 1)
    result.stdout.fnmatch_lines([f"*{words.replace('[', '[[]')}*"])


@pytest.mark.parametrize("takes", ["train", "train, tmp_path"])
def test_a_claim_that_cannot_fail_is_refused_before_it_trains(
    pytester: pytest.Pytester, options: list[str], takes: str
) -> None:
    body = "    assert loss(train, 77) < loss(train, 78) or True\n"
    pytester.makepyfile(
        f"{CLAIMS}\n@claim('It is', source='here')\ndef test_certain({takes}):\n{body}"
    )
    result = run(pytester, options, "-k", "certain")
    result.assert_outcomes(failed=1, deselected=3)
    result.stdout.fnmatch_lines(["this claim passes whatever it compares comes to, so it cannot *"])


@pytest.mark.parametrize(
    ("declaration", "words"),
    [
        ("'', source='a'", "a claim needs a statement and a source"),
        ("'a', source=' '", "a claim needs a statement and a source"),
        ("'a', source='b', expected='true'", "a verdict is one of supported, refuted, inconc"),
        ("'a', source='b', expected='refuted'", "say why, in because='...', as measured"),
        (
            "'a', source='b', expected={'quik': 'refuted'}, because='c'",
            "'quik' is no declared protocol; give article or quick",
        ),
        ("'a', source='b', id='Not kebab'", "a claim's id is lower-case words joined by hyphens"),
    ],
)
def test_a_wrong_declaration_is_refused(
    pytester: pytest.Pytester, options: list[str], declaration: str, words: str
) -> None:
    pytester.makepyfile(f"from bnclaims import claim\n@claim({declaration})\ndef test_a(): pass\n")
    result = run(pytester, options)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*{words}*"])


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--claims-protocol=slow", "--claims-protocol slow: choose one of article, default, quick"),
        ("--claims-looks=5,x", "--claims-looks 5,x: give numbers of seeds, as in 5,10,15,20"),
        ("--claims-looks=10,5", "*looks*"),
        ("--claims-alpha=2", "*alpha*"),
        ("--claims-alpha=x", "--claims-alpha x: give a number, as in 0.01"),
        ("--claims-design=closed", "--claims-design closed: choose one of open, sequential"),
        ("--claims-spending=late", "--claims-spending late: choose one of power, power:RHO, *"),
        ("--claims-spending=power:x", "*--claims-spending power:x: could not convert*"),
        ("--claims-spending=power:-1", "--claims-spending power:-1: rho must be positive*"),
        ("--claims-spending=power:1e5", "--claims-spending power:1e5: *spends nothing at the*"),
        ("--claims-boundary=flat", "--claims-boundary flat: choose one of exponential, normal"),
        ("--claims-threads=0", "--claims-threads 0: give an integer of 1 or more, 1024 at most"),
        ("--claims-store=/dev/null", "--claims-store /dev/null: this is a file; give a folder"),
        ("--claims-data=/no/such/file.npz", "*/no/such/file.npz*"),
    ],
)
@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_a_wrong_option_is_one_readable_error(
    pytester: pytest.Pytester, options: list[str], option: str, words: str, workers: str
) -> None:
    pytester.makepyfile(CLAIMS)
    result = run(pytester, options, option, workers)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {words}" if words[0] != "*" else words])
    assert "Traceback" not in result.stderr.str() + result.stdout.str()


def test_the_plan_trains_nothing(pytester: pytest.Pytester, options: list[str]) -> None:
    pytester.makepyfile(CLAIMS.replace("hidden=(level,)", "hidden=(level + 1,)"))
    result = run(pytester, options, "--claims-plan", "-n2")
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "*test_lower",
            "    relu no BN, 2",
            "4 arms, 20 runs for the first look:",
            "    stored    relu no BN, 2",
            "    to train  relu no BN, 5",
            "5 runs to train, about * s on * core* (measured in stored runs)*",
        ]
    )


def test_selection_by_name_marker_and_last_failure(
    pytester: pytest.Pytester, options: list[str]
) -> None:
    pytester.makepyfile(
        REFUTED + CLAIMS.replace("def test_lower", "def test_low") + "\ndef test_plain(): pass\n"
    )
    run(pytester, options, "-k", "low", "-n2").assert_outcomes(passed=1)
    run(pytester, options, "-m", "claim").assert_outcomes(passed=3, failed=1, deselected=1)
    run(pytester, options, "--lf").assert_outcomes(failed=1)
    result = run(pytester, options, "--collect-only", "-q")
    result.stdout.fnmatch_lines(["*::test_more", "*::test_plain"])
    first = run(pytester, options, "-x", "-n0")
    first.assert_outcomes(failed=1)


def test_stopping_at_the_first_failure_ends_all_workers(
    pytester: pytest.Pytester, options: list[str]
) -> None:
    files = {f"test_{x}": REFUTED.replace("test_more", f"test_more_{x}") for x in "abcd"}
    pytester.makepyfile(**files)
    result = run(pytester, options, "-x", "-n2")
    assert result.ret != 0
    result.stdout.fnmatch_lines(["refuted! more-? *"])


def test_parameters_make_rows_of_their_own(pytester: pytest.Pytester, options: list[str]) -> None:
    pytester.makepyfile(
        CLAIMS
        + """
@pytest.mark.parametrize("level", [1, 2])
@claim("Lower than the next", source="here")
def test_each(train, level):
    assert loss(train, level) < loss(train, level + 1)
"""
    )
    result = run(pytester, options, "-k", "each", "-v")
    result.assert_outcomes(passed=2, deselected=3)
    result.stdout.fnmatch_lines(["supported each[[]1[]] *", "supported each[[]2[]] *"])


def test_junit_names_verdict_and_numbers(pytester: pytest.Pytester, options: list[str]) -> None:
    pytester.makepyfile(CLAIMS)
    run(pytester, options, "--junitxml=report.xml", "-n2")
    tree = ET.parse(pytester.path / "report.xml")
    found = {
        case.attrib["name"]: {p.attrib["name"]: p.attrib["value"] for p in case.iter("property")}
        for case in tree.iter("testcase")
    }
    assert found["test_wrong"]["verdict"] == "refuted"
    assert float(found["test_wrong"]["estimate"]) == pytest.approx(-1, abs=0.05)
    assert found["test_lower"].keys() == {
        "claim", "verdict", "estimate", "low", "high", "seeds", "p",
    }  # fmt: skip


def test_settings_come_from_line_then_environment_then_ini(
    pytester: pytest.Pytester,
    options: list[str],
    images: DataSource,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytester.makepyfile(CLAIMS)
    pytester.makeini("[pytest]\nclaims_data = /from/ini\nclaims_alpha = 0.02\n")
    store = options[1]
    result = sessions.run(pytester, store)
    result.stderr.fnmatch_lines(["*/from/ini*"])
    monkeypatch.setenv("BNCLAIMS_DATA", str(images.path))
    result = sessions.run(pytester, store)
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["*alpha 0.02 each way*"])


def test_without_claims_the_plugin_keeps_quiet(
    pytester: pytest.Pytester, options: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makeconftest("pytest_plugins = ['bnclaims.plugin']")
    pytester.makepyfile("def test_plain(): pass")
    monkeypatch.setenv("KERAS_HOME", "/no/such/folder")
    result = sessions.run(pytester, "-n2")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("bnclaims:*")
    result.stdout.no_fnmatch_line("*= claims =*")


def test_an_exact_claim_needs_no_runs(pytester: pytest.Pytester, options: list[str]) -> None:
    pytester.makepyfile(
        """
from bnclaims import claim

@claim("Two and two is four", source="school")
def test_four():
    assert 2 + 2 == 4

@claim("Two and two is five", source="1984")
def test_five():
    assert 2 + 2 == 5
"""
    )
    result = run(pytester, options)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*assert (2 + 2) == 5",
            "*- what now -*",
            '    expected="refuted",',
            '    because="...",',
            "refuted! *five *exact",
            "supported *four *exact",
        ]
    )


def test_the_table_fits_eighty_columns(pytester: pytest.Pytester, options: list[str]) -> None:
    pytester.makepyfile(CLAIMS.replace("def test_lower", f"def test_{'long_' * 6}name"))
    result = run(pytester, options, "-v")
    start = next(i for i, line in enumerate(result.outlines) if line.startswith("verdict"))
    table = result.outlines[start : start + 5]
    firsts = [line.split()[0] for line in table]
    assert firsts == ["verdict", "supported", "long-name", "supported", "refuted"]
    assert max(map(len, table)) <= 80


def test_what_is_stored_and_as_expected_is_told_by_counts_and_findings(
    pytester: pytest.Pytester, options: list[str]
) -> None:
    pytester.makepyfile(CLAIMS)
    result = run(pytester, options)
    result.stdout.fnmatch_lines(
        [
            "*[[]100%[]]",
            "*= claims =*",
            "3 claims: 2 supported, 1 refuted; all as expected",
            "quick protocol, *small.npz*",
            "wrong is refuted, as expected: -1.0* [[]*[]], claimed > 0; declared*",
        ],
    )
    result.stdout.no_fnmatch_line("verdict *")
    pytester.makepyfile(CLAIMS + REFUTED)
    result = run(pytester, options)
    result.stdout.fnmatch_lines(["verdict *", "supported *lower *", "refuted! *more *"])


@pytest.mark.parametrize("workers", ["-n0", "-n1"])
def test_what_a_narrow_terminal_shows_fits_it(
    pytester: pytest.Pytester,
    options: list[str],
    workers: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytester.makepyfile(test_it=UNDECIDED.replace("test_noise", f"test_{'noise_' * 10}lower"))
    monkeypatch.setenv("COLUMNS", "60")
    result = run(pytester, options, workers)
    result.assert_outcomes(failed=1)
    lines = result.outlines
    first = next(n for n, line in enumerate(lines) if line.startswith("inconclusive!"))
    name, rest, numbers = (line.strip() for line in lines[first : first + 3])
    assert name == "inconclusive! noise-noise-noise-noise-noise-noise-noise-"
    assert rest == "noise-noise-noise-lower"
    assert re.fullmatch(r"\S+ \[\S+ \S+\], claimed > 0, n \d+", numbers)
    # What is to be copied stays whole: paths, commands, and lines of code.
    whole = ("/", "test_it.py", "INCONCLUSIVE", "_ test", "expected supported")
    assert [
        line for line in lines[first:] if len(line) > 60 and not any(w in line for w in whole)
    ] == []


def test_a_failed_assertion_about_plain_values_is_shown_as_such(
    pytester: pytest.Pytester, options: list[str]
) -> None:
    more = """
@claim("The verdict itself is asserted", source="here")
def test_verdict(train):
    assert loss(train, 1) < loss(train, 2)
    assert (loss(train, 2) < loss(train, 3)).verdict != "supported"
"""
    pytester.makepyfile(CLAIMS + more)
    result = run(pytester, options, "-k", "test_verdict")
    result.assert_outcomes(failed=1, deselected=3)
    result.stdout.fnmatch_lines(["E * assert 'supported' != 'supported'"])
    result.stdout.no_fnmatch_line("refuted*verdict *")  # it is no evidence against the claim


def test_a_claim_may_take_other_fixtures_and_splits_its_alpha_all_the_same(
    pytester: pytest.Pytester, options: list[str]
) -> None:
    pytester.makepyfile(
        CLAIMS
        + """
@claim("With a folder", source="here")
def test_folder(train, tmp_path, request):
    assert tmp_path.is_dir()
    assert loss(train, 1) < loss(train, 2)
    assert (loss(train, 3) < loss(train, 2)).verdict != "supported"
    assert abs(loss(train, 1) - loss(train, 2)) < 3
    if loss(train, 1).trial.edges is not None:
        assert loss(train, 1).trial.edges == 1 + 1 + 2
"""
    )
    result = run(pytester, options, "-k", "folder")
    result.assert_outcomes(passed=1, deselected=3)


def test_a_body_may_skip(pytester: pytest.Pytester, options: list[str]) -> None:
    pytester.makepyfile(
        """
import pytest
from bnclaims import claim

@claim("Not here", source="here")
def test_skipped(train):
    pytest.skip("not on this machine")
"""
    )
    run(pytester, options, "-n2").assert_outcomes(skipped=1)


def test_an_assertion_that_is_no_evidence_does_not_refute(
    pytester: pytest.Pytester, options: list[str]
) -> None:
    body = "    assert mean_loss(train(MLP(hidden=(2,)))) > 0\n    assert 1 == 2\n"
    pytester.makepyfile(
        "from bnclaims import MLP, claim, mean_loss\n"
        "@claim('A', source='here', expected='refuted', because='b')\n"
        f"def test_a(train):\n{body}"
    )
    result = run(pytester, options)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E * assert 1 == 2"])


def test_arms_on_data_of_the_claims_own_are_planned(
    pytester: pytest.Pytester, options: list[str]
) -> None:
    pytester.makepyfile(
        """
import numpy as np
from bnclaims import Data, MLP, claim, mean_loss

X, Y = np.zeros((4, 3)), np.zeros(4)
DATA = Data(name="zeros", x_train=X, y_train=Y, x_test=X, y_test=Y)

@claim("On zeros", source="here")
def test_zeros(train):
    assert mean_loss(train(MLP(), data=DATA)) < mean_loss(train(MLP("tanh"), data=DATA))
"""
    )
    result = run(pytester, options, "--claims-plan")
    result.stdout.fnmatch_lines(["    relu no BN, on zeros", "    tanh no BN, on zeros"])


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_the_report_is_one_document_of_a_known_form(
    pytester: pytest.Pytester, options: list[str], workers: str
) -> None:
    hostile = "<script>alert('\"&\\n')</script> 🙂 \u202etfel"
    pytester.makepyfile(
        CLAIMS
        + UNDECIDED.replace('"Noise is lower"', repr(hostile)).replace("50", "60")
        + """
@claim("Its test goes wrong", source="here")
def test_broken(train):
    if mean_loss(train(MLP(hidden=(1,)))).values:
        raise RuntimeError("boom")
"""
    )
    result = run(pytester, options, workers)
    result.assert_outcomes(passed=3, failed=2)
    result.stdout.fnmatch_lines(["report: claims-report/index.html"])
    folder = pytester.path / "claims-report"
    assert (folder / ".gitignore").read_text() == "*\n"
    results = json.loads((folder / "results.json").read_text())
    jsonschema.validate(results, wire.schema())
    claims = {claim["id"]: claim for claim in results["claims"]}
    assert list(claims) == ["lower", "noise", "trend", "wrong"]
    assert claims["noise"]["statement"] == hostile
    assert claims["noise"]["findings"] == []
    assert claims["noise"]["arms"][0]["diverged"] == [2]
    assert claims["lower"]["verdict"] == "supported"
    first = claims["lower"]["findings"][0]
    assert len(first["values"]) == first["seeds"] == 5
    assert [len(curve) for curve in claims["lower"]["arms"][0]["curves"]["loss"]] == [6] * 5
    assert results["declared"] == 5
    assert results["errors"] == [{"id": "broken", "message": "RuntimeError: boom"}]
    assert claims["lower"]["code"].startswith(
        '@claim("Less is lower", source="here")\ndef test_lower'
    )
    command = claims["lower"]["command"]
    assert command.startswith(
        "pytest test_the_report_is_one_document_of_a_known_form.py::test_lower "
    )
    assert (folder / "badges" / "lower.svg").exists()
    assert "It falls from level to level" in (folder / "index.html").read_text()


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_two_claims_of_one_name_are_refused(
    pytester: pytest.Pytester, options: list[str], workers: str
) -> None:
    pytester.makepyfile(test_a=CLAIMS, test_b=CLAIMS.replace("def test_lower", "def test_less"))
    result = run(pytester, options, workers)
    result.assert_outcomes(passed=2, errors=4)
    result.stdout.fnmatch_lines(
        ["*wrong is also test_b.py::test_wrong: give one of them another id=*"]
    )
    results = json.loads((pytester.path / "claims-report" / "results.json").read_text())
    assert [claim["id"] for claim in results["claims"]] == ["less", "lower"]
    assert {error["id"] for error in results["errors"]} == {"trend", "wrong"}


FIGURES = (
    CONFTEST
    + """
from bnclaims import MLP, Figure

def pytest_claims_figures(train, probe):
    lines = {str(level): train(MLP(hidden=(level,))) for level in (1, 2)}
    absent = {"absent": train(MLP(hidden=(7,)))}
    return [Figure("Levels", "here", lines, dashed=["2"]), Figure("Nothing", "here", absent)]
"""
)


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_figures_of_a_conftest_are_drawn_from_stored_runs(
    pytester: pytest.Pytester, options: list[str], workers: str
) -> None:
    pytester.makeconftest(FIGURES)
    pytester.makepyfile(CLAIMS)
    # A process of its own: Matplotlib cannot be imported again and again in one.
    pytester.runpytest_subprocess(*options, workers).assert_outcomes(passed=3)
    folder = pytester.path / "claims-report"
    found = json.loads((folder / "results.json").read_text())
    (figure,) = found["figures"]
    assert [(line["label"], line["dashed"]) for line in figure["lines"]] == [
        ("1", False),
        ("2", True),
    ]
    arms = {arm["arm"] for claim in found["claims"] for arm in claim["arms"]}
    assert {line["arm"] for line in figure["lines"]} <= arms  # to be told by one colour
    for line, level in zip(figure["lines"], (1, 2), strict=True):
        expected = [[made_up(level, seed).loss[0]] * 6 for seed in range(20)]
        np.testing.assert_allclose(line["values"], expected)
    assert {path.name for path in (folder / "figures").iterdir()} == {"Levels.svg", "Levels.png"}


def test_figures_that_go_wrong_lose_no_verdict(
    pytester: pytest.Pytester, options: list[str]
) -> None:
    pytester.makeconftest(FIGURES.replace('dashed=["2"]', 'dashed=["3"]'))
    pytester.makepyfile(CLAIMS)
    result = run(pytester, options)
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(
        ["no figures in the report: *figure 'Levels': dashed='3' is no line's label*"]
    )
    assert (pytester.path / "claims-report" / "index.html").exists()


def test_no_report_where_none_is_wanted(pytester: pytest.Pytester, options: list[str]) -> None:
    pytester.makepyfile(CLAIMS)
    run(pytester, options, "--claims-report=none").assert_outcomes(passed=3)
    pytester.makeini("[pytest]\nclaims_report = none")
    run(pytester, options).assert_outcomes(passed=3)
    assert not (pytester.path / "claims-report").exists()


def test_tests_without_claims_leave_no_report(
    pytester: pytest.Pytester, options: list[str]
) -> None:
    pytester.makepyfile("def test_nothing(): pass")
    run(pytester, options).assert_outcomes(passed=1)
    assert not (pytester.path / "claims-report").exists()
