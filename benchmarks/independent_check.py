"""Checks the articles' claims once more, by plain `keras.Model.fit` and a textbook t interval.

The project verifies these claims with an engine, seeds and sequential statistics of its own. A
mistake in any of those could make a verdict wrong and consistent. So this file shares no code with
the project: it imports nothing from it, trains as a reader of the articles would, from weights
that Keras draws in its own way, and judges a fixed number of seeds. Verdicts, and roughly the
means, must agree.

What is checked: batch normalization (BN) and training speed, the number of BN layers, Adam, and
batch size on MNIST; saturation by initial weights on an untrained layer. The network is 784-512-
256-128-64-10 with BN after the first k activated hidden layers; its metric is the mean training
loss over the epochs, in nats. A claim says in which region the mean of a contrast lies, one value
a seed: supported when the interval lies inside, refuted when outside, else inconclusive.

Run, with the default of Keras's own copy of MNIST or an `.npz` in its layout:

    python benchmarks/independent_check.py --mnist mnist.npz --cache runs > table.md
    python benchmarks/independent_check.py --protocol article --only bn-speeds-up-sigmoid

Progress goes to stderr, Markdown tables to stdout. The quick protocol takes about ten minutes on
two cores. Batch size 4 is slow with `fit` even with `steps_per_execution=50`, which is used there:
it changes how often Python is asked, not what is computed.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from numpy.typing import NDArray
from scipy import stats

Values = NDArray[np.float64]
Verdict = Literal["supported", "refuted", "inconclusive"]

HIDDEN = (512, 256, 128, 64)
FIRST_SEED = 101  # any will do; not the suite's, which start at 0
ALPHA = 0.01  # each way: the intervals are two-sided 98%

# The margins, as the suite has them.
FASTER = 0.9  # an area under the curve smaller by a tenth: the same curve in nine tenths the steps
LOG_FASTER = -np.log(FASTER)  # the same on the log scale: ratios within it are "about the same"
SHARE_OF_FIRST = 0.2  # a difference between numbers of BN layers: a share of what the first brings
VISIBLE = 0.10  # nats; a tenth is four percent of the plots' axis, which runs from ln 10 to 0
MOST = 0.5  # "pushed to the extremes": most activations are there
EVEN = 0.10  # "not extreme": no more are there than if spread evenly; they are 10% of the range
HALF_A_BIN = 0.05  # "no visible difference": half a bin of a histogram of ten over sigmoid's range


class Protocol(NamedTuple):
    """How much is trained."""

    images: int
    epochs: int


PROTOCOLS = {"quick": Protocol(10_000, 6), "article": Protocol(60_000, 10)}


class Arm(NamedTuple):
    """A network and how it is trained."""

    activation: str
    bn: int = 0
    optimizer: str = "sgd"
    batch: int = 128

    def __str__(self) -> str:
        return f"{self.activation}-{self.bn}bn-{self.optimizer}-batch{self.batch}"


class Run(NamedTuple):
    """What one training gave."""

    loss: list[float]
    """Training loss of each epoch."""
    test_accuracy: float


def compiled(arm: Arm) -> Any:
    """Returns the arm's network, with weights from Keras's global seed."""
    model = keras.Sequential([keras.Input((784,))])
    for number, units in enumerate(HIDDEN):
        model.add(keras.layers.Dense(units, activation=arm.activation))
        if number < arm.bn:
            model.add(keras.layers.BatchNormalization())
    model.add(keras.layers.Dense(10, activation="softmax"))
    optimizer = {
        "sgd": lambda: keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True),
        "adam": lambda: keras.optimizers.Adam(0.01),
    }[arm.optimizer]()
    model.compile(
        optimizer,
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        steps_per_execution=50 if arm.batch == 4 else 1,
    )
    return model


@dataclass
class Lab:
    """Trains each arm once a seed and remembers it, in memory and in a folder."""

    protocol: str
    seeds: range
    mnist: Path | None
    folder: Path | None

    def __post_init__(self) -> None:
        self.runs: dict[Arm, list[Run]] = {}

    @cached_property
    def data(self) -> tuple[NDArray[Any], ...]:
        """Training and test images, flat and in [0, 1], and their labels."""
        if self.mnist is None:
            (x, y), (x_test, y_test) = keras.datasets.mnist.load_data()
        else:
            with np.load(self.mnist) as file:
                x, y, x_test, y_test = (
                    file[name] for name in ("x_train", "y_train", "x_test", "y_test")
                )
        images = PROTOCOLS[self.protocol].images
        return _flat(x[:images]), y[:images], _flat(x_test), y_test

    def loss(self, arm: Arm) -> Values:
        """Returns the mean training loss over the epochs, one number a seed."""
        if arm not in self.runs:
            self.runs[arm] = [self._run(arm, seed) for seed in self.seeds]
        return np.array([np.mean(run.loss) for run in self.runs[arm]])

    def log_loss(self, arm: Arm) -> Values:
        """Returns its logarithm: differences are log ratios."""
        return np.log(self.loss(arm))

    def _run(self, arm: Arm, seed: int) -> Run:
        if self.folder is None:
            return self._trained(arm, seed)
        path = self.folder / f"{self.protocol}-{arm}-seed{seed}.json"
        if not path.exists():
            run = self._trained(arm, seed)
            self.folder.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_suffix(".tmp")
            unfinished.write_text(json.dumps(run._asdict()))
            unfinished.replace(path)
        return Run(**json.loads(path.read_text()))

    def _trained(self, arm: Arm, seed: int) -> Run:
        x, y, x_test, y_test = self.data
        started = time.perf_counter()
        keras.utils.clear_session()
        keras.utils.set_random_seed(seed)
        model = compiled(arm)
        # Shuffled here: once a seed is set, `fit` repeats one order in every epoch (Keras 3.15 on
        # TensorFlow 2.21). With BN that shows, as each image then keeps its company in a batch.
        generator = np.random.default_rng(seed)
        losses = []
        for _ in range(PROTOCOLS[self.protocol].epochs):
            order = generator.permutation(len(x))
            fitted = model.fit(x[order], y[order], batch_size=arm.batch, shuffle=False, verbose=0)
            losses.append(float(fitted.history["loss"][0]))
        _, accuracy = model.evaluate(x_test, y_test, batch_size=1000, verbose=0)
        run = Run(losses, float(accuracy))
        seconds = time.perf_counter() - started
        _progress(f"{arm} seed {seed}: mean loss {np.mean(run.loss):.4f} in {seconds:.0f} s")
        return run


class Part(NamedTuple):
    """A contrast, one number a seed, and the open region in which its mean is claimed to lie."""

    contrast: str
    values: Values
    low: float = 0.0
    high: float = np.inf


# The claims. Each is supported when all of its parts are.


def bn_speeds_up_sigmoid(lab: Lab) -> list[Part]:
    return [_faster(lab, Arm("sigmoid", bn=1), Arm("sigmoid"))]


def bn_speeds_up_relu(lab: Lab) -> list[Part]:
    return [_faster(lab, Arm("relu", bn=1), Arm("relu"))]


def relu_faster_than_sigmoid(lab: Lab) -> list[Part]:
    return [_faster(lab, Arm("relu"), Arm("sigmoid"))]


def more_bn_helps_sigmoid(lab: Lab) -> list[Part]:
    loss = _by_count(lab, "sigmoid")
    tolerance = SHARE_OF_FIRST * (loss[0] - loss[1])
    fall = (3 * loss[1] + loss[2] - loss[3] - 3 * loss[4]) / 10  # minus the least-squares slope
    steps = [
        Part(
            f"{k} BN - {k + 1} BN + {SHARE_OF_FIRST} first gain", loss[k] - loss[k + 1] + tolerance
        )
        for k in (1, 2, 3)
    ]
    return [Part("fall per BN layer, 1 to 4", fall), *steps]


def relu_insensitive_to_bn_count(lab: Lab) -> list[Part]:
    loss = _by_count(lab, "relu")
    margin = SHARE_OF_FIRST * (loss[0] - loss[1])
    parts = []
    for k in (2, 3, 4):
        more = loss[k] - loss[1]
        parts.append(Part(f"{SHARE_OF_FIRST} first gain - ({k} BN - 1 BN)", margin - more))
        parts.append(Part(f"{SHARE_OF_FIRST} first gain + ({k} BN - 1 BN)", margin + more))
    return parts


def bn_count_matters_more_for_sigmoid(lab: Lab) -> list[Part]:
    sigmoid, relu = _by_count(lab, "sigmoid"), _by_count(lab, "relu")
    gains = (sigmoid[1] - sigmoid[4]) - (relu[1] - relu[4])
    return [Part("(1 BN - 4 BN) with sigmoid - with ReLU", gains, low=VISIBLE)]


def adam_speeds_up_bn(lab: Lab) -> list[Part]:
    return [_faster(lab, Arm("sigmoid", bn=1, optimizer="adam"), Arm("sigmoid", bn=1))]


def adam_speeds_up_four_bn(lab: Lab) -> list[Part]:
    return [_faster(lab, Arm("sigmoid", bn=4, optimizer="adam"), Arm("sigmoid", bn=4))]


def adam_alone_matches_bn(lab: Lab) -> list[Part]:
    adam, bn = Arm("sigmoid", optimizer="adam"), Arm("sigmoid", bn=1)
    ratio = lab.log_loss(adam) - lab.log_loss(bn)
    return [Part("log(Adam / SGD with 1 BN)", ratio, -LOG_FASTER, LOG_FASTER)]


def tiny_batch_cancels_bn(lab: Lab) -> list[Part]:
    return [Part("log gain of BN at 4", _log_gain(lab, 4), -LOG_FASTER, LOG_FASTER)]


def tiny_batch_hurts_bn(lab: Lab) -> list[Part]:
    return [Part("log loss of BN at 4", -_log_gain(lab, 4), low=LOG_FASTER)]


def bn_gain_grows_with_batch(lab: Lab) -> list[Part]:
    growth = _log_gain(lab, 64) - _log_gain(lab, 4)
    return [Part("log gain of BN at 64 - at 4", growth, low=LOG_FASTER)]


def normal_saturates_sigmoid(lab: Lab) -> list[Part]:
    return [_most_saturated(lab, "sigmoid")]


def normal_saturates_tanh(lab: Lab) -> list[Part]:
    return [_most_saturated(lab, "tanh")]


def glorot_normal_not_extreme_sigmoid(lab: Lab) -> list[Part]:
    return _not_extreme(lab, "sigmoid")


def glorot_not_extreme_tanh(lab: Lab) -> list[Part]:
    return _not_extreme(lab, "tanh")


def glorot_uniform_like_normal(lab: Lab) -> list[Part]:
    distances = [
        stats.wasserstein_distance(
            activations("sigmoid", "glorot_normal", seed),
            activations("sigmoid", "glorot_uniform", seed),
        )
        for seed in lab.seeds
    ]
    return [Part("distance of glorot_uniform", np.array(distances), -np.inf, HALF_A_BIN)]


CLAIMS: dict[str, Callable[[Lab], list[Part]]] = {
    function.__name__.replace("_", "-"): function
    for function in (
        bn_speeds_up_sigmoid,
        bn_speeds_up_relu,
        relu_faster_than_sigmoid,
        more_bn_helps_sigmoid,
        relu_insensitive_to_bn_count,
        bn_count_matters_more_for_sigmoid,
        adam_speeds_up_bn,
        adam_speeds_up_four_bn,
        adam_alone_matches_bn,
        tiny_batch_cancels_bn,
        tiny_batch_hurts_bn,
        bn_gain_grows_with_batch,
        normal_saturates_sigmoid,
        normal_saturates_tanh,
        glorot_normal_not_extreme_sigmoid,
        glorot_not_extreme_tanh,
        glorot_uniform_like_normal,
    )
}


def _faster(lab: Lab, fast: Arm, slow: Arm) -> Part:
    return Part(f"{FASTER} {slow} - {fast}", FASTER * lab.loss(slow) - lab.loss(fast))


def _by_count(lab: Lab, activation: str) -> list[Values]:
    """Returns the losses with 0 to 4 BN layers."""
    return [lab.loss(Arm(activation, bn=k)) for k in range(5)]


def _log_gain(lab: Lab, batch: int) -> Values:
    """Returns log(loss without BN / loss with 1 BN) of the sigmoid network."""
    plain, normed = (Arm("sigmoid", bn=k, batch=batch) for k in (0, 1))
    return lab.log_loss(plain) - lab.log_loss(normed)


def activations(activation: str, kernel: str, seed: int) -> Values:
    """Returns what an untrained Dense(256) makes of one input from U(0, 1)."""
    keras.utils.set_random_seed(seed)
    x = np.random.default_rng(seed).random((1, 784), np.float32)
    initializer = keras.initializers.RandomNormal(stddev=1.0) if kernel == "N(0, 1)" else kernel
    layer = keras.layers.Dense(256, activation=activation, kernel_initializer=initializer)
    return np.asarray(layer(x), np.float64).ravel()


def _saturation(lab: Lab, activation: str, kernel: str) -> Values:
    """Returns the share of activations in the outer 5% of the range at either end."""
    low, high = (0.05, 0.95) if activation == "sigmoid" else (-0.9, 0.9)
    drawn = [activations(activation, kernel, seed) for seed in lab.seeds]
    return np.array([np.mean((a < low) | (a > high)) for a in drawn])


def _most_saturated(lab: Lab, activation: str) -> Part:
    return Part("saturation with N(0, 1)", _saturation(lab, activation, "N(0, 1)"), low=MOST)


def _not_extreme(lab: Lab, activation: str) -> list[Part]:
    normal = _saturation(lab, activation, "N(0, 1)")
    glorot = _saturation(lab, activation, "glorot_normal")
    return [
        Part("saturation with glorot_normal", glorot, low=-np.inf, high=EVEN),
        Part("saturation with N(0, 1) - with glorot_normal", normal - glorot, low=EVEN),
    ]


def interval(values: Values, alpha: float) -> tuple[float, float]:
    """Returns the t interval of the mean that errs with probability alpha on each side."""
    half = stats.t.ppf(1 - alpha, len(values) - 1) * stats.sem(values)
    return float(values.mean() - half), float(values.mean() + half)


def judged(part: Part, parts: int) -> Verdict:
    """Returns the verdict on one of a claim's parts.

    One part can refute the claim, so that refuting shares alpha among them; supporting takes all
    of them and needs no correction.
    """
    low, high = interval(part.values, ALPHA)
    if part.low < low and high < part.high:
        return "supported"
    low, high = interval(part.values, ALPHA / parts)
    return "refuted" if high < part.low or part.high < low else "inconclusive"


def together(verdicts: Sequence[Verdict]) -> Verdict:
    """Returns the verdict on a claim from those on its parts."""
    if "refuted" in verdicts:
        return "refuted"
    return "supported" if set(verdicts) == {"supported"} else "inconclusive"


def rows(name: str, parts: Sequence[Part]) -> list[str]:
    """Returns a claim's rows of the table: one a part, and one for all if there are several."""
    verdicts = [judged(part, len(parts)) for part in parts]
    lines = [
        _row(name, part.contrast, _listed(part.values), _mean(part.values), _claimed(part), verdict)
        for part, verdict in zip(parts, verdicts, strict=True)
    ]
    if len(parts) > 1:
        lines.append(_row(name, "all of these", "", "", "", f"**{together(verdicts)}**"))
    return lines


