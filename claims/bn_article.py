"""What the claims of the BN article share: its networks, and what counts as a difference.

The article is "Toplu standardizasyonun üç alanını anlama (kod makalesi)", about 2018: the Turkish
translation of a Chinese article with code, part of a series on the pits of machine learning, by an
author whose name the translation renders as *Monkey Head & Shoulders*. A part on theory precedes
it. It came to us without an address.

Network, optimizer and batches are the article's: MNIST, 784-512-256-128-64-10, softmax, categorical
cross-entropy, Keras's SGD with momentum 0.9, Nesterov and learning rate 0.01, batches of 128; "k BN
layers" come after the first k activated hidden layers, with Keras's defaults. The metric of speed
is the mean training loss over the budget, the area under the curve that the article draws: it needs
no target and is never censored. Margins were fixed before looking.
"""

from typing import Any

from bnclaims import MLP, Runs, Sample, Train, mean_loss

BN_ARTICLE = "BN article (Toplu standardizasyonun üç alanını anlama)"
"""How a claim names the article: up to the first comma, a source is the work that it is from."""

# "Faster" means an area under the curve that is smaller by a tenth: what a network gains that runs
# through the same curve in nine tenths of the steps. It is a share of the slower network's loss, as
# a ReLU network has far less loss left to save than a sigmoid network.
FASTER = 0.9

# The least that a reader of the article's plots could see: their axis runs over the 2.3 nats from
# chance (ln 10) to none, and a tenth of a nat is four percent of it.
VISIBLE = 0.10

# What counts as a difference between numbers of BN layers is a share of what the first one brings.
SHARE_OF_FIRST = 0.2

BATCHES = (4, 64, 256, 1024)

ADAM: dict[str, Any] = {"optimizer": "adam", "learning_rate": 0.01}

# Some claims look inside the sigmoid networks that others compare by their loss: all of these runs
# record probes, so that each network is trained once.
SIGMOID: dict[str, Any] = {"activation": "sigmoid", "probes": True}
RELU: dict[str, Any] = {"activation": "relu"}


def network(train: Train, bn_layers: int = 0, *, activation: str, **training: Any) -> Runs:
    """The article's network."""
    return train(MLP(activation).with_batch_norm(bn_layers), **training)


def loss(train: Train, bn_layers: int = 0, **training: Any) -> Sample:
    """Mean training loss of the article's network over the budget."""
    return mean_loss(network(train, bn_layers, **training))
