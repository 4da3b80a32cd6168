"""The losses that Keras names: which are a classification's, all being means over examples."""

from collections.abc import Mapping
from typing import Any

_CLASSIFICATION = {
    "binary_crossentropy": ("BinaryCrossentropy",),
    "binary_focal_crossentropy": ("BinaryFocalCrossentropy",),
    "categorical_crossentropy": ("CategoricalCrossentropy",),
    "categorical_focal_crossentropy": ("CategoricalFocalCrossentropy",),
    "categorical_generalized_cross_entropy": ("CategoricalGeneralizedCrossEntropy",),
    "categorical_hinge": ("CategoricalHinge",),
    "crossentropy": ("ce",),
    "hinge": ("Hinge",),
    "kl_divergence": ("KLDivergence", "kld", "KLD", "kullback_leibler_divergence"),
    "sparse_categorical_crossentropy": ("SparseCategoricalCrossentropy",),
    "squared_hinge": ("SquaredHinge",),
}
_REGRESSION = {
    "cosine_similarity": ("CosineSimilarity",),
    "huber": ("Huber",),
    "log_cosh": ("LogCosh", "logcosh"),
    "mean_absolute_error": ("MeanAbsoluteError", "mae", "MAE"),
    "mean_absolute_percentage_error": ("MeanAbsolutePercentageError", "mape", "MAPE"),
    "mean_squared_error": ("MeanSquaredError", "mse", "MSE"),
    "mean_squared_logarithmic_error": ("MeanSquaredLogarithmicError", "msle", "MSLE"),
    "poisson": ("Poisson",),
}
_NAMES = {
    alias: name
    for table in (_CLASSIFICATION, _REGRESSION)
    for name, aliases in table.items()
    for alias in (name, *aliases)
}


def keras_name(loss: Any) -> str | None:
    """Returns the one name of a loss that is Keras's own, a mean over examples; None for others."""
    if isinstance(loss, str):
        return _NAMES.get(loss)
    kind = loss if hasattr(loss, "__qualname__") else type(loss)
    theirs = getattr(kind, "__module__", "").startswith("keras.")
    return _NAMES.get(kind.__qualname__) if theirs else None


def takes_classes(loss: Any) -> bool:
    """Says whether a loss of Keras's own takes labels as the numbers of classes, not one-hot."""
    return (keras_name(loss) or "").startswith("sparse_")


def is_classification(loss: Any) -> bool | None:
    """Says whether a loss is a classification's, which has an accuracy; None if unknown."""
    if isinstance(loss, Mapping | list | tuple):
        return False
    name = keras_name(loss)
    return None if name is None else name in _CLASSIFICATION


def asks_for_accuracy(metrics: Any) -> bool:
    """Says whether an accuracy is among the names of metrics, in any structure of these."""
    if isinstance(metrics, Mapping):
        return any(map(asks_for_accuracy, metrics.values()))
    if isinstance(metrics, list | tuple):
        return any(map(asks_for_accuracy, metrics))
    return metrics in ("accuracy", "acc") if isinstance(metrics, str) else False
