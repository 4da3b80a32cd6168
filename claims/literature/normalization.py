"""The normalization layers of the papers: Keras's own, ghost batches, and noise behind BN.

Their classes are made when a model is built: a session with everything stored imports no Keras.
"""

from functools import cache
from typing import Any


def layer(kind: str, **arguments: Any) -> Any:
    """Returns a new normalization layer.

    Args:
        kind: "batch", "layer", "group" (of eight units), "ghost" or "noisy".
        **arguments: Of the layer.
    """
    from keras import layers

    match kind:
        case "batch":
            return layers.BatchNormalization(**arguments)
        case "layer":
            return layers.LayerNormalization(**arguments)
        case "group":
            return layers.GroupNormalization(groups=8, **arguments)
        case "ghost":
            return _ghost()(**arguments)
        case "noisy":
            return _noisy()(**arguments)
    raise ValueError(f"no normalization is called {kind!r}")


@cache
def _ghost() -> Any:
    from keras import layers, ops

    class GhostBatchNormalization(layers.BatchNormalization):  # type: ignore[misc]
        """BN over parts of a batch, each by its own statistics.

        Source: Hoffer, Hubara & Soudry 2017, algorithm 1. There the moving averages take one part
        after the other; here they take the parts' mean.

        Args:
            ghost_size: Examples of a part, a divisor of the batch size.
        """

        def __init__(self, ghost_size: int, **arguments: Any) -> None:
            super().__init__(**arguments)
            self.ghost_size = ghost_size

        def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
            if not training:
                return super().call(inputs, training=False, mask=mask)
            parts = ops.reshape(inputs, (-1, self.ghost_size, inputs.shape[-1]))
            mean, variance = ops.moments(parts, axes=1, keepdims=True)
            for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
                seen = ops.mean(now, axis=(0, 1))
                moving.assign(self.momentum * moving + (1 - self.momentum) * seen)
            normalized = (parts - mean) * ops.rsqrt(variance + self.epsilon)
            return ops.reshape(normalized * self.gamma + self.beta, ops.shape(inputs))

    return GhostBatchNormalization


@cache
def _noisy() -> Any:
    import keras
    from keras import layers, ops

    class NoisyBatchNormalization(layers.BatchNormalization):  # type: ignore[misc]
        """BN with noise behind it whose distribution shifts from step to step.

        Each unit's noise has a mean and a deviation that are drawn anew in each step; each
        example's output is stretched and moved by noise of that distribution. Evaluation has none.

        Source: Santurkar et al. 2018, section 2.1 and appendix; the sizes are from memory.

        Args:
            mean: The mean is drawn from -mean to mean, in deviations of the normalized output.
            deviation: The deviation is drawn from 1 to this.
            spread: How far an example's noise is from its unit's.
        """

        def __init__(
            self, mean: float = 0.5, deviation: float = 1.25, spread: float = 0.1, **others: Any
        ) -> None:
            super().__init__(**others)
            self.mean, self.deviation, self.spread = mean, deviation, spread
            self.seed_generator = keras.random.SeedGenerator()

        def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
            outputs = super().call(inputs, training=training, mask=mask)
            if not training:
                return outputs
            units, each = (inputs.shape[-1],), ops.shape(inputs)
            mean = self._uniform(units, -self.mean, self.mean)
            deviation = self._uniform(units, 1.0, self.deviation)
            moved = mean + self._uniform(each, -self.spread, self.spread)
            noise = keras.random.normal(each, seed=self.seed_generator)
            return (deviation + self.spread * noise) * outputs + moved

        def _uniform(self, shape: Any, low: float, high: float) -> Any:
            return keras.random.uniform(shape, low, high, seed=self.seed_generator)

    return NoisyBatchNormalization
