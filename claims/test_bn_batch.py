"""The BN article on batch sizes: 4, 64, 256 and 1024, with one BN layer and without.

The article does not say which activation; these are its sigmoid network. Curves are per epoch, as
there: a pass over the data at batch 4 takes 256 times as many steps as at 1024.
"""

from collections.abc import Sequence

import pytest

from bnclaims import (
    MLP,
    Probe,
    Sample,
    Train,
    all_of,
    batch_mean_variance,
    batch_variance_variance,
    claim,
    decreasing,
    final_loss,
    gradient_noise,
    log,
    lowest,
    rate,
    seconds_per_epoch,
)
from claims.bn_article import BATCHES, BN_ARTICLE, FASTER, VISIBLE, loss, network

SECTION = f"{BN_ARTICLE}, 'the effect of the batch'"

PLAIN = MLP("sigmoid")
NORMED = PLAIN.with_batch_norm(1)

# A rate is as claimed when it is within a tenth of it.
TENTH = 0.1

# A step from one batch size to the next may go the wrong way by a twentieth of the whole range.
NOISE_TOLERANCE = 0.05

# Wall times differ by a tenth from one measurement to the next.
TIME_TOLERANCE = 0.1


def losses(train: Train, bn_layers: int, batches: Sequence[int] = BATCHES) -> list[Sample]:
    """Mean training loss at each of the batch sizes."""
    return [loss(train, bn_layers, activation="sigmoid", batch_size=size) for size in batches]


def losses_at_4(train: Train) -> list[Sample]:
    """Mean training loss at batches of 4, without BN and with one BN layer."""
    return [losses(train, bn_layers, (4,))[0] for bn_layers in (0, 1)]


@claim(
    "With BN, per epoch, batches of 64 and 4 are the best of 4, 64, 256 and 1024",
    source=f"{SECTION}, figure: four batch sizes with BN (dashed) and without",
)
def test_bn_best_at_small_batches(train: Train) -> None:
    four, sixty_four, *rest = losses(train, bn_layers=1)
    assert lowest([four, sixty_four], than=[FASTER * other for other in rest])


@claim(
    "Without BN, batches of 4 are the best of 4, 64, 256 and 1024",
    source=f"{SECTION}, figure: four batch sizes with BN (dashed) and without",
    expected={"quick": {"digits": "inconclusive"}},
    because="on the digits, within the quick protocol, larger batches stay at chance (2.31 at 64) "
    "and batches of 4 leave it late, each seed at another time (1.94, varying by 0.15): twenty "
    "seeds do not settle whether that is the tenth lower that counts as better",
)
def test_plain_best_at_batch_4(train: Train) -> None:
    four, *rest = losses(train, bn_layers=0)
    assert lowest([four], than=[FASTER * other for other in rest])


@claim(
    "At a batch size of 4, BN hardly matters",
    source=f"{SECTION}, figure: four batch sizes with BN (dashed) and without",
    expected={"quick": "refuted", "article": {"mnist": "inconclusive", "digits": "refuted"}},
    because="on MNIST, over the article's budget, the mean losses differ by about the tenth that "
    "is the margin (0.244 without, 0.225 with BN; without BN they vary by 0.017 from seed to "
    "seed), on the digits by a fifth (0.268 and 0.206); under the quick protocol BN halves the "
    "loss",
)
def test_tiny_batch_cancels_bn(train: Train) -> None:
    plain, normed = losses_at_4(train)
    assert abs(plain - normed) < (1 - FASTER) * plain


@claim(
    "At small batches (4) a BN layer lowers performance: it makes convergence slower",
    source=f"{SECTION}, on estimates from few images",
    expected="refuted",
    because="its mean loss is no higher (on MNIST, over the article's budget, 0.225 against 0.244, "
    "which varies by 0.017 from seed to seed), and it classifies as many test images; "
    "tiny-batch-hurts-bn-in-the-end is about the last loss",
)
def test_tiny_batch_hurts_bn(train: Train) -> None:
    plain, normed = losses_at_4(train)
    assert plain < FASTER * normed


