"""Not a neural network: anything that is a function of a seed."""

from typing import Any

from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

from bnclaims import Probe, claim, measured
from examples.data import digits


def accuracy(model: Any) -> float:
    """Returns a fitted model's share of right answers on the test digits."""
    data = digits()
    model.fit(data.x_train.reshape(-1, 64), data.y_train)
    return float(model.score(data.x_test.reshape(-1, 64), data.y_test))


def forest(seed: int) -> float:
    """Returns the accuracy of a small forest."""
    return accuracy(RandomForestClassifier(n_estimators=25, random_state=seed))


def tree(seed: int) -> float:
    """Returns the accuracy of one tree."""
    return accuracy(DecisionTreeClassifier(random_state=seed))


@claim("Twenty-five trees see a tenth more than one", source="after Breiman 2001, Machine Learning")
def test_a_forest_beats_a_tree(probe: Probe) -> None:
    assert measured(probe(forest)) > measured(probe(tree)) + 0.1
