"""What a claim's body names and compares, found without training."""

import contextlib
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from bnclaims.language.evidence import Measured, Trial
from bnclaims.language.tracing import rehearsed, traced
from tests.fakes import SEEDS, fake_runs, new_trial, samples

Body = Callable[[Trial], None]
DATA = [np.full(SEEDS, float(level)) for level in range(4)]


def answering(answers: Sequence[bool]) -> Trial:
    return new_trial(tracing=True, answers=tuple(answers))


def passes(body: Body) -> Callable[[Trial], bool | None]:
    def run(trial: Trial) -> bool | None:
        try:
            body(trial)
        except AssertionError:
            return False
        except ArithmeticError:
            return None
        return True

    return run


def names(body: Body) -> list[str]:
    return [str(runs) for runs in traced(passes(body), answering).runs]


def one(trial: Trial) -> None:
    a, b, *_ = samples(trial, *DATA)
    trial.named += [fake_runs("a", trial=trial), fake_runs("b", trial=trial)]
    assert a < b


def both(trial: Trial) -> None:
    a, b, c, *_ = samples(trial, *DATA)
    assert a < b
    trial.named.append(fake_runs("late", trial=trial))
    assert b < c


def either(trial: Trial) -> None:
    a, b, c, *_ = samples(trial, *DATA)
    if a < b:
        trial.named.append(fake_runs("then", trial=trial))
        assert b < c
    else:
        trial.named.append(fake_runs("else", trial=trial))
        assert c < b


def nothing(trial: Trial) -> None:
    trial.named.append(fake_runs("a", trial=trial))


def breaks(trial: Trial) -> None:
    trial.named.append(fake_runs("a", trial=trial))
    raise ArithmeticError


def test_arms_are_those_of_the_way_that_passes() -> None:
    assert names(one) == [str(fake_runs("a")), str(fake_runs("b"))]
    assert names(both) == [str(fake_runs("late"))]
    assert names(nothing) == [str(fake_runs("a"))]


def test_of_a_body_that_branches_the_first_way_that_passes_is_planned() -> None:
    assert names(either) == [str(fake_runs("then"))]


def test_a_body_that_breaks_is_known_as_far_as_it_got() -> None:
    assert names(breaks) == [str(fake_runs("a"))]


@pytest.mark.parametrize(("body", "edges"), [(one, 1), (both, 2), (nothing, 0)])
def test_the_edges_of_all_comparisons_split_what_refutes(body: Body, edges: int) -> None:
    found = traced(passes(body), answering)
    assert found.edges == edges
    assert found.supports == 1


def test_a_rehearsal_knows_what_fixtures_named_and_leaves_the_trial_as_it_was() -> None:
    trial = new_trial()
    trial.named.append(fake_runs("early", trial=trial))
    a, b, *_ = samples(trial, *DATA)
    before = vars(trial) | {"named": [*trial.named]}

    def body(_: Trial) -> None:
        trial.named.append(fake_runs("late", trial=trial))
        assert a < b or b < a

    found = rehearsed(passes(body), trial)
    assert [str(runs) for runs in found.runs] == ["fake early", "fake late"]
    assert found.supports == 2
    assert vars(trial) == before


def test_a_rehearsal_that_goes_wrong_leaves_the_trial_as_it_was() -> None:
    trial = new_trial()
    before = vars(trial).copy()

    def breaks(_: Trial) -> bool:
        raise LookupError

    with pytest.raises(LookupError):
        rehearsed(breaks, trial)
    assert vars(trial) == before


def test_a_body_that_passes_whatever_is_answered_is_certain() -> None:
    def whatever(trial: Trial) -> None:
        a, b, *_ = samples(trial, *DATA)
        with contextlib.suppress(AssertionError):
            assert a < b

    def looks(trial: Trial) -> None:
        a, b, *_ = samples(trial, *DATA)
        assert (a < b).verdict in {"supported", "refuted", "inconclusive"}

    assert traced(passes(whatever), answering).certain
    assert not traced(passes(looks), answering).certain
    assert not any(traced(passes(body), answering).certain for body in (one, both, either, nothing))


def test_a_claim_that_holds_either_way_splits_what_supports() -> None:
    def disjunction(trial: Trial) -> None:
        a, b, c, *_ = samples(trial, *DATA)
        assert bool(a < b) or bool(b < c)

    assert traced(passes(disjunction), answering).supports == 2


def test_a_body_with_too_many_ways_is_given_up_safely() -> None:
    def many(trial: Trial) -> None:
        a, b, *_ = samples(trial, *DATA)
        assert sum(bool(a < b) for _ in range(9)) > 4

    found = traced(passes(many), answering)
    assert found.supports == 2 * 9
    assert found.edges == 2 * 9


def test_what_it_measures_is_known_on_whatever_path_each_once() -> None:
    def measures(trial: Trial) -> None:
        a, b, c, *_ = samples(trial, *DATA)
        trial.measured += [Measured("first", "", a, "", float), Measured("first", "", a, "", float)]
        way = Measured("then", "", b, "", float) if a < b else Measured("else", "", c, "", float)
        trial.measured.append(way)

    found = traced(passes(measures), answering)
    assert [item.name for item in found.measured] == ["first", "then", "else"]
