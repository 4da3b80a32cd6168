"""Claims about training neural networks as executable, statistically sound pytest tests."""

from bnclaims.arm import ARTICLE_SGD, Optimizer
from bnclaims.claim import claim
from bnclaims.data import Data
from bnclaims.evidence import Inconclusive
from bnclaims.fixtures import Probe, Train
from bnclaims.history import History
from bnclaims.measure import (
    activation_distance,
    final_loss,
    mean_loss,
    metric,
    saturation,
    val_accuracy,
    val_loss,
)
from bnclaims.models import GLOROT_NORMAL, GLOROT_UNIFORM, MLP, Initializer, Layer
from bnclaims.sample import Sample, log
from bnclaims.shapes import (
    all_of,
    decreasing,
    equivalent,
    highest,
    increasing,
    lowest,
    rate,
    slope,
)

__all__ = [
    "ARTICLE_SGD",
    "GLOROT_NORMAL",
    "GLOROT_UNIFORM",
    "MLP",
    "Data",
    "History",
    "Inconclusive",
    "Initializer",
    "Layer",
    "Optimizer",
    "Probe",
    "Sample",
    "Train",
    "activation_distance",
    "all_of",
    "claim",
    "decreasing",
    "equivalent",
    "final_loss",
    "highest",
    "increasing",
    "log",
    "lowest",
    "mean_loss",
    "metric",
    "rate",
    "saturation",
    "slope",
    "val_accuracy",
    "val_loss",
]
