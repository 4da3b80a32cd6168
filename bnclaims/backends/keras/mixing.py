"""Whether what is evaluated of an example may depend on the others in its batch."""

from typing import Any

import keras

from bnclaims.backends.keras.compiling import PLAIN_MODELS
from bnclaims.experiment.losses import keras_name

_L = keras.layers
_ONE_BY_ONE = {
    _L.Activation, _L.ActivityRegularization, _L.Add, _L.AlphaDropout, _L.Average,
    _L.AveragePooling1D, _L.AveragePooling2D, _L.AveragePooling3D, _L.BatchNormalization,
    _L.Bidirectional, _L.Concatenate, _L.Conv1D, _L.Conv1DTranspose, _L.Conv2D,
    _L.Conv2DTranspose, _L.Conv3D, _L.Conv3DTranspose, _L.Cropping1D, _L.Cropping2D,
    _L.Cropping3D, _L.Dense, _L.DepthwiseConv1D, _L.DepthwiseConv2D, _L.Dot, _L.Dropout, _L.ELU,
    _L.EinsumDense, _L.Embedding, _L.Flatten, _L.GRU, _L.GRUCell, _L.GaussianDropout,
    _L.GaussianNoise, _L.GlobalAveragePooling1D, _L.GlobalAveragePooling2D,
    _L.GlobalAveragePooling3D, _L.GlobalMaxPooling1D, _L.GlobalMaxPooling2D,
    _L.GlobalMaxPooling3D, _L.GroupNormalization, _L.Identity, _L.InputLayer, _L.LSTM,
    _L.LSTMCell, _L.LayerNormalization, _L.LeakyReLU, _L.MaxPooling1D, _L.MaxPooling2D,
    _L.MaxPooling3D, _L.Maximum, _L.Minimum, _L.MultiHeadAttention, _L.Multiply,
    _L.Normalization, _L.PReLU, _L.Permute, _L.RNN, _L.RandomFlip, _L.RandomRotation,
    _L.RandomTranslation, _L.RandomZoom, _L.ReLU, _L.RepeatVector, _L.Rescaling, _L.Reshape,
    _L.SeparableConv1D, _L.SeparableConv2D, _L.SimpleRNN, _L.SimpleRNNCell, _L.Softmax,
    _L.SpatialDropout1D, _L.SpatialDropout2D, _L.SpatialDropout3D, _L.SpectralNormalization,
    _L.StackedRNNCells, _L.Subtract, _L.TimeDistributed, _L.UnitNormalization, _L.UpSampling1D,
    _L.UpSampling2D, _L.UpSampling3D, _L.ZeroPadding1D, _L.ZeroPadding2D, _L.ZeroPadding3D,
    *({_L.RMSNormalization} if hasattr(_L, "RMSNormalization") else ()),
}  # fmt: skip
"""Layers that take each example by itself in evaluation, unless an axis says otherwise."""

_BY_ALL_LABELS = ("hinge", "squared_hinge")
"""Losses that look at all labels of a batch, to tell those of 0 and 1 from those of -1 and 1."""


def mixes_examples(model: Any, loss: Any) -> bool:
    """Says whether what a model and its loss make of an example may depend on others in its batch.

    It may unless all is Keras's own and known to take the examples one by one.

    Args:
        model: A built one.
        loss: One of Keras's means over examples, on labels of the form of the predictions.
    """
    if keras_name(loss) in _BY_ALL_LABELS:
        return True
    parts = list(model._flatten_layers())
    graphs = [part for part in parts if isinstance(part, keras.Model)]
    return any(map(_may_mix, parts)) or any(map(_may_mix_in_its_graph, graphs))


def _may_mix(layer: Any) -> bool:
    """Says so of a layer wherever it is called; what counts from the end depends on the place."""
    unknown = type(layer) not in _ONE_BY_ONE.union(PLAIN_MODELS) or "call" in vars(layer)
    activations = [part for name, part in vars(layer).items() if name.endswith("activation")]
    own = not all(map(_is_an_activation, filter(callable, activations)))
    return unknown or own or 0 in _axes(layer) or not _keeps_examples_apart(layer)


def _is_an_activation(part: Any) -> bool:
    kinds = keras.activations.relu.__module__.rpartition(".")[0]
    return isinstance(part, keras.Layer) or getattr(part, "__module__", "").startswith(kinds)


def _axes(layer: Any) -> list[int]:
    """Returns the axes that a layer works along."""
    said = [getattr(layer, name, None) for name in ("axis", "axes", "_attention_axes")]
    lists = [axes if isinstance(axes, list | tuple) else [axes] for axes in said]
    return [axis for axes in lists for axis in axes if isinstance(axis, int)]


def _keeps_examples_apart(layer: Any) -> bool:
    """Says whether a sum by an equation leaves the first axis of its input where it is."""
    if not isinstance(layer, keras.layers.EinsumDense):
        return True
    operands, _, result = layer.equation.replace(" ", "").partition("->")
    examples, kernel = operands[0], operands.partition(",")[2]
    return bool(result[0] == examples and examples not in kernel)


def _may_mix_in_its_graph(model: Any) -> bool:
    graph = getattr(model, "_functional", model)
    nodes = getattr(graph, "_nodes_by_depth", None)
    return nodes is None or any(map(_mixes, (node for row in nodes.values() for node in row)))


def _mixes(node: Any) -> bool:
    """Says whether an operation may mix examples as it is called here.

    It may where it is no layer's, is called as in training, with the statistics of the batch, or
    with a mask, and where the axis of the examples is the one to work along, or the only one.
    """
    if not isinstance(node.operation, keras.Layer):
        return True
    named = node.arguments.kwargs
    ranks = [len(tensor.shape) for tensor in (*node.input_tensors, *node.outputs)]
    if named.get("training") or named.get("mask") is not None or min(ranks) < 2:
        return True
    taken = {len(tensor.shape) for tensor in node.input_tensors}
    return any(axis % rank == 0 for axis in _axes(node.operation) for rank in taken)
