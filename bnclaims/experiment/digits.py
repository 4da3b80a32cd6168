"""The embedded data set: real 8x8 digits, warped into MNIST's shape.

It lets every claim run without a network. The source is the test half of the "Optical Recognition
of Handwritten Digits" data of Alpaydin and Kaynak (UCI, 1998, CC BY 4.0), 1,797 images by 13
writers, as scikit-learn has them. They are split by image, not by writer, so a writer may occur in
both sets; and the 10,000 test images are copies of only 360 originals, so they hold far less
independent evidence than MNIST's. No number obtained with this set is about MNIST.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

TRAIN_COUNT = 60_000
TEST_COUNT = 10_000
SIDE = 28  # pixels

_ORIGINALS = Path(__file__).with_name("uci_digits.npz")
_SEED = 1_998
_TRAIN_SHARE = 0.8
_BOX = 20  # pixels: MNIST's digits fill at most a 20x20 box of their 28x28 field
_MARGIN = 2  # empty pixels around the box, so that clipped coordinates read zeros
_PITCH = _BOX + 2 * _MARGIN
_FRACTION = 256  # steps per pixel of the fixed-point coordinates
_CHUNK = 500  # images: the intermediate arrays then stay in the processor's cache


def make_digits() -> dict[str, NDArray[np.uint8]]:
    """Generate the whole data set, the same to the bit at every call.

    The originals are split 80/20 first, and each set is made of warped copies of its own part only;
    every original gives equally many copies (one more or less), in random order.

    Returns:
        Keras's four arrays, all uint8: x_train (60000, 28, 28) and x_test (10000, 28, 28) with
        intensities 0 to 255, y_train (60000,) and y_test (10000,) with labels 0 to 9.
    """
    with np.load(_ORIGINALS, allow_pickle=False) as originals:
        templates, centres = _templates(originals["images"].astype(np.float64))
        labels = originals["labels"]
    _, train_seed, test_seed = np.random.SeedSequence(_SEED).spawn(3)
    arrays: dict[str, NDArray[np.uint8]] = {}
    parts = zip(
        _split(len(labels)), (TRAIN_COUNT, TEST_COUNT), (train_seed, test_seed), strict=True
    )
    for which, (part, count, seed) in zip(("train", "test"), parts, strict=True):
        rng = np.random.default_rng(seed)
        chosen = rng.permutation(np.resize(part, count))
        arrays[f"x_{which}"] = _warp(templates, centres, chosen, rng)
        arrays[f"y_{which}"] = labels[chosen]
    return arrays


def _split(count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split the indices of `count` originals at random into 80 % for training, 20 % for test."""
    seed = np.random.SeedSequence(_SEED).spawn(1)[0]
    order = np.random.default_rng(seed).permutation(count)
    train = round(_TRAIN_SHARE * count)
    return order[:train], order[train:]


def _templates(images: NDArray[np.float64]) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Enlarge the 8x8 originals to 20x20 pixels in an empty margin.

    Args:
        images: Shape (n, 8, 8), intensities 0 to 16.

    Returns:
        Templates of shape (n, 24, 24), intensities 0 to 255, and their centres of mass of shape
        (n, 2): row and column in pixels.
    """
    from scipy.ndimage import zoom  # noqa: PLC0415  # slow to import, only needed here

    factor = _BOX / images.shape[1]
    large = zoom(images / 16, (1, factor, factor), order=3, mode="grid-constant", grid_mode=True)
    # A pixel of the originals counts the ink in a 4x4 block, so enlarged strokes are blurred;
    # the steeper ramp gives them MNIST's saturated core and narrow edge.
    inked = np.clip((large - 0.3) / 0.4, 0, 1)
    framed = np.pad(inked, ((0, 0), (_MARGIN, _MARGIN), (_MARGIN, _MARGIN)))
    templates = np.rint(framed * 255).astype(np.uint8)
    ink = templates.sum(axis=(1, 2))
    pixels = np.arange(_PITCH)
    rows = templates.sum(axis=2) @ pixels / ink
    columns = templates.sum(axis=1) @ pixels / ink
    return templates, np.stack([rows, columns], axis=1)


def _warp(
    templates: NDArray[np.uint8],
    centres: NDArray[np.float64],
    chosen: NDArray[np.int64],
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Draw each chosen template under a random affine map, its centre of mass near the middle.

    Pixels are computed in fixed point: floating point enters only through the maps' coefficients,
    so a library that rounds a sum differently does not change the images.

    Args:
        templates: Shape (n, 24, 24).
        centres: Their centres of mass, shape (n, 2), in pixels.
        chosen: Indices into the templates, one per image to draw.
        rng: Gives the maps.

    Returns:
        Images of shape (len(chosen), 28, 28).
    """
    inverse, shift = _random_maps(len(chosen), rng)
    middle = (SIDE - 1) / 2
    offset = centres[chosen] - np.einsum("nij,nj->ni", inverse, middle + shift)
    slopes = np.rint(inverse * _FRACTION).astype(np.int32)
    starts = np.rint(offset * _FRACTION).astype(np.int32)
    flat = templates.ravel()
    out = np.empty((len(chosen), SIDE, SIDE), np.uint8)
    for first in range(0, len(chosen), _CHUNK):
        part = slice(first, first + _CHUNK)
        bases = (chosen[part] * _PITCH**2).astype(np.int32)[:, None, None]
        out[part] = _sample(flat, bases, slopes[part], starts[part])
    return out


