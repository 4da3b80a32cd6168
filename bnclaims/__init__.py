"""Claims about training neural networks as executable, statistically sound pytest tests.

Public is what `__all__` lists, with the plugin's options, fixtures and hooks and the command line.
Every package and module within this one is private.
"""

from importlib import metadata as _metadata
from typing import TYPE_CHECKING

from bnclaims.errors import (
    ArmError,
    BnclaimsError,
    ClaimError,
    ClusterError,
    CommandError,
    DataError,
    DescriptionError,
    Inconclusive,
    MarkerError,
    NotFiniteError,
    ResultsError,
    StoreError,
)
from bnclaims.experiment.data import Data
from bnclaims.experiment.history import History
from bnclaims.experiment.models import GLOROT_NORMAL, GLOROT_UNIFORM, MLP, Initializer, Layer
from bnclaims.experiment.protocol import Optimizer, TrainingProtocol
from bnclaims.experiment.seeds import Seed
from bnclaims.language.builtin_metrics import (
    activation_distance,
    batch_mean_variance,
    batch_variance_variance,
    curve_roughness,
    diverged,
    epochs_to,
    final_loss,
    gradient_imbalance,
    gradient_noise,
    gradient_passed,
    gradient_passed_saturated,
    gradient_ratio,
    input_drift,
    mean_loss,
    measured,
    saturation,
    seconds_per_epoch,
    update_spread,
    val_accuracy,
    val_loss,
)
from bnclaims.language.choice import choose
from bnclaims.language.claim import claim
from bnclaims.language.evidence import Evidence
from bnclaims.language.figure import Figure
from bnclaims.language.finding import Finding
from bnclaims.language.fixtures import Probe, Train
from bnclaims.language.metric import metric
from bnclaims.language.sample import Endpoint, Runs, Sample, log
from bnclaims.language.shapes import (
    all_of,
    decreasing,
    equivalent,
    highest,
    increasing,
    lowest,
    rate,
    slope,
)

if TYPE_CHECKING:
    from bnclaims.reporting.verification import Verification
    from bnclaims.session.verify import verify

try:
    __version__ = _metadata.version("bnclaims")
except _metadata.PackageNotFoundError:  # a checkout that is not installed
    __version__ = "0+unknown"

__all__ = [
    "GLOROT_NORMAL",
    "GLOROT_UNIFORM",
    "MLP",
    "ArmError",
    "BnclaimsError",
    "ClaimError",
    "ClusterError",
    "CommandError",
    "Data",
    "DataError",
    "DescriptionError",
    "Endpoint",
    "Evidence",
    "Figure",
    "Finding",
    "History",
    "Inconclusive",
    "Initializer",
    "Layer",
    "MarkerError",
    "NotFiniteError",
    "Optimizer",
    "Probe",
    "ResultsError",
    "Runs",
    "Sample",
    "Seed",
    "StoreError",
    "Train",
    "TrainingProtocol",
    "Verification",
    "__version__",
    "activation_distance",
    "all_of",
    "batch_mean_variance",
    "batch_variance_variance",
    "choose",
    "claim",
    "curve_roughness",
    "decreasing",
    "diverged",
    "epochs_to",
    "equivalent",
    "final_loss",
    "gradient_imbalance",
    "gradient_noise",
    "gradient_passed",
    "gradient_passed_saturated",
    "gradient_ratio",
    "highest",
    "increasing",
    "input_drift",
    "log",
    "lowest",
    "mean_loss",
    "measured",
    "metric",
    "rate",
    "saturation",
    "seconds_per_epoch",
    "slope",
    "update_spread",
    "val_accuracy",
    "val_loss",
    "verify",
]


def __getattr__(name: str) -> object:
    """Imports what only those need who verify claims outside pytest."""
    if name == "verify":
        from bnclaims.session.verify import verify  # noqa: PLC0415

        return verify
    if name == "Verification":
        from bnclaims.reporting.verification import Verification  # noqa: PLC0415

        return Verification
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
