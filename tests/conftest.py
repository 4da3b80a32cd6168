"""Fixtures for all tests: small real data, and pytest within pytest."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from bnclaims.experiment.data import Data
from bnclaims.experiment.sources import DataSource, resolve
from bnclaims.session.options import cache_folder

pytest_plugins = ["pytester"]

# On a machine that others share, how long an example takes says nothing about the code.
settings.register_profile("shared", deadline=None)
settings.load_profile("shared")


@pytest.fixture(scope="session")
def small_data() -> Data:
    """500 training and 200 test images: scikit-learn's digits, enlarged to 28x28 bytes."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = np.kron(digits.images[:700], np.ones((3, 3)))
    images = (np.pad(images, ((0, 0), (2, 2), (2, 2))) * (255 / 16)).astype(np.uint8)
    labels = digits.target[:700].astype(np.uint8)
    return Data(
        name="small",
        x_train=images[:500],
        y_train=labels[:500],
        x_test=images[500:],
        y_test=labels[500:],
    )


@pytest.fixture(scope="session")
def images(small_data: Data, tmp_path_factory: pytest.TempPathFactory) -> DataSource:
    """The same in a file."""
    path = tmp_path_factory.mktemp("images") / "small.npz"
    arrays = {key: getattr(small_data, key) for key in ("x_train", "y_train", "x_test", "y_test")}
    np.savez(path, allow_pickle=False, **arrays)
    return resolve(str(path), cache=path.parent)


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the embedded digits."""
    return resolve("digits", cache=tmp_path_factory.mktemp("digits")).path


@pytest.fixture
def pytester(
    pytester: pytest.Pytester, digits: Path, monkeypatch: pytest.MonkeyPatch
) -> pytest.Pytester:
    """Pytest within pytest. The digits, which take a second to make, are in its cache."""
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    cache = cache_folder()
    cache.mkdir(parents=True)
    (cache / digits.name).hardlink_to(digits)
    # Importing Hypothesis takes a third of a session, and these sessions have no use for it.
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest")
    return pytester
