"""Controls: the suite must find what is there, and must not find what is not."""

from bnclaims import MLP, Optimizer, Train, claim, final_loss, mean_loss

# A small network: this control may need all seeds of the design, twice.
SMALL = MLP("relu", hidden=(32,))

# As for the claims on the number of BN layers: the least that a reader of the plots could see.
VISIBLE = 0.10

# Where a network that never updates starts: chance over ten classes, ln 10 = 2.3 nats. Training
# that works at all gets rid of half of it.
HALF_OF_CHANCE = 1.15


@claim(
    "One arm against itself on other seeds shows no effect",
    source="control of this suite",
)
def test_null_control(train: Train) -> None:
    loss = mean_loss(train(SMALL))
    other = mean_loss(train(SMALL, first_seed=1000))
    assert abs(loss - other) < VISIBLE
    assert (loss < other).verdict != "supported"
    assert (other < loss).verdict != "supported"


@claim(
    "Training beats not training",
    source="control of this suite",
)
def test_positive_control(train: Train) -> None:
    untrained = train(SMALL, optimizer=Optimizer("SGD", learning_rate=0.0))
    assert final_loss(train(SMALL)) < final_loss(untrained) - HALF_OF_CHANCE
