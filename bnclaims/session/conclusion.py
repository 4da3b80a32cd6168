"""What the end of a claim's body stands for: a verdict, or a test that went wrong."""

import inspect
import textwrap

from bnclaims.errors import Inconclusive
from bnclaims.experiment.arm import FunctionArm, TrainingArm
from bnclaims.language.claim import Claim
from bnclaims.language.evidence import Trial
from bnclaims.language.finding import Verdict
from bnclaims.reporting.outcome import outcome_of
from bnclaims.reporting.results import Outcome
from bnclaims.session.suite import Suite

XFAIL = (
    "xfail on a claim: say which verdict it has instead, as in @claim(..., expected='refuted', "
    "because='...')"
)

CERTAIN = "this claim passes whatever it compares comes to, so it cannot fail: assert it"

SUBTESTS = (
    "subtests in a claim, which has one verdict: make each a claim of its own, with "
    "@pytest.mark.parametrize"
)


def verdict_of(error: BaseException | None, trial: Trial | None) -> Verdict | None:
    """Returns the verdict that a body's end stands for; None for anything but a verdict.

    A failed assertion refutes a claim if what it compared last does, if it fails for what that
    answered, as `assert not a < b` does, or if the claim is an exact one, which has no runs. Any
    other is a test that went wrong.

    Args:
        error: What the body raised; None where it ran to its end.
        trial: What it compared; None where it took neither `train` nor `probe`.
    """
    if error is None:
        # A body may not pass over what nobody could decide.
        is_open = trial is not None and any(evidence.left_open for evidence in trial.evidence)
        return "inconclusive" if is_open else "supported"
    if isinstance(error, Inconclusive):
        return "inconclusive"
    if not isinstance(error, AssertionError):
        return None
    if trial is None or not trial.named:
        return "refuted"
    # What failed is about what was compared last; that it held is no reason to fail.
    asked = [evidence.verdict for evidence in trial.evidence if evidence.look is not None]
    if asked and asked[-1] != "supported":
        return asked[-1]
    return "refuted" if tuple(trial.answered) in trial.failing else None


def untested(trial: Trial) -> str:
    """Returns why a claim that passed has tested nothing, or ''."""
    if not trial.evidence:
        return "this claim names arms but compares nothing, so it cannot fail: assert a comparison"
    if any(evidence.look is None for evidence in trial.evidence):
        return "this claim makes a comparison that it does not assert: write `assert` before it"
    return ""


def concluded(
    suite: Suite,
    claim: Claim,
    name: str,
    verdict: Verdict,
    trial: Trial | None,
    *,
    test: str,
    function: object,
    command: str,
) -> Outcome:
    """Returns the outcome of a claim's test.

    Args:
        suite: The session.
        claim: As declared.
        name: Its id, with its parameters where it has some.
        verdict: How its test ended.
        trial: What it compared; None where it took neither `train` nor `probe`.
        test: The test's name.
        function: The test.
        command: Judges this claim alone.
    """
    notes = _data_notes(suite, trial)
    return outcome_of(
        claim,
        name,
        verdict,
        trial or suite.trial(tracing=True),
        test=test,
        code=_code(function),
        command=command,
        protocol=suite.settings.protocol.name,
        data=", ".join(notes) or "none",
        data_note="; ".join(notes.values()) or "no data",
        declared=suite.declared,
    )


def _data_notes(suite: Suite, trial: Trial | None) -> dict[str, str]:
    """Returns the data that a claim's arms see, by name, with a note on each."""
    if trial is None:
        return {}
    arms = [runs.arm for runs in trial.named]
    trained = [arm.data for arm in arms if isinstance(arm, TrainingArm | FunctionArm) and arm.data]
    data = trained or [suite.source]
    return {item.name: item.note for item in data}


def _code(function: object) -> str:
    """Returns a claim's source code, '' where there is none."""
    try:
        return textwrap.dedent(inspect.getsource(function))  # type: ignore[arg-type]
    except (OSError, TypeError):
        return ""
