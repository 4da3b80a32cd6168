"""The BN article on speed: batch normalization and ReLU make the network converge faster."""

from bnclaims import MLP, Probe, Sample, Train, all_of, claim, gradient_ratio
from claims.bn_article import BN_ARTICLE, FASTER, RELU, SIGMOID, loss

SECTION = f"{BN_ARTICLE}, 'BN speeds up training'"

# Gradients "vanish" or not in powers of ten: less than one of them nobody calls vanishing.
TENTH = 0.1


def ratio(probe: Probe, activation: str, bn_layers: int = 0) -> Sample:
    """Gradient norm of the first layer over that of the last, at initialisation."""
    model = MLP(activation).with_batch_norm(bn_layers)
    return gradient_ratio(probe(model, batch_size=128))


@claim(
    "One BN layer makes the sigmoid network converge much faster",
    source=f"{SECTION}, figure: sigmoid with and without BN",
)
def test_bn_speeds_up_sigmoid(train: Train) -> None:
    assert loss(train, 1, **SIGMOID) < FASTER * loss(train, **SIGMOID)


@claim(
    "BN speeds the ReLU network up further, though ReLU is already fast",
    source=f"{SECTION}, figure: ReLU with and without BN",
)
def test_bn_speeds_up_relu(train: Train) -> None:
    assert loss(train, 1, **RELU) < FASTER * loss(train, **RELU)


@claim(
    "Without BN, ReLU converges faster than sigmoid",
    source=f"{SECTION}, figures: sigmoid and ReLU without BN",
)
def test_relu_faster_than_sigmoid(train: Train) -> None:
    assert loss(train, **RELU) < FASTER * loss(train, **SIGMOID)


@claim(
    "The sigmoid network's gradients vanish towards the input, the ReLU network's do not",
    source=f"{SECTION}, the reason given for ReLU",
)
def test_relu_eases_vanishing_gradients(probe: Probe) -> None:
    sigmoid, relu = ratio(probe, "sigmoid"), ratio(probe, "relu")
    assert all_of(sigmoid < TENTH, relu > TENTH, sigmoid < TENTH * relu)


@claim(
    "BN restores the sigmoid network's gradients in the early layers (one BN layer)",
    source=f"{SECTION}, the reason given for BN",
    expected="refuted",
    because="it raises the first layer's gradient norm over the last one's, before training, from "
    "0.013 to 0.10 on MNIST: eight times, not the ten that the claim asks for; four layers raise "
    "it to 4.5",
)
def test_one_bn_eases_vanishing_gradients(probe: Probe) -> None:
    assert ratio(probe, "sigmoid") < TENTH * ratio(probe, "sigmoid", 1)


@claim(
    "BN restores the sigmoid network's gradients in the early layers (four BN layers)",
    source=f"{SECTION}, the reason given for BN",
)
def test_four_bn_ease_vanishing_gradients(probe: Probe) -> None:
    assert ratio(probe, "sigmoid") < TENTH * ratio(probe, "sigmoid", 4)
