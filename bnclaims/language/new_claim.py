"""A claim to start from: a file that runs, once its margin and its source are filled in."""

import json
import re
import unicodedata
from pathlib import Path

from bnclaims.errors import CommandError

_LONGEST = 60
"""Letters of a test's name; a statement may be longer."""

_TEMPLATE = '''"""A claim of one's own, tested with bnclaims: `pytest {file}`."""

from functools import partial

from bnclaims import claim, mean_loss

TRAINING = {{
    "optimizer": "adam",
    "loss": "sparse_categorical_crossentropy",
    "batch_size": 128,
    "epochs": 1,
}}

# The smallest difference that would matter to you, in the unit of the metric. Fix it, and write
# down the reason for it, before you look at results.
MARGIN = ...


def network(changed):
    """Returns a new model each time, with or without what the claim is about."""
    import keras
    from keras import layers

    # For example; put your own change here.
    inner = [layers.LayerNormalization()] if changed else []
    return keras.Sequential(
        [
            keras.Input((28, 28)),
            layers.Flatten(),
            layers.Dense(64, "tanh"),
            *inner,
            layers.Dense(10, "softmax"),
        ]
    )


# The source is "own", or a work and, after a comma, the place in it.
@claim({statement}, source=...)
def test_{name}(train):
    changed, plain = (train(partial(network, which), **TRAINING) for which in (True, False))
    assert mean_loss(changed) < mean_loss(plain) - MARGIN
'''


def write(statement: str, folder: Path) -> Path:
    """Writes a claim file for a statement, over no other file, and returns its path.

    Args:
        statement: What is claimed, in a sentence. It gives the file and the test their name.
        folder: Where to.

    Raises:
        CommandError: The statement is empty or makes no name, or there is such a file already.
        OSError: The file cannot be written; nothing is left of it.
    """
    if not (name := _name(statement)):
        raise CommandError(
            f"{statement!r} is no statement to name a test by: say what is claimed in a sentence, "
            'with letters from a to z, as in "LayerNorm helps a deep tanh network"'
        )
    path = folder / f"test_{name}.py"
    text = json.dumps(" ".join(statement.split()), ensure_ascii=False)
    try:
        file = path.open("x", encoding="utf-8")
    except FileExistsError:
        raise CommandError(
            f"{path} exists and is left as it is: remove or rename it, or word the statement "
            "otherwise"
        ) from None
    except FileNotFoundError:
        raise CommandError(f"there is no folder {folder}: make it first") from None
    try:
        with file:
            file.write(_TEMPLATE.format(file=path.name, statement=text, name=name))
    except OSError as error:
        path.unlink()  # half a file would stand in the way of the next try
        raise OSError(error.errno, error.strerror, str(path)) from None
    return path


def _name(statement: str) -> str:
    """Returns whole words of a statement, as part of a test's name."""
    plain = unicodedata.normalize("NFKD", statement).encode("ascii", "ignore").decode().lower()
    words = re.findall(r"[a-z0-9]+", plain)
    while len("_".join(words)) > _LONGEST and len(words) > 1:
        words.pop()
    return "_".join(words)[:_LONGEST]