def arm_rows(runs: dict[Arm, list[Run]]) -> list[str]:
    """Returns what lies beneath: for each arm the means over its seeds."""
    lines = [_row("arm", "mean loss ± sd", "last loss", "test accuracy"), _row(*["---"] * 4)]
    for arm, of_seeds in runs.items():
        means = np.array([np.mean(run.loss) for run in of_seeds])
        last = np.mean([run.loss[-1] for run in of_seeds])
        accuracy = np.mean([run.test_accuracy for run in of_seeds])
        loss = f"{means.mean():.3f} ± {means.std(ddof=1):.3f}"
        lines.append(_row(str(arm), loss, f"{last:.3f}", f"{accuracy:.3f}"))
    return lines


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _listed(values: Values) -> str:
    return ", ".join(f"{value:.3f}" for value in values)


def _mean(values: Values) -> str:
    low, high = interval(values, ALPHA)
    return f"{values.mean():.4f} ± {values.std(ddof=1):.4f} [{low:.4f}, {high:.4f}]"


def _claimed(part: Part) -> str:
    if part.high == np.inf:
        return f"> {part.low:.3g}"
    return f"< {part.high:.3g}" if part.low == -np.inf else f"{part.low:.3g} to {part.high:.3g}"


def _flat(images: NDArray[Any]) -> NDArray[np.float32]:
    return images.reshape(len(images), -1).astype(np.float32) / np.float32(255)


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Checks the articles' claims by plain Keras.")
    parser.add_argument("--mnist", type=Path, help="an .npz in Keras's layout (default: Keras's)")
    parser.add_argument("--protocol", choices=PROTOCOLS, default="quick")
    parser.add_argument("--seeds", type=int, default=5, help="how many (default: 5)")
    parser.add_argument("--only", nargs="+", choices=CLAIMS, default=list(CLAIMS), metavar="CLAIM")
    parser.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        help="keep runs there, so that an interrupted check goes on; a folder for each version of "
        "Keras, of the data and of this file",
    )
    arguments = parser.parse_args()
    if arguments.seeds < 2:
        parser.error("--seeds: an interval takes at least two")
    return arguments


def main() -> None:
    arguments = _arguments()
    seeds = range(FIRST_SEED, FIRST_SEED + arguments.seeds)
    lab = Lab(arguments.protocol, seeds, arguments.mnist, arguments.cache)
    images, epochs = PROTOCOLS[arguments.protocol]
    print(f"{arguments.protocol} protocol ({images:,} images, {epochs} epochs), ", end="")
    print(f"seeds {seeds[0]} to {seeds[-1]}, Keras {keras.__version__}\n")
    print(_row("claim", "contrast", "values", "mean ± sd [98% interval]", "claimed", "verdict"))
    print(_row(*["---"] * 6), flush=True)
    for name in arguments.only:
        print("\n".join(rows(name, CLAIMS[name](lab))), flush=True)
    if lab.runs:
        print("", *arm_rows(lab.runs), sep="\n")


if __name__ == "__main__":
    main()