def _random_maps(
    count: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw affine maps from a 28x28 field back to a template.

    Returns:
        Matrices of shape (count, 2, 2), from field to template, and shifts of shape (count, 2), in
        pixels of the field.
    """
    angle = rng.uniform(-np.pi / 15, np.pi / 15, count)
    shear = rng.uniform(-0.2, 0.2, count)
    tall = rng.uniform(0.85, 1.1, count)
    wide = rng.uniform(0.8, 1.1, count)
    shift = rng.uniform(-1.5, 1.5, (count, 2))
    cosine, sine = np.cos(angle), np.sin(angle)
    # Undoing scale, then shear, then rotation: diag(1/tall, 1/wide) @ [[1, 0], [shear, 1]] @ R.
    inverse = np.empty((count, 2, 2))
    inverse[:, 0, 0] = cosine / tall
    inverse[:, 0, 1] = sine / tall
    inverse[:, 1, 0] = (shear * cosine - sine) / wide
    inverse[:, 1, 1] = (shear * sine + cosine) / wide
    return inverse, shift


def _sample(
    flat: NDArray[np.uint8],
    bases: NDArray[np.int32],
    slopes: NDArray[np.int32],
    starts: NDArray[np.int32],
) -> NDArray[np.uint8]:
    """Sample templates bilinearly at affine images of the pixel grid, in integers.

    Args:
        flat: All templates, row by row.
        bases: Where each image's template begins in `flat`, shape (n, 1, 1).
        slopes: Matrices from field to template, shape (n, 2, 2), in 1/256.
        starts: Template coordinates of the field's pixel (0, 0), shape (n, 2), in 1/256 pixel.

    Returns:
        Images of shape (n, 28, 28).
    """
    grid = np.arange(SIDE, dtype=np.int32)
    # Beyond the last but one pixel there is only margin, which is zero wherever it is read.
    limit = (_PITCH - 1) * _FRACTION - 1
    whole: list[NDArray[np.int32]] = []
    part: list[NDArray[np.int32]] = []
    for axis in (0, 1):
        along_rows = slopes[:, axis, 0, None] * grid + starts[:, axis, None]
        along_columns = slopes[:, axis, 1, None] * grid
        at = np.clip(along_rows[:, :, None] + along_columns[:, None, :], 0, limit)
        whole.append(at // _FRACTION)
        part.append(at % _FRACTION)
    corner = bases + whole[0] * _PITCH + whole[1]
    down, right = part

    def blend(start: int) -> NDArray[np.int32]:
        here = flat.take(corner + start).astype(np.int32)
        beside = flat.take(corner + (start + 1)).astype(np.int32)
        return here * (_FRACTION - right) + beside * right

    total = blend(0) * (_FRACTION - down) + blend(_PITCH) * down
    return ((total + _FRACTION**2 // 2) // _FRACTION**2).astype(np.uint8)
