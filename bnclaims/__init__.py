"""Claims about training neural networks as executable, statistically sound pytest tests."""

from bnclaims.arm import ARTICLE_SGD, Optimizer
from bnclaims.claim import claim
from bnclaims.data import Data
from bnclaims.evidence import Inconclusive, all_of, decreasing, equivalent
from bnclaims.fixtures import Probe, Train
from bnclaims.history import History
from bnclaims.models import GLOROT_NORMAL, GLOROT_UNIFORM, MLP, Initializer, Layer
from bnclaims.sample import (
    Sample,
    activation_distance,
    final_loss,
    log,
    mean_loss,
    metric,
    saturation,
    val_accuracy,
    val_loss,
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
    "log",
    "mean_loss",
    "metric",
    "saturation",
    "val_accuracy",
    "val_loss",
]
