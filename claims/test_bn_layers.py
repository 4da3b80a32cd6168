"""The BN article on the number of BN layers: they add up with sigmoid and hardly with ReLU.

"k BN layers" come after the first k hidden layers. The metric is the mean training loss over the
budget, in nats, on the loss scale throughout: an interaction depends on the scale.
"""

from bnclaims import MLP, Sample, Train, claim, decreasing, equivalent, mean_loss

# What counts as a difference between numbers of BN layers is a share of what the first one brings.
SHARE_OF_FIRST = 0.2

# The least that a reader of the article's plots could see: their axis runs over the 2.3 nats from
# chance (ln 10) to none, and a tenth of a nat is four percent of it.
VISIBLE = 0.10


def losses(train: Train, activation: str) -> list[Sample]:
    """Mean training loss with 0 to 4 BN layers."""
    return [mean_loss(train(MLP(activation).with_batch_norm(k))) for k in range(5)]


@claim(
    "From 1 to 4 BN layers the sigmoid network converges ever faster",
    source="BN article, 'number of BN layers', figure: sigmoid with 1 to 4 BN layers",
)
def test_more_bn_helps_sigmoid(train: Train) -> None:
    plain, *normed = losses(train, "sigmoid")
    first_gain = plain - normed[0]
    assert decreasing(normed, tolerance=SHARE_OF_FIRST * first_gain)


@claim(
    "With ReLU, several BN layers are no better than one",
    source="BN article, 'number of BN layers', figure: ReLU with 1 to 4 BN layers",
)
def test_relu_insensitive_to_bn_count(train: Train) -> None:
    plain, *normed = losses(train, "relu")
    first_gain = plain - normed[0]
    assert equivalent(normed, within=SHARE_OF_FIRST * first_gain)


@claim(
    "More BN layers help sigmoid more than ReLU",
    source="BN article, 'number of BN layers', both figures",
)
def test_bn_count_matters_more_for_sigmoid(train: Train) -> None:
    sigmoid, relu = losses(train, "sigmoid"), losses(train, "relu")
    assert sigmoid[1] - sigmoid[4] > relu[1] - relu[4] + VISIBLE