# The claim above hangs on its metric, as its first verdict showed: so here is the other one.
@claim(
    "At small batches (4) a BN layer lowers performance: training ends at a higher loss",
    source=f"{SECTION}, on estimates from few images",
    expected={"quick": "refuted"},
    because="on MNIST, after the quick protocol's six short epochs, the network without BN is "
    "still on its way (0.44 against 0.40 with BN); after the article's it ends lower (0.042 "
    "against 0.103)",
)
def test_tiny_batch_hurts_bn_in_the_end(train: Train) -> None:
    plain, normed = (
        final_loss(network(train, bn_layers, activation="sigmoid", batch_size=4))
        for bn_layers in (0, 1)
    )
    assert plain < FASTER * normed


@claim(
    "BN's advantage at batches of 4 is smaller than at 64, in nats",
    source=f"{SECTION}; often repeated as 'small batches hurt BN'",
    expected={"quick": {"digits": "refuted"}},
    because="on the digits, within the quick protocol, the network without BN stays at chance at "
    "64 and leaves it late at 4: BN gains 1.07 nats at 64 and 1.14 at 4",
)
def test_bn_gain_grows_with_batch(train: Train) -> None:
    plain, normed = (losses(train, bn_layers, (4, 64)) for bn_layers in (0, 1))
    assert plain[1] - normed[1] > plain[0] - normed[0] + VISIBLE


@claim(
    "BN's advantage at batches of 4 is smaller than at 64, as a share of the loss",
    source=f"{SECTION}; often repeated as 'small batches hurt BN'",
    expected={"quick": "refuted"},
    because="under the quick protocol the network without BN stays at chance at batches of 64, "
    "which caps what BN can gain there; over the article's budget the claim holds, as in nats",
)
def test_bn_relative_gain_grows_with_batch(train: Train) -> None:
    plain, normed = (losses(train, bn_layers, (4, 64)) for bn_layers in (0, 1))
    at_4, at_64 = (log(plain[i] / normed[i]) for i in (0, 1))
    assert at_64 > at_4 + VISIBLE


@claim(
    "The smaller the batch, the more its mean and variance differ from batch to batch",
    source=f"{SECTION}, on estimates from few images",
)
def test_batch_statistics_noise(probe: Probe) -> None:
    looks = [probe(PLAIN, batch_size=size) for size in BATCHES]
    means = [log(batch_mean_variance(look)) for look in looks]
    variances = [log(batch_variance_variance(look)) for look in looks]
    assert all_of(
        decreasing(means, tolerance=NOISE_TOLERANCE),
        decreasing(variances, tolerance=NOISE_TOLERANCE),
    )


@claim(
    "The variance of a batch's mean and variance goes as one over the batch size",
    source=f"{SECTION}; the law of averages",
)
def test_batch_statistics_rate(probe: Probe) -> None:
    looks = [probe(PLAIN, batch_size=size) for size in BATCHES]
    means = rate([batch_mean_variance(look) for look in looks], at=BATCHES)
    variances = rate([batch_variance_variance(look) for look in looks], at=BATCHES)
    assert all_of(abs(means + 1) < TENTH, abs(variances + 1) < TENTH)


@claim(
    "The smaller the batch, the noisier the gradient, with and without BN",
    source=f"{SECTION}, on the noise of small batches",
)
def test_gradient_noise_with_batch(probe: Probe) -> None:
    plain, normed = (
        [gradient_noise(probe(model, batch_size=size)) for size in BATCHES]
        for model in (PLAIN, NORMED)
    )
    assert all_of(
        decreasing(plain, tolerance=NOISE_TOLERANCE),
        decreasing(normed, tolerance=NOISE_TOLERANCE),
    )


@pytest.mark.timed
@claim(
    "One pass over the data takes longer in small batches",
    source=f"{SECTION}, on the cost of small batches",
)
def test_small_batch_epoch_slower(train: Train) -> None:
    seconds = [
        log(seconds_per_epoch(train(PLAIN, batch_size=size, epochs=1, fresh=True)))
        for size in BATCHES
    ]
    assert decreasing(seconds, tolerance=TIME_TOLERANCE)
