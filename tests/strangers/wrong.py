"""Mistakes that `mypy --strict` catches: each line with a note, and no other."""

from functools import partial

from bnclaims import (
    MLP,
    Evidence,
    History,
    Train,
    activation_distance,
    all_of,
    claim,
    decreasing,
    diverged,
    epochs_to,
    mean_loss,
    metric,
    verify,
)


def network(units: int) -> MLP:
    return MLP(hidden=(units,))


@metric
def best(history: History, *, last: int = 3) -> float:
    return float(history.val_loss[-last:].min())


@metric  # error: "metric" has incompatible type
def words(history: History) -> str:
    return str(history)


@claim("Nobody said so")  # error: Missing named argument "source"
def test_runs(train: Train) -> None:
    arm = train(MLP())
    train(3)  # error: incompatible type "int"
    train(MLP(), bach_size=3)  # error: did you mean "batch_size"?
    mean_loss(partial(network, 3))  # error: No overload variant
    mean_loss(arm, arm)  # error: No overload variant
    mean_loss(arm, los=3)  # error: No overload variant
    activation_distance(arm)  # error: No overload variant
    best(arm, first=3)  # error: No overload variant
    best(arm, last="3")  # error: No overload variant
    epochs_to(arm, loss="3")  # error: No overload variant
    assert arm < 3  # error: incompatible type
    assert arm - 1  # error: incompatible type
    assert mean_loss < 3  # error: Unsupported operand types


@claim("Samples are no numbers", source="own")
def test_samples(train: Train) -> None:
    arm = train(MLP())
    loss = mean_loss(arm)
    assert loss < "3"  # error: Unsupported operand types
    assert loss < train(MLP("tanh"))  # error: Unsupported operand types
    assert loss**2 < 1  # error: Unsupported operand types
    assert abs(loss) > 3  # error: Unsupported operand types
    assert abs(loss) < "3"  # error: Unsupported operand types
    assert abs(diverged(arm)) < 1  # error: Unsupported operand types
    number: float = loss  # error: Incompatible types in assignment
    evidence: Evidence = loss  # error: Incompatible types in assignment
    assert number or evidence
    assert float(loss)  # error: incompatible type "Sample"
    assert round(loss)  # error: No overload variant
    assert list(loss)  # error: No overload variant
    assert loss[0]  # error: not indexable


@claim("Shapes take samples, and conjunctions comparisons", source="own")
def test_shapes(train: Train) -> None:
    loss = mean_loss(train(MLP()))
    assert all_of(loss, loss < 1)  # error: incompatible type "Sample"
    assert decreasing([loss, loss, loss])  # error: Missing named argument "tolerance"
    assert decreasing([train(MLP())], tolerance=1)  # error: incompatible type "Runs"


verify(test_runs, protocol="quick")  # error: incompatible type "str"
verify(test_runs, look=(5, 10))  # error: did you mean "looks"?
verify(network, data="digits")  # error: incompatible type
