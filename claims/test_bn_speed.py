"""The BN article on speed: batch normalization and ReLU make the network converge faster.

Network, optimizer and batches are the article's: 784-512-256-128-64-10, Keras's SGD with momentum
0.9, Nesterov and learning rate 0.01, batches of 128. The metric is the mean training loss over the
budget, the area under the curve that the article draws.
"""

from bnclaims import MLP, Train, claim, mean_loss

SIGMOID = MLP("sigmoid")
RELU = MLP("relu")

# "Faster" means an area under the curve that is smaller by a tenth: what a network gains that runs
# through the same curve in nine tenths of the steps. It is a share of the slower network's loss, as
# a ReLU network has far less loss left to save than a sigmoid network.
FASTER = 0.9


@claim(
    "One BN layer makes the sigmoid network converge much faster",
    source="BN article, 'BN speeds up training', figure: sigmoid with and without BN",
)
def test_bn_speeds_up_sigmoid(train: Train) -> None:
    assert mean_loss(train(SIGMOID.with_batch_norm(1))) < FASTER * mean_loss(train(SIGMOID))


@claim(
    "BN speeds the ReLU network up further, though ReLU is already fast",
    source="BN article, 'BN speeds up training', figure: ReLU with and without BN",
)
def test_bn_speeds_up_relu(train: Train) -> None:
    assert mean_loss(train(RELU.with_batch_norm(1))) < FASTER * mean_loss(train(RELU))


@claim(
    "Without BN, ReLU converges faster than sigmoid",
    source="BN article, 'BN speeds up training', figures: sigmoid and ReLU without BN",
)
def test_relu_faster_than_sigmoid(train: Train) -> None:
    assert mean_loss(train(RELU)) < FASTER * mean_loss(train(SIGMOID))
